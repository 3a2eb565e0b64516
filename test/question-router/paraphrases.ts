/**
 * Questions as people ask them, one group per line of thought: every question of a group asks what its first one asks.
 * Written before the rules were tuned (140 were read alike then), and the rules were tuned on them.
 */
const GROUPS = `
How do I delete a worktree? | How can I remove a worktree? | What is the way to delete a worktree? | How is a worktree deleted? | Can you tell me how to delete a worktree?
What is the default port of the daemon? | What's the daemon's default port? | Which port is the default port of the daemon? | Do you know what the default port of the daemon is? | Which is the daemon's default port?
Where are backups stored? | Where do we store backups? | In which place are backups stored? | Where can backups be found? | Where do I find the backups?
How long are backups kept? | For how long are backups kept? | How long do we keep backups? | How long are the backups retained? | For how long do we retain backups?
Which port does the daemon listen on? | On which port does the daemon listen? | On what port is the daemon listening? | What port does the daemon listen on? | Can you tell me on which port the daemon listens?
Are agents allowed to push? | May agents push? | Can agents push? | Is an agent permitted to push? | Are agents permitted to push?
Do agents have to sign commits? | Must agents sign commits? | Must an agent sign its commits? | Do agents need to sign commits? | Are agents required to sign commits?
Who approves a release? | Who is it that approves a release? | Which person approves a release? | Who approves releases? | By whom is a release approved?
When does the nightly backup run? | At what time does the nightly backup run? | When is the nightly backup run? | What time does the nightly backup run? | At which time is the nightly backup running?
Why was the cache disabled? | For what reason was the cache disabled? | What is the reason why the cache was disabled? | How come the cache was disabled? | Why did we disable the cache?
How many retries are there? | What is the number of retries? | How many retries do we have? | What number of retries is there? | How many times is it retried?
How often is the index rebuilt? | How frequently is the index rebuilt? | How often do we rebuild the index? | How often does the index get rebuilt? | With what frequency is the index rebuilt?
What does the flag --force do? | What is the flag --force for? | What does --force do? | What is the effect of the flag --force? | Can you explain what the flag --force does?
Where is minScore defined? | Where do I find the definition of minScore? | Where do we define minScore? | In which file is minScore defined? | Where can I find minScore?
How do I install the project? | How to install the project? | What are the steps to install the project? | How can the project be installed? | How would one install the project?
Which database do we use? | What database do we use? | Which database is used? | Which database are we using? | What db do we use?
What is the maximum size of a document? | What's the max size of a document? | What is the maximum document size? | How big can a document be at most? | How large may a document be?
Is Windows supported? | Do we support Windows? | Does this project support Windows? | Is there support for Windows? | Is Windows a supported platform?
Which license does the project use? | What license does the project use? | Under which license is the project published? | What is the license of the project? | What's the project's license?
How do I start the daemon? | How can I start the daemon? | How do I launch the daemon? | How is the daemon started? | What do I have to do to start the daemon?
How do I stop the daemon? | How can the daemon be stopped? | How do you stop the daemon? | How to halt the daemon? | Please tell me how to stop the daemon.
Where is the configuration file? | Where is the config file located? | Where can I find the configuration file? | Where do I find the config file? | What is the location of the configuration file?
What happens when a lease expires? | What happens if a lease expires? | What occurs when a lease expires? | When a lease expires, what happens? | What happens once a lease has expired?
Can I rename a change? | Is it possible to rename a change? | Am I able to rename a change? | Can a change be renamed? | Can one rename a change?
Should branches be deleted after the merge? | Should we delete branches after the merge? | Are branches supposed to be deleted after the merge? | Should a branch be deleted after the merge? | Ought branches to be deleted after the merge?
What is the timeout of a request? | What is the request timeout? | What's the timeout for a request? | How long is the timeout of a request? | After what time does a request time out?
Which tests run in CI? | What tests run in CI? | Which tests are run in CI? | What tests do we run in CI? | Which tests does CI run?
How do I run the tests? | How can I run the tests? | How to run the tests? | How are the tests run? | What command runs the tests?
Who owns the billing service? | Who is the owner of the billing service? | Which person owns the billing service? | Whose is the billing service? | Who is responsible for the billing service?
How is a voucher validated? | How do we validate a voucher? | How are vouchers validated? | In what way is a voucher validated? | How does the validation of a voucher work?
What does the term capability mean? | What is meant by the term capability? | What's the meaning of the term capability? | What does capability mean? | How is the term capability defined?
How many vouchers may an order have? | What is the maximum number of vouchers of an order? | How many vouchers can an order have? | How many vouchers are allowed per order? | Up to how many vouchers may an order have?
Which command lists the open questions? | What command lists the open questions? | With which command are open questions listed? | How do I list the open questions? | What is the command to list the open questions?
Where are tokens stored on disk? | Where on disk are tokens stored? | Where do we store tokens on disk? | Where are the tokens saved on disk? | Where on the disk do we keep tokens?
When was the first release? | When was the first release published? | When did the first release come out? | On which date was the first release? | When was version one released?
Does the daemon need network access? | Does the daemon require network access? | Is network access needed by the daemon? | Must the daemon have network access? | Is network access required for the daemon?
How do I add a new agent? | How can I add a new agent? | How is a new agent added? | What is the procedure to add a new agent? | How to add new agents?
Which files are ignored by the watcher? | What files are ignored by the watcher? | Which files does the watcher ignore? | What files does the watcher ignore? | Which files will the watcher ignore?
What is the difference between a draft and a proposal? | What's the difference between a draft and a proposal? | How does a draft differ from a proposal? | What differs between a draft and a proposal? | How do a draft and a proposal differ?
Is the audit log encrypted? | Do we encrypt the audit log? | Is our audit log encrypted? | Are audit logs encrypted? | Is there encryption of the audit log?
Which branch do we deploy from? | From which branch do we deploy? | What branch do we deploy from? | From what branch is deployed? | Which branch is deployed from?
How do I upgrade from version 1 to version 2? | How can I upgrade from version 1 to version 2? | How to upgrade from version 1 to version 2? | What is the procedure to upgrade from version 1 to version 2? | How do we upgrade from version 1 to version 2?
What format do dates have? | Which format do dates have? | What is the format of dates? | In which format are dates? | What's the date format?
How are errors reported to the client? | How do we report errors to the client? | In what way are errors reported to the client? | How is an error reported to the client? | How are errors told to the client?
Where is the release process documented? | Where do we document the release process? | Where can I find the documentation of the release process? | In which document is the release process described? | Where is the release process described?
How much memory does the daemon need? | How much memory is needed by the daemon? | What amount of memory does the daemon need? | How much memory does the daemon require? | How much RAM does the daemon need?
What is the naming convention for branches? | What's our naming convention for branches? | Which naming convention do branches have? | How are branches named? | How should branches be named?
Is it allowed to edit archived changes? | May I edit archived changes? | May archived changes be edited? | Are we allowed to edit archived changes? | Is one permitted to edit archived changes?
Which environment variables configure the logger? | What environment variables configure the logger? | By which environment variables is the logger configured? | With what environment variables do we configure the logger? | What env vars configure the logger?
What is stored in core.db? | What do we store in core.db? | What does core.db store? | What is kept in core.db? | What's saved in core.db?
Why does the build fail on Windows? | Why is the build failing on Windows? | For what reason does the build fail on Windows? | What is the reason that the build fails on Windows? | How come the build fails on Windows?
How do I reset my password? | How can I reset my password? | How to reset my password? | How do I change a forgotten password? | What do I have to do to reset my password?
Who is allowed to merge into main? | Who may merge into main? | Who can merge into main? | Who is permitted to merge into main? | Which people may merge into main?
When are stale questions closed? | When do we close stale questions? | When does a stale question get closed? | After what time are stale questions closed? | When is a stale question closed?
How fast is a cached answer? | How quick is a cached answer? | How fast are cached answers? | What is the latency of a cached answer? | How quickly is a cached answer given?
Do we use TypeScript enums? | Are TypeScript enums used? | Are we using TypeScript enums? | Is the use of TypeScript enums allowed? | Do we make use of TypeScript enums?
Which Node version is required? | What Node version is required? | Which version of Node is required? | What version of Node do we need? | What Node version do we require?
How is the cache invalidated? | How do we invalidate the cache? | How does the invalidation of the cache work? | In which way is the cache invalidated? | How is our cache invalidated?
What is the purpose of the anchor? | What's the anchor's purpose? | What is the anchor for? | What purpose does the anchor have? | Why is there an anchor?
How do I configure the retention of logs? | How can the retention of logs be configured? | How is the retention of logs configured? | How do you configure the retention of logs? | Where do I configure how long logs are kept?
Can two agents claim the same question? | Could two agents claim the same question? | Is it possible that two agents claim the same question? | Can 2 agents claim the same question? | Can the same question be claimed by two agents?
What are the steps of the archive procedure? | Which are the steps of the archive procedure? | What steps does the archive procedure have? | Which steps are there in the archive procedure? | What are the archive procedure's steps?
Which languages does the scanner know? | What languages does the scanner know? | Which languages are known to the scanner? | What are the languages that the scanner knows? | Which languages can the scanner read?
What is our policy on dependencies? | What's the policy on dependencies? | What policy do we have on dependencies? | Which policy applies to dependencies? | What is the dependency policy?
Does the archive keep deleted files? | Are deleted files kept by the archive? | Does an archive retain deleted files? | Does the archive keep removed files? | Do archives keep deleted files?
How do we handle merge conflicts? | How are merge conflicts handled? | How is a merge conflict handled? | How should merge conflicts be handled? | What do we do about merge conflicts?
What is the smallest supported screen width? | Which is the smallest supported screen width? | What is the minimum screen width that is supported? | What's the smallest screen width we support? | What is the minimal supported screen width?
Where does the daemon write its log? | In which file does the daemon write its log? | Where is the log of the daemon written? | Where is the daemon's log? | Where do I find the log of the daemon?
How do I get a token for an agent? | How can I get a token for an agent? | How do I obtain a token for an agent? | How to get an agent token? | Where do I get a token for an agent?
What triggers a new cycle of the loop? | What is it that triggers a new cycle of the loop? | By what is a new cycle of the loop triggered? | Which event triggers a new cycle of the loop? | What starts a new cycle of the loop?
Is the REST interface versioned? | Do we version the REST interface? | Is our REST interface versioned? | Does the REST interface have versions? | Is there a version of the REST interface?
Which fields of a proposal are mandatory? | What fields of a proposal are mandatory? | Which proposal fields are mandatory? | Which fields must a proposal have? | What fields are mandatory in a proposal?
How do I check the health of the daemon? | How can I check the health of the daemon? | How is the health of the daemon checked? | How do I check the daemon's health? | How to check whether the daemon is healthy?
What limits the rate of calls? | By what is the rate of calls limited? | What is the rate of calls limited by? | What limits the call rate? | How is the rate of calls limited?
When is a proposal considered stale? | When do we consider a proposal stale? | After how long is a proposal considered stale? | When does a proposal count as stale? | When is a proposal stale?
How are ids generated? | How do we generate ids? | How is an id generated? | In what way are ids generated? | How do you generate ids?
Which events are written to the audit log? | What events are written to the audit log? | Which events do we write to the audit log? | What events does the audit log hold? | Which events go into the audit log?
怎么删除一个工作树？ | 如何删除一个工作树？ | 请问怎么删除一个工作树？ | 怎样删除一个工作树？ | 怎么才能删除一个工作树？
配置文件在哪里？ | 请问配置文件在哪里？ | 配置文件在什么地方？ | 配置文件在哪儿？ | 我想知道配置文件在哪里？
为什么测试失败？ | 为何测试失败？ | 测试为什么失败？ | 测试失败的原因是什么？ | 为啥测试失败？
备份保留多久？ | 请问备份保留多久？ | 备份保留多长时间？ | 备份的保留时间是多久？ | 备份要保留多久呢？
`;

export interface Pair {
  family: string;
  known: string;
  asked: string;
}

/** Every first question of a group with each of the others. */
export const PARAPHRASES: Pair[] = GROUPS.trim()
  .split("\n")
  .flatMap((line) => {
    const [known, ...others] = line.split(" | ");
    return others.map((asked) => ({ family: "paraphrase", known: known!, asked }));
  });
