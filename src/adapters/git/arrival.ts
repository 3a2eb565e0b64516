import { checkPath, checkRevision } from "./arguments.ts";
import type { GitPlaces } from "./port.ts";
import { GitRunner } from "./run.ts";

/** How the present content of a file came onto the branch that is checked out. */
export interface Arrival {
  /** The commit on the first-parent line of HEAD that brought it: a merge, or a commit made there. */
  commit: string;
  /** Id of the git tree of the file's folder in that commit. */
  tree: string;
  author: string;
  authorEmail: string;
  committer: string;
  committerEmail: string;
  /** The commit carries trailers of ours, so the daemon made it and nobody approved anything by it. */
  ours: boolean;
  /** Who moved the branch onto such a commit by merging or pulling `specloop/…` without a merge commit; from the reflog. */
  forwardedBy: { name: string; email: string } | null;
}

const FIELDS = ["%H", "%an", "%ae", "%cn", "%ce", "%B"];
const REFLOG_ENTRIES = 500;
/** Names a proposal's branch: a plain `git pull` of everything says nothing about one of our commits among the others. */
const FAST_FORWARD = /^(?:merge|pull)\b.*\bspecloop\/\S.*: Fast-forward$/;

/** Asks git who brought a file to HEAD. */
export class Arrivals {
  readonly #run: GitRunner;

  constructor({ places, env = process.env }: { places: GitPlaces; env?: NodeJS.ProcessEnv }) {
    this.#run = new GitRunner({ directory: places.worktree, env });
  }

  /** Null when HEAD does not have the file. */
  async of(path: string): Promise<Arrival | null> {
    const args = ["log", "-1", "--first-parent", "-m", "--no-show-signature", `--format=${FIELDS.join("%x00")}`];
    const line = await this.#run.read([...args, "HEAD", "--", checkPath(path)], [128]);
    const [commit, author, authorEmail, committer, committerEmail, message] = line.split("\0");
    if (!commit || !author || !authorEmail || !committer || !committerEmail) return null;
    const folder = path.slice(0, path.lastIndexOf("/"));
    const tree = (await this.#run.read(["rev-parse", "--verify", "--quiet", `${commit}:${folder}`], [1, 128])).trim();
    if (tree === "") return null;
    // Anywhere in the message: what git takes for trailers depends on the text before them, which agents write.
    const ours = /^Specloop-/m.test(message ?? "");
    const forwardedBy = ours ? await this.#forwarded(commit) : null;
    return { commit, tree, author, authorEmail, committer, committerEmail, ours, forwardedBy };
  }

  /** The reflog entry of the branch after which it had the commit, if that was a merge or pull without merge commit. */
  async #forwarded(commit: string): Promise<Arrival["forwardedBy"]> {
    const branch = (await this.#run.read(["symbolic-ref", "--quiet", "HEAD"], [1])).trim() || "HEAD";
    const log = ["log", "-g", `--max-count=${REFLOG_ENTRIES}`, "--format=%H%x00%gn%x00%ge%x00%gs"];
    const entries = (await this.#run.read([...log, checkRevision(branch), "--"], [128])).split("\n").filter(Boolean);
    const later = await this.#run.read(["rev-list", "--ancestry-path", `${commit}..HEAD`]);
    const holds = new Set([commit, ...later.split("\n")]);
    const first = entries.findIndex((entry) => !holds.has(entry.slice(0, entry.indexOf("\0"))));
    const entry = entries[first === -1 ? entries.length - 1 : first - 1];
    const [, name, email, how] = entry?.split("\0") ?? [];
    return name && email && FAST_FORWARD.test(how ?? "") ? { name, email } : null;
  }
}
