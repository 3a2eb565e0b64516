import { lstat, mkdir, open, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { parseJson } from "../../foundation/json.ts";
import { isRunning } from "../../foundation/processes.ts";
import { exists, isCode } from "./tree.ts";

/** OpenSpec's own claim on the archive folder (1.13): who has it may archive. */
export const LOCK = ".openspec-archive.lock";
/** A lock that is not filled yet may have been made this moment. */
const FRESH_MS = 10_000;

const lockFile = z.object({ pid: z.int().positive() });

/** Who has the claim on an archive folder: null for nobody, `pid` null while the lock does not say. */
export type LockHolder = { pid: number | null; alive: boolean } | null;

/**
 * OpenSpec 1.13 writes `{"pid":…,"nonce":…}` and removes the file at the end, unless it is killed. One that cannot be
 * read is held by nobody that is known.
 */
export async function readLock(archive: string): Promise<LockHolder> {
  const path = join(archive, LOCK);
  const stats = await lstat(path).catch(() => null);
  const text = await readFile(path, "utf8").catch((error: unknown) => (isCode(error, "ENOENT") ? null : ""));
  if (stats === null || text === null) return null;
  const parsed = lockFile.safeParse(parseJson(text));
  if (!parsed.success) return { pid: null, alive: Date.now() - stats.mtimeMs <= FRESH_MS };
  return { pid: parsed.data.pid, alive: isRunning(parsed.data.pid) };
}

/**
 * Takes the lock that OpenSpec's own archive takes, so that neither runs into the other; disposal gives it back. The
 * content names the move, so that after a crash ours is told from a foreign one. Throws `archive_refused`.
 */
export async function takeLock(archive: string, id: string): Promise<AsyncDisposable> {
  const path = join(archive, LOCK);
  const isNew = !(await exists(archive));
  await mkdir(archive, { recursive: true });
  try {
    await using file = await open(path, "wx");
    await file.writeFile(JSON.stringify({ pid: process.pid, nonce: id }));
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
    const message = "Another archive began in this moment.";
    const reasons = [{ severity: "error", code: "archive_locked", message, target: path, fix: "Call again." }];
    throw new SpecloopError("archive_refused", message, { target: path, details: { reasons } });
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await rm(path, { force: true });
      if (isNew) await rmdir(archive).catch(() => undefined); // something was archived into it
    },
  };
}

/** Removes the lock of a move of ours that a crash left; another one stays. */
export async function dropOwnLock(archive: string, id: string): Promise<void> {
  const path = join(archive, LOCK);
  const text = await readFile(path, "utf8").catch(() => "");
  if (text.includes(JSON.stringify(id))) await rm(path, { force: true });
}
