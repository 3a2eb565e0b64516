import { mkdir, open, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { SpecloopError } from "../../foundation/errors.ts";
import { exists, isCode } from "./tree.ts";

/** OpenSpec's own claim on the archive folder (1.13): who has it may archive. */
export const LOCK = ".openspec-archive.lock";

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
