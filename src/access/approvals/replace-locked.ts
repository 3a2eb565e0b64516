import { closeSync, fsyncSync, lstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { SpecloopError } from "../../foundation/errors.ts";

const STALE_LOCK_MS = 10_000;

/**
 * Replaces a person's own file (0600) with JSON that is made under the file's lock, as git does: what is written in full
 * under the lock's name takes the file's. Throws `forbidden`, with the `consequence`, while another process holds the lock.
 */
export function replaceLocked(path: string, consequence: string, content: () => unknown): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const lock = `${path}.lock`;
  const handle = openLock(lock, consequence);
  let done = false;
  try {
    writeSync(handle, `${JSON.stringify(content(), null, 2)}\n`);
    fsyncSync(handle);
    renameSync(lock, path);
    done = true;
  } finally {
    closeSync(handle);
    if (!done) rmSync(lock, { force: true });
  }
}

/** Writing takes milliseconds, so an old lock is one that a crash left. */
function openLock(lock: string, consequence: string): number {
  const held = lstatSync(lock, { throwIfNoEntry: false });
  if (held && Date.now() - held.mtimeMs > STALE_LOCK_MS) rmSync(lock, { force: true });
  try {
    return openSync(lock, "wx", 0o600);
  } catch (cause) {
    throw new SpecloopError("forbidden", `${lock} cannot be made, ${consequence}.`, {
      target: lock,
      fix: "Try again in a moment; make the folder writable for you if it stays.",
      cause,
    });
  }
}
