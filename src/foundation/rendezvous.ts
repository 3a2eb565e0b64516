// Where clients and the daemon of a repository meet. `specloop mcp` loads this at every start: Node's own modules only.
import { createHash } from "node:crypto";
import { constants, lstatSync, mkdirSync, openSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { SpecloopError } from "./errors.ts";
import { statePaths, type StatePaths } from "./paths.ts";

/**
 * The state paths of a repository. They follow from its path alone, so that nothing a repository brings along can lead
 * a client to another socket.
 */
export function placesOf(root: string): StatePaths {
  return statePaths(root, runtimeDirectory(root));
}

/** A private directory for the socket of a repository whose own path is too long for one. */
function runtimeDirectory(root: string): string {
  const name = createHash("sha256").update(root).digest("hex").slice(0, 16);
  return join(tmpdir(), `specloop-${userInfo().uid}`, name);
}

/**
 * Whether something is there to connect to. Throws `daemon_start_failed` for what is no socket of this user: another
 * user's could be anybody's, and a link, which a repository can bring along, may lead to another program's.
 */
export function hasOwnSocket(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return false;
  const user = process.getuid?.();
  const why = !found.isSocket()
    ? "is not a socket"
    : found.uid !== (user ?? found.uid)
      ? "belongs to another user"
      : null;
  if (why === null) return true;
  throw new SpecloopError("daemon_start_failed", `${path} ${why}, so nothing is sent to it.`, {
    target: path,
    fix: `Look at what ${path} is and move it away.`,
  });
}

/** The file for what a daemon says until its own log works; never written through a link that a repository brought. */
export function openStartLog({ directory, logs }: StatePaths): { path: string; descriptor: number } {
  for (const folder of [directory, logs]) {
    makeFolder(folder);
    if (!lstatSync(folder).isDirectory()) throw notOurs(folder);
  }
  const path = join(logs, "start.log");
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
  try {
    return { path, descriptor: openSync(path, flags, 0o600) };
  } catch (cause) {
    throw notOurs(path, cause);
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") throw notOurs(folder, cause);
    throw new SpecloopError("state_unwritable", `${folder} cannot be made.`, { target: folder, cause });
  }
}

function notOurs(path: string, cause?: unknown): SpecloopError {
  const fix = `Look at what ${path} is, move it away and start again.`;
  return new SpecloopError("path_protected", `${path} is not what specloop makes there.`, { target: path, fix, cause });
}
