import { SpecloopError } from "../../foundation/errors.ts";
import { checkOwnRef, checkRevision } from "./arguments.ts";
import { OWN_WRITE_OPTIONS } from "./commit-only.ts";
import type { GitPlaces } from "./port.ts";
import { GitRunner } from "./run.ts";

const NOWHERE = "0".repeat(40);
/** Whoever commits in this repository, these commits are the daemon's. */
const IDENTITY = ["-c", "user.name=specloop", "-c", "user.email=specloop@localhost"];

/** One message on the chain. */
export interface RefChainLink {
  commit: string;
  /** Epoch milliseconds. */
  at: number;
  message: string;
}

/**
 * A chain of commits without files under a ref that no branch, index or worktree knows: a place in git for short messages
 * that must not be changed unnoticed. Made by plumbing and moved by compare-and-swap.
 */
export class RefChain {
  readonly #run: GitRunner;
  readonly #ref: string;

  constructor({ places, ref, env = process.env }: { places: GitPlaces; ref: string; env?: NodeJS.ProcessEnv }) {
    this.#run = new GitRunner({ directory: places.worktree, env });
    this.#ref = checkOwnRef(ref);
  }

  /** Newest first; all of them without a limit. */
  async links(limit?: number): Promise<RefChainLink[]> {
    const most = limit === undefined ? [] : [`--max-count=${limit}`];
    const args = ["log", "--no-show-signature", "-z", "--format=%H %ct %B", ...most, this.#ref, "--"];
    const text = await this.#run.read(args, [128]);
    return text.split("\0").flatMap((line): RefChainLink[] => {
      const [, commit, seconds, message] = /^([0-9a-f]{40}) (\d+) ([\s\S]*)$/.exec(line) ?? [];
      if (commit === undefined || message === undefined) return [];
      return [{ commit, at: Number(seconds) * 1000, message: message.trim() }];
    });
  }

  /** Adds a link after `expected` (null: the first one) and returns its commit; `ref_moved` when the ref is elsewhere. */
  async append(message: string, expected: string | null): Promise<string> {
    const parent = expected === null ? [] : ["-p", checkRevision(expected)];
    const tree = await this.#write(["mktree"]);
    const commit = await this.#write([...IDENTITY, "commit-tree", tree, ...parent, "-F", "-"], message);
    try {
      await this.#write(["update-ref", "-m", "specloop: anchor", this.#ref, commit, expected ?? NOWHERE]);
    } catch (cause) {
      throw new SpecloopError("ref_moved", `${this.#ref} is not where specloop left it.`, { target: this.#ref, cause });
    }
    return commit;
  }

  async #write(args: string[], input = ""): Promise<string> {
    const { stdout } = await this.#run.run([...OWN_WRITE_OPTIONS, ...args], { kind: "write", input });
    return stdout.toString("utf8").trim();
  }
}
