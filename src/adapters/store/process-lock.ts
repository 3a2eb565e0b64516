import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { SpecloopError } from "../../foundation/errors.ts";
import { isRunning } from "../../foundation/processes.ts";
import { isBusy, resultCode, translateError } from "./sqlite-errors.ts";

/** What the others are told about the process that holds the lock. */
export interface LockOwner {
  pid: number;
  socket: string;
  /** Epoch milliseconds. */
  startedAt: number;
}

/** Held until disposed or until the process ends. */
export interface ProcessLock extends Disposable {
  readonly owner: LockOwner;
}

/** How long a loser waits for a winner that has not said yet who it is, or for one that is just leaving. */
const PATIENCE_MS = 2000;
const PAUSE_MS = 20;

/**
 * Takes the lock that makes one process the only one for `path` (`lock.db`), or throws `daemon_running` with the
 * owner's pid and socket in the message and in `details.owner`.
 *
 * The lock is `BEGIN EXCLUSIVE` on a SQLite file: a lock of the kernel's that goes with the process, so kill -9 frees it
 * at once and no time-out can take it from a suspended owner (lock files with heartbeats give it away after a laptop's
 * sleep). The file keeps SQLite's rollback journal: in WAL mode an exclusive transaction leaves shared-memory files
 * behind and needs recovery. Nothing is ever written to it, and nobody may open it in any other way: closing any other
 * descriptor of the same file would drop the locks of this process (fcntl(2)). The owner's particulars are therefore in
 * `lock.db.owner`, which is read freely. Not for network file systems, whose locks are not to be trusted.
 */
export function acquireProcessLock(path: string, owner: LockOwner): ProcessLock {
  const ownerFile = `${path}.owner`;
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const connection = tryLock(path);
    if (connection) return hold(connection, ownerFile, owner);
    const named = readOwner(ownerFile);
    // What a dead owner left behind says nothing about the one who holds the lock now.
    const other = named && isRunning(named.pid) ? named : null;
    if (other || performance.now() >= until) throw running(path, other);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
}

/** An open exclusive transaction, or null when another process or another part of this one has it. */
function tryLock(path: string): DatabaseSync | null {
  let connection: DatabaseSync | null = null;
  try {
    connection = new DatabaseSync(path, { timeout: 0 });
    connection.exec("BEGIN EXCLUSIVE");
    return connection;
  } catch (error) {
    connection?.close();
    if (isBusy(error)) return null;
    if (resultCode(error) !== 26) throw translateError(error, path);
    const fix = `Delete ${path} while no daemon runs; it holds nothing, and is made again.`;
    throw new SpecloopError("store_corrupt", `The lock file ${path} is not one of ours.`, {
      target: path,
      fix,
      cause: error,
    });
  }
}

function hold(connection: DatabaseSync, ownerFile: string, owner: LockOwner): ProcessLock {
  try {
    writeOwner(ownerFile, owner);
  } catch (cause) {
    connection.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SpecloopError("store_full", `The owner of the lock could not be written: ${why}`, {
      target: ownerFile,
      cause,
    });
  }
  return {
    owner,
    [Symbol.dispose]: () => {
      if (!connection.isOpen) return;
      // The name goes first: after the release it would be the next owner's.
      rmSync(ownerFile, { force: true });
      connection.close();
    },
  };
}

/** By rename, so that readers see a whole file. */
function writeOwner(ownerFile: string, owner: LockOwner): void {
  const draft = `${ownerFile}.${randomBytes(4).toString("hex")}`;
  try {
    writeFileSync(draft, JSON.stringify(owner), { mode: 0o600 });
    renameSync(draft, ownerFile);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function readOwner(ownerFile: string): LockOwner | null {
  try {
    const { pid, socket, startedAt } = JSON.parse(readFileSync(ownerFile, "utf8")) as Partial<LockOwner>;
    if (typeof pid !== "number" || typeof socket !== "string" || typeof startedAt !== "number") return null;
    return { pid, socket, startedAt };
  } catch {
    return null;
  }
}

function running(path: string, owner: LockOwner | null): SpecloopError {
  const who = owner ? `process ${owner.pid}, socket ${owner.socket}` : "a process that did not say who it is";
  return new SpecloopError("daemon_running", `A daemon already runs for this repository: ${who}.`, {
    target: path,
    details: { owner },
  });
}
