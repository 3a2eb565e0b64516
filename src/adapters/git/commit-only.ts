import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { SpecloopError } from "../../foundation/errors.ts";
import { checkAuthor, checkPath, composeMessage } from "./arguments.ts";
import type { OwnLocks } from "./own-locks.ts";
import type { CommitRequest, GitPlaces } from "./port.ts";
import type { GitRunner } from "./run.ts";
import { readState, refuseBusy } from "./state.ts";

/**
 * On every command of ours that writes: a power cut leaves no broken ref, and no surprise repacking. Git would start a
 * process after each commit only to find out that it is not to repack.
 */
const WRITE_OPTIONS = ["-c", "core.fsync=committed", "-c", "gc.auto=0", "-c", "maintenance.auto=false"];

/** For refs of ours alone, which are no commit of the person's: no hook, `reference-transaction` neither. */
export const OWN_WRITE_OPTIONS = [...WRITE_OPTIONS, "-c", "core.hooksPath=/dev/null"];

/** What git says when another process holds a lock or moved the branch in the same moment. */
const CONTENDED = /Unable to create '[^\n]*\.lock': File exists|cannot lock ref|unable to lock/i;
const UNKNOWN_TO_GIT = /did not match any file\(s\) known to git/;
const NOTHING = /nothing to commit|nothing added to commit|no changes added to commit/;

const SHORTEST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 200;

export interface CommitSurroundings {
  run: GitRunner;
  places: GitPlaces;
  locks: OwnLocks;
  /** How long a lock held by another process is waited for, milliseconds. */
  lockWaitMs: number;
  /** Locks that were waited for in vain, with the time at which they were made; nobody waits for the same one again. */
  inVain: Map<string, number>;
}

interface Patient extends CommitSurroundings {
  signal: AbortSignal | undefined;
}

/** See Git.commitOnly. A commit that would change nothing is `git_failed` with `details.nothingToCommit`. */
export async function commitOnly(surroundings: CommitSurroundings, request: CommitRequest): Promise<string> {
  const { lockWaitMs = surroundings.lockWaitMs, signal } = request;
  const git = { ...surroundings, lockWaitMs, signal };
  const paths = request.paths.map(checkPath);
  if (paths.length === 0) throw new SpecloopError("bad_input", "A commit needs at least one path.");
  const message = composeMessage(request.message, request.trailers);
  const author = request.author === undefined ? [] : [`--author=${checkAuthor(request.author)}`];
  refuseBusy(await readState(git.run, git.places));
  // With core.abbrev=40 the summary line names the whole id: no second call that could see somebody else's commit.
  const options = [...WRITE_OPTIONS, "-c", "core.abbrev=40"];
  const args = [
    ...options,
    "commit",
    "--only",
    "--cleanup=verbatim",
    "-F",
    "-",
    ...author,
    "--",
    ...paths.map(literal),
  ];
  const commit = () => withPatience(git, () => git.run.run(args, { kind: "write", input: message, locks: git.locks }));
  try {
    return await commit()
      .catch((error: unknown) => commitWithNew(git, { paths, commit, error }))
      .then(idOf);
  } catch (error) {
    throw explain(error);
  }
}

/** See Git.takeIntoIndex. */
export async function takeIntoIndex(surroundings: CommitSurroundings, paths: string[]): Promise<void> {
  const git = { ...surroundings, signal: undefined };
  const args = [...WRITE_OPTIONS, "add", "--", ...paths.map(checkPath).map(literal)];
  await withPatience(git, () => git.run.run(args, { kind: "write", locks: git.locks }));
}

/**
 * `git commit --only` takes files that git does not know only after `git add --intent-to-add`, which puts an empty
 * entry into the index and leaves everything else there alone. It is taken back when the commit fails.
 */
async function commitWithNew(
  git: Patient,
  { paths, commit, error }: { paths: string[]; commit: () => Promise<{ stdout: Buffer }>; error: unknown },
): Promise<{ stdout: Buffer }> {
  if (!UNKNOWN_TO_GIT.test(messageOf(error))) throw error;
  const tracked = new Set((await git.run.read(["ls-files", "-z", "--cached", "--", ...paths])).split("\0"));
  const fresh = paths.filter((path) => !tracked.has(path));
  const missing = fresh.find((path) => !existsSync(join(git.places.worktree, path)));
  if (missing !== undefined)
    throw new SpecloopError("unknown_document", `There is no file "${missing}" to commit.`, { target: missing });
  const add = [...WRITE_OPTIONS, "add", "--intent-to-add", "--", ...fresh.map(literal)];
  await withPatience(git, () => git.run.run(add, { kind: "write", locks: git.locks }));
  try {
    return await commit();
  } catch (error) {
    const forget = [...WRITE_OPTIONS, "update-index", "--force-remove", "--", ...fresh];
    await withPatience(git, () => git.run.run(forget, { kind: "write", locks: git.locks }));
    throw error;
  }
}

/** Repeats what fails because of a held lock, with jitter, until the limit; then `git_busy`. Removes no foreign lock. */
async function withPatience<T>(git: Patient, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (wasKilled(error)) git.locks.remove();
      if (!CONTENDED.test(messageOf(error))) throw error;
      if (git.locks.remove().length > 0) continue;
      const waitedMs = performance.now() - started;
      if (isStuck(git, error) || git.signal?.aborted) throw locked(error, waitedMs);
      if (waitedMs >= git.lockWaitMs) {
        if (git.lockWaitMs > 0) remember(git, error);
        throw locked(error, waitedMs);
      }
    }
    await wait(SHORTEST_WAIT_MS + Math.random() * (LONGEST_WAIT_MS - SHORTEST_WAIT_MS));
  }
}

function isStuck({ inVain }: Patient, error: unknown): boolean {
  const lock = lockIn(error);
  return lock !== undefined && inVain.get(lock) !== undefined && inVain.get(lock) === madeAt(lock);
}

function remember({ inVain }: Patient, error: unknown): void {
  const lock = lockIn(error);
  const made = lock === undefined ? undefined : madeAt(lock);
  inVain.clear();
  if (lock !== undefined && made !== undefined) inVain.set(lock, made);
}

function madeAt(lock: string): number | undefined {
  return statSync(lock, { throwIfNoEntry: false })?.mtimeMs;
}

function lockIn(error: unknown): string | undefined {
  return /Unable to create '([^\n]*\.lock)'/.exec(messageOf(error))?.[1];
}

function wasKilled(error: unknown): boolean {
  return error instanceof SpecloopError && typeof error.details?.["signal"] === "string";
}

function locked(cause: unknown, waitedMs: number): SpecloopError {
  const lock = lockIn(cause);
  return new SpecloopError(
    "git_busy",
    waitedMs < 1000
      ? `Another git process holds ${lock ?? "a lock"}.`
      : `Another git process held ${lock ?? "a lock"} for more than ${Math.floor(waitedMs / 1000)} s.`,
    {
      ...(lock
        ? { target: lock, fix: `If no git runs there, remove ${lock} by hand; specloop never removes a foreign lock.` }
        : {}),
      cause,
    },
  );
}

/** `[main 0123…] subject`: the last such line, because hooks may have written before it. */
function idOf({ stdout }: { stdout: Buffer }): string {
  const id = /^\[.* ([0-9a-f]{40})\] /m.exec(stdout.toString("utf8"))?.[1];
  if (!id)
    throw new SpecloopError(
      "git_failed",
      `git commit did not name its commit: ${stdout.toString("utf8").slice(0, 500)}`,
    );
  return id;
}

function explain(error: unknown): unknown {
  if (!(error instanceof SpecloopError) || error.code !== "git_failed") return error;
  const nothing = NOTHING.test(`${error.message}\n${JSON.stringify(error.details ?? {})}`);
  const who = /tell me who you are|empty ident name|no email was given|unable to auto-detect/i.test(error.message);
  const fix = who ? 'Run `git config user.name "…"` and `git config user.email "…"` in the repository.' : error.fix;
  const details = { ...error.details, ...(nothing ? { nothingToCommit: true } : {}) };
  return new SpecloopError("git_failed", error.message, { fix, details, cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Pathspec magic instead of GIT_LITERAL_PATHSPECS, because hooks would inherit the variable. */
function literal(path: string): string {
  return `:(top,literal)${path}`;
}
