import { realpathSync } from "node:fs";
import type { Logger } from "../../foundation/logger.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Git, GitPlaces } from "./port.ts";
import { GitRepository } from "./repository.ts";
import { GitRunner } from "./run.ts";

export { listWorktrees, mergeBase, type Worktree } from "./worktrees.ts";
export type { BlamedLine } from "./blame.ts";
export type { RefEntry } from "./ref-entries.ts";
export { RefChain } from "./ref-chain.ts";
export { Arrivals, type Arrival } from "./arrival.ts";
export { remoteBranch } from "./remote-branch.ts";
export { Signatures, type SignatureVerdict, type SignedObject, type Signers } from "./signatures.ts";
export type {
  BranchCommitRequest,
  CommitRequest,
  Git,
  GitPlaces,
  GitState,
  Head,
  HistoryEntry,
  PathCommit,
  RecordedBlobs,
} from "./port.ts";

export interface OpenGitOptions {
  logger?: Logger;
  /** Stops running commands with SIGTERM. */
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
  /** How long a lock held by another git is waited for before `git_busy`, milliseconds. */
  lockWaitMs?: number;
  /** How long one git command (with its hooks) may take, milliseconds. */
  timeoutMs?: number;
}

/**
 * The repository that `path` lies in. Throws `not_a_repository` where there is none with a worktree, and `unsupported`
 * for SHA-256 repositories, whose object ids are not our document revisions.
 */
export async function openGit(path: string, options: OpenGitOptions = {}): Promise<Git> {
  const { logger, signal, env = process.env, lockWaitMs = 10_000, timeoutMs = 60_000 } = options;
  const places = await findPlaces(path, new GitRunner({ directory: path, env, signal }));
  logger?.debug({ worktree: places.worktree }, "opened the git repository");
  return new GitRepository({ places, env, signal, lockWaitMs, timeoutMs });
}

async function findPlaces(path: string, run: GitRunner): Promise<GitPlaces> {
  // A bare repository that lies as plain files in somebody's repository has a configuration that would be followed.
  const explicit = ["-c", "safe.bareRepository=explicit"];
  const questions = ["--show-toplevel", "--git-common-dir", "--absolute-git-dir", "--show-object-format"];
  const answer = await run
    .read([...explicit, "rev-parse", "--path-format=absolute", ...questions])
    .catch((cause: unknown) => {
      throw notARepository(path, cause);
    });
  const [worktree, commonDirectory, gitDirectory, format] = answer.trimEnd().split("\n");
  if (!worktree || !commonDirectory || !gitDirectory) throw notARepository(path, answer);
  if (format !== "sha1") {
    throw new SpecloopError("unsupported", `${worktree} uses ${format} object ids; only sha1 is supported.`, {
      target: worktree,
    });
  }
  return {
    worktree: realpathSync(worktree),
    commonDirectory: realpathSync(commonDirectory),
    gitDirectory: realpathSync(gitDirectory),
  };
}

function notARepository(path: string, cause: unknown): unknown {
  if (cause instanceof SpecloopError && (cause.code === "cancelled" || /could not be started/.test(cause.message)))
    return cause;
  const said = cause instanceof Error ? ` (${cause.message})` : "";
  return new SpecloopError("not_a_repository", `${path} is not inside a git worktree${said}.`, { target: path, cause });
}
