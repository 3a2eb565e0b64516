import { contentHashAt, policyHash, statedBy, statementOf } from "../access/approvals/index.ts";
import { openGit } from "../adapters/git/index.ts";
import { SpecloopError } from "../foundation/errors.ts";

interface Reviewed {
  approval: {
    subject: { operation: string; commit: string; base: string; paths: string[]; contentHash: string };
  };
  statement: string;
  diff: string;
}

/**
 * Looks with this process's own eyes at what a proof would sign, and returns the difference to show: any program of this
 * account can answer on the socket in place of the daemon, show one thing and have another one signed. Throws
 * `approval_void` when the two are not one.
 */
export async function lookAgain(id: string, review: Reviewed, { path }: { path: string }): Promise<string> {
  const { approval, statement, diff } = review;
  const { subject } = approval;
  const git = await openGit(path);
  const { commonDirectory } = git.places;
  const nonce = /^nonce: (\S+)$/m.exec(statement)?.[1] ?? "";
  if (statement !== statementOf(statedBy({ id, subject }, { nonce, commonDirectory }))) throw differs(id, "statement");
  if (subject.operation === "policy") {
    if (hashOfRules(diff) !== subject.contentHash) throw differs(id, "rules");
    return diff;
  }
  const { commit, base, paths, contentHash } = subject;
  const hashAt = (revision: string) => contentHashAt(git, revision, paths).catch(() => null);
  if ((await hashAt(commit)) !== contentHash) throw differs(id, "content");
  // Against what is here now, whatever the answer calls its base; on the branch already, that would show nothing.
  const from = (await hashAt("HEAD")) === contentHash ? base : "HEAD";
  return (await Promise.all(paths.map((each) => git.diff(from, commit, each)))).join("");
}

function hashOfRules(shown: string): string | null {
  try {
    return policyHash(JSON.parse(shown.slice(shown.indexOf("\nasked for:\n") + 12)));
  } catch {
    return null;
  }
}

function differs(id: string, what: string): SpecloopError {
  return new SpecloopError("approval_void", `The ${what} of ${id} is not what git has here; nothing was signed.`, {
    target: id,
    fix: "Run it in the worktree that the daemon serves. If you do, look at who answers there: specloop status.",
  });
}
