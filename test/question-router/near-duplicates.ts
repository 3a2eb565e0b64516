import type { Pair } from "./paraphrases.ts";

/**
 * Questions that read almost alike and ask something else: every pair must be told apart. Each family swaps one thing that
 * decides the answer. `texts`: documents whose sentences are made questions.
 */
export function nearDuplicates(texts: string[]): Pair[] {
  const all = [...byHand(), ...bySlots(), ...texts.flatMap(fromText)];
  return all.filter(({ known, asked }) => plain(known) !== plain(asked));
}

const HAND = `
Does the agent call the server? | Does the server call the agent?
Is the agent called by the server? | Does the agent call the server?
Is the agent asked? | Does the agent ask?
Which agent does the daemon restart? | Which agent restarts the daemon?
Which server does the client push to? | Which server pushes to the client?
What do we store? | What stores it in the database?
What validates in CI? | What do we validate in CI?
What is a change? | What changes?
What is the test? | What does the test do?
How is the deploy? | How does the deploy work?
Where is the old archived change? | Where do we archive old changes?
What is an archived change? | What do we archive?
When is the backup started? | When was the backup started?
Is X validated before Y is archived? | Is Y validated before X is archived?
Is the change archived before the spec is merged? | Is the spec merged before the change is archived?
Must the agent not push? | Must the agent push?
Does the agent not have to push? | Must the agent not push?
Agents must not push? | Agents need not push?
May I push to main? | May you push to main?
Can agents push? | May agents push?
Do people approve releases? | Do we approve releases?
Does our daemon answer? | Does their daemon answer?
Is my token valid? | Is your token valid?
Which files are signed? | Which files must be signed?
Which files must the agent that signs push? | Which files does the agent that must sign push?
Is the agent that signs done? | Does the agent that is done sign?
How many days are there? | How many hours are there?
What is in version 1? | What is in version 10?
What is the limit of 10 MB? | What is the limit of 10 Mb?
Is it 5 ms? | Is it 5 s?
Does the timeout of 30s apply? | Does the timeout of 30 min apply?
Is there news? | Is there new?
Is http used? | Is https used?
How do I strip a table? | How do I stripe a table?
Which plan is used? | Which plane is used?
Is the import needed? | Is the important needed?
Is general behavior documented? | Is generic behavior documented?
What does the policy say? | What do the police say?
What does -v do? | What does -V do?
What does --force do? | What does force do?
What does --force do? | What does --force-with-lease do?
Is a few enough? | Is few enough?
Do only agents push? | Do agents only push?
Do not all agents push? | Do all agents not push?
Do all agents push? | Do any agents push?
Does every agent push? | Does some agent push?
Does at least one agent push? | Does at most one agent push?
Is more than one allowed? | Is less than one allowed?
Is it before 5 May? | Is it before 5 June?
Is May a supported name? | May a supported name be used?
Does GET work? | Does get work?
Will will work? | Will Will work?
What does US law say? | What does law say to us?
Is IT responsible? | Is it responsible?
What does WHO recommend? | Who recommends what?
Is C supported? | Is C++ supported?
Is C++ supported? | Is C# supported?
Is .NET supported? | Is NET supported?
Is node.js supported? | Is node supported?
What does != mean? | What does = mean?
Is x > 5 valid? | Is x < 5 valid?
Is x >= 5 valid? | Is x > 5 valid?
Does ^1.2 match? | Does ~1.2 match?
Is a/b allowed? | Is b/a allowed?
What does foo() return? | What does foo return?
What does foo[0] hold? | What does foo[1] hold?
Is $HOME set? | Is HOME set?
Is -1 valid? | Is 1 valid?
Is 1.5 valid? | Is 15 valid?
Is 5 % enough? | Is 5 enough?
Do we deploy from staging to production? | Do we deploy from production to staging?
How do I convert JSON to YAML? | How do I convert YAML to JSON?
How do I merge main into dev? | How do I merge dev into main?
Is the daemon running? | Does the daemon run?
Is the daemon running? | Was the daemon running?
Did the daemon start? | Will the daemon start?
Has the daemon started? | Is the daemon started?
How do I undo a change? | How do I do a change?
How do I undelete a file? | How do I delete a file?
Is the change valid? | Is the change invalid?
Is it safe? | Is it unsafe?
Is the flag set? | Is the flag unset?
Are blocking calls used? | Are non-blocking calls used?
Is the agent ever asked? | Is the agent never asked?
Does it work with a lock? | Does it work without a lock?
Is it stored in the database? | Is it stored outside the database?
Is it run on start? | Is it run at start of the week?
How do I log in? | How do I log out?
How do I check in? | How do I check out?
How do I turn it on? | How do I turn it off?
How do I scale up? | How do I scale down?
Who answers first? | Who answers last?
Who answers? | What answers?
Who approves? | Who is approved?
When is it archived? | Where is it archived?
Why is it archived? | How is it archived?
How much memory is used? | How many memories are used?
How long is the file? | How large is the file?
How often is it run? | How long is it run?
Which is the best way to deploy? | Which is the way to deploy?
Should I deploy on Friday? | May I deploy on Friday?
Should we deploy on Friday? | Do we deploy on Friday?
Can we deploy? | Could we deploy?
Do I have to deploy? | Do I want to deploy?
Is the file readable? | Is the file writable?
Does the server trust the client certificate? | Does the client trust the server certificate?
What is the client of the server? | What is the server of the client?
What is the copy of the backup? | What is the backup of the copy?
What is the size of the cache? | What is the cache of the size?
Is a lock taken per file? | Is a lock taken per folder?
Who owns the billing service? | Who owned the billing service?
Does it apply to new changes? | Does it apply to old changes?
Is the second step done? | Is the third step done?
Is the answer cached for agents? | Is the answer cached by agents?
Is the token sent to the server? | Is the token sent by the server?
Is the token sent with the request? | Is the token sent after the request?
What is under the folder? | What is over the folder?
What is the default port? | What is the default?
What is the default port of the daemon? | What is the default port of the demon?
Which tests fail? | Which tests pass?
Which tests fail on Windows? | Which tests fail on Linux?
Is the endpoint public? | Is the endpoint private?
Is "a b" valid? | Is "a  c" valid?
What does \`git add\` do? | What does \`git add -A\` do?
Is \`null\` returned? | Is \`undefined\` returned?
What is the name of the agent? | What is the agent of the name?
Is README.md read? | Is readme.txt read?
如何启用缓存？ | 如何禁用缓存？
可以推送吗？ | 不可以推送吗？
端口3000用了吗？ | 端口3001用了吗？
必须签名吗？ | 不必签名吗？
配置文件在哪里？ | 配置文件夹在哪里？
测试环境的端口是什么？ | 生产环境的端口是什么？
先备份再部署吗？ | 先部署再备份吗？
谁批准发布？ | 谁拒绝发布？
什么时候备份？ | 为什么备份？
客户端调用服务器吗？ | 服务器调用客户端吗？
版本一支持吗？ | 版本二支持吗？
所有代理都能推送吗？ | 没有代理能推送吗？
`;

function byHand(): Pair[] {
  return HAND.trim()
    .split("\n")
    .flatMap((line) => {
      const [known, asked] = line.split(" | ") as [string, string];
      return both("by hand", known, asked);
    });
}

/** Opposites and neighbours, and sentences into which they fit. */
const SLOTS: Record<string, { words: string; frames: string }> = {
  verbs: {
    words:
      "enable disable|add remove|create delete|start stop|open close|push pull|encrypt decrypt|lock unlock|import export|increase decrease|allow deny|install uninstall|read write|show hide|accept reject|subscribe unsubscribe|attach detach|connect disconnect|grant revoke|merge split|upload download|compress decompress|mount unmount|register unregister|approve refuse|upgrade downgrade|include exclude|pause resume|load unload|validate invalidate|format reformat|commit revert|begin end|do undo|freeze unfreeze|publish unpublish|archive unarchive|set reset|sign verify|rename move|copy move|build test|retry abort",
    frames:
      "How do I # the cache?|Can agents # a change?|What happens when I # a worktree?|Who may # the index?|Is it documented how to # a session?|How do we # the database?|Must I # the file before the release?|Which command do I use to # a token?",
  },
  adjectives: {
    words:
      "staging production|local remote|old new|public private|first last|minimum maximum|left right|internal external|synchronous asynchronous|sync async|dev prod|upper lower|active inactive|valid invalid|stable unstable|primary secondary|hot cold|read-only writable|signed unsigned|open closed|fast slow|big small|inner outer|previous next|global local|manual automatic|enabled disabled|encrypted unencrypted|known unknown|safe unsafe|required optional|Linux Windows|English German|red green|SQLite PostgreSQL|TypeScript JavaScript|HTTP HTTPS|JSON YAML|German French|npm pnpm|client server|input output|source target|parent child|request response|user admin|row column|branch tag|key value|unit integration|major minor",
    frames:
      "Where is the # configuration?|What is the port of the # instance?|How do I deploy the # version?|Is the # endpoint documented?|Which agent looks after the # part?|Does the daemon know the # name?|How long is the # timeout?|Who approves the # release?",
  },
  numbers: {
    words:
      "3000 3001|8080 8081|1 2|10 100|14 15|1.5 15|0 1|v1 v2|v1.2 v1.3|1.2.3 1.2.4|2024 2025|404 500|80 443|-1 1|0x10 0x11|1e3 1e4|1,000 1,001|50% 5%|10MB 10KB|#12 #13|Q1 Q2|3rd 4th|IPv4 IPv6|UTF-8 UTF-16|ES2020 ES2021|sha1 sha256|node18 node20|p95 p99|L1 L2|i18n l10n",
    frames:
      "Is # the default?|What does # mean in the log?|Does the limit of # hold for agents?|Which release brought #?|Why does the test expect #?|When was # chosen?|How do I change it to #?|Is # still supported?",
  },
  names: {
    words:
      "minScore maxScore|max_entries min_entries|src/a.ts src/b.ts|README.md CONTRIBUTING.md|docs/guide.md docs/limits.md|--force --dry-run|-v -q|SPECLOOP_STORE SPECLOOP_LOG|openspec.yaml specloop.yaml|core.db telemetry.db|getUser setUser|user_id session_id|foo.bar foo.baz|@a/core @a/cli|feature/login feature/logout|127.0.0.1 0.0.0.0|http://a.example http://b.example|Ada Bob|Berlin Paris|Alpha Beta|GET POST|PUT PATCH|auth-service billing-service|onOpen onClose|package.json package-lock.json|tsconfig.json jsconfig.json|a.test.ts a.spec.ts|main develop|origin upstream|x86 arm64",
    frames:
      "What does # do?|Where is # defined?|Who changed #?|Is # documented?|How do I use # in a script?|Which part reads #?|May I edit # by hand?|Why does # exist?",
  },
  little: {
    words:
      "before after|with without|from to|above below|all any|all no|some every|only even|always never|inside outside|over under|for against|until since|during after|once twice|at by|in on|more less|this each|per for|first also|still already|again yet|and or|if unless|because although|up down|in out",
    frames:
      "Is the lock held # the commit?|Does it work # the daemon?|Are the files read # the start?|Do agents act # a release?|Is the answer kept # a restart?",
  },
  mood: {
    words:
      "must may|must should|may should|can must|should can|must must not|may may not|can cannot|should should not|will must|does must|did will|does did|does does not|will would|can could|might must|shall may",
    frames: "# agents push to main?|# the daemon write files?|# a change be archived?|# people sign the release?",
  },
  asked: {
    words:
      "who when|where when|how why|who what|which why|where how|when why|how long how often|how many how much|who whose",
    frames: "# is the release approved?|# is the index rebuilt?|# does the daemon stop?|# did the test fail?",
  },
  time: {
    words:
      "Monday Friday|January July|morning evening|daily weekly|hours minutes|seconds milliseconds|today tomorrow|yesterday today|spring autumn|weeks months|hourly nightly|KB MB|bytes bits|meters feet|UTC CET",
    frames: "Does the backup run in # terms?|Is the limit counted in #?|Do we deploy on #?|Is it planned for #?",
  },
};

function bySlots(): Pair[] {
  return Object.entries(SLOTS).flatMap(([family, { words, frames }]) =>
    words.split("|").flatMap((pair) => {
      const [one, two] = halves(pair);
      return frames.split("|").flatMap((frame) => both(family, frame.replace("#", one), frame.replace("#", two)));
    }),
  );
}

/** `must must not` is `must` and `must not`. */
function halves(pair: string): [string, string] {
  const words = pair.split(" ");
  const at = words.length === 3 ? 1 : words.length / 2;
  return [words.slice(0, at).join(" "), words.slice(at).join(" ")];
}

const SENTENCES =
  /^(?:[-*] (?:\*\*(?:WHEN|THEN|AND)\*\* )?)?((?:The|A|An|Each|Every|Only|Whoever|What|When) [^\n]{30,170}?)\.?$/gm;
const MODAL = /\b(SHALL NOT|MUST NOT|MUST|SHALL|may|is|are|can|has)\b/;
/** In each text so many questions. */
const PER_TEXT = 60;

/** Sentences of a real document as questions, with one token of each made another one. */
function fromText(text: string): Pair[] {
  const sentences = [...text.matchAll(SENTENCES)].map(([, sentence]) => sentence!).slice(0, PER_TEXT);
  return sentences.flatMap((sentence, index) => swapped(sentence, sentences[(index + 1) % sentences.length]!));
}

function swapped(sentence: string, other: string): Pair[] {
  const question = (text: string) => `Is it true that ${text.charAt(0).toLowerCase()}${text.slice(1)}?`;
  const variants: [string, string | null][] = [
    ["text: number", sentence.replace(/\d+/, (number) => String(Number(number) + 1))],
    [
      "text: negation",
      MODAL.test(sentence)
        ? sentence.replace(MODAL, (word) => (word.endsWith("NOT") ? word.slice(0, -4) : `${word} not`))
        : null,
    ],
    ["text: mood", sentence.replace(/\b(MUST|SHALL)\b/, "MAY")],
    ["text: code", sentence.replace(/`([^`]+)`/, "`$1x`")],
    ["text: word", otherWord(sentence, other)],
    ["text: order", sentence.replace(/\b(\w+) and (\w+)\b/, "$2 or $1")],
    ["text: quantity", sentence.replace(/\b(each|every|all)\b/i, "no")],
    ["text: left out", sentence.replace(/ (?:[a-z]{5,})(?= [a-z]{4,}$)/, "")],
  ];
  return variants.flatMap(([family, text]) =>
    text === null || text === sentence ? [] : [{ family, known: question(sentence), asked: question(text) }],
  );
}

/** A word of content in place of another one, in the same place. */
function otherWord(sentence: string, other: string): string | null {
  const words = (text: string) => text.match(/\b[a-z]{6,}\b/g) ?? [];
  const [mine] = words(sentence).slice(-1);
  const theirs = words(other).find((word) => mine !== undefined && word.slice(0, 4) !== mine.slice(0, 4));
  return mine === undefined || theirs === undefined
    ? null
    : sentence.replace(new RegExp(`\\b${mine}\\b(?!.*\\b${mine}\\b)`), theirs);
}

function both(family: string, known: string, asked: string): Pair[] {
  return [
    { family, known, asked },
    { family, known: asked, asked: known },
  ];
}

function plain(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
