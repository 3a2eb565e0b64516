import { chmodSync, lstatSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SpecloopError } from "../foundation/errors.ts";
import type { StatePaths } from "../foundation/paths.ts";

/**
 * Makes `.specloop/` with `logs/` and `recovery/`, all 0700 whatever the umask says, because who can reach the socket or
 * the token can act as the person; and the directory of the socket where that is elsewhere. The directory ignores
 * itself in git. Safe to call again. Throws `path_protected` when something else stands there: a link, a file, or a
 * directory that another user owns or that everybody may write, or when a link or another user's file is in it; `state_unwritable` when
 * the file system lets nothing be written.
 */
export function createStateDirectory(paths: StatePaths): void {
  try {
    makeAll(paths);
  } catch (cause) {
    if (cause instanceof SpecloopError) throw cause;
    const { code = "", path = paths.directory } = cause as NodeJS.ErrnoException;
    throw new SpecloopError("state_unwritable", `${path} cannot be written (${code}).`, { target: path, cause });
  }
}

function makeAll(paths: StatePaths): void {
  for (const directory of [paths.directory, paths.logs, paths.recovery]) makePrivate(directory);
  for (const directory of [paths.directory, paths.logs]) refuseForeignFiles(directory);
  const runtime = dirname(paths.socket);
  if (runtime !== paths.directory) {
    mkdirSync(runtime, { recursive: true, mode: 0o700 });
    requireSafe(runtime);
  }
  ignoreInGit(paths.directory);
}

function makePrivate(directory: string): void {
  mkdirSync(dirname(directory), { recursive: true });
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const found = lstatSync(directory);
  // A repository may bring its own `.specloop` as a link, and /tmp may hold one that another user laid there first.
  if (!found.isDirectory()) throw refuse(directory, "is not a directory");
  const user = process.getuid?.();
  if (user !== undefined && found.uid !== user) throw refuse(directory, "belongs to another user");
  if ((found.mode & 0o777) !== 0o700) chmodSync(directory, 0o700);
}

/** What we write to must be ours: a link would lead a log line or a database to any file of the person's. */
function refuseForeignFiles(directory: string): void {
  const user = process.getuid?.();
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) throw refuse(path, "is a symbolic link");
    if (found && user !== undefined && found.uid !== user) throw refuse(path, "belongs to another user");
  }
}

/** A directory that the person chose is left as it is, but nobody else may be able to replace what we put there. */
function requireSafe(directory: string): void {
  const user = process.getuid?.();
  if (user === undefined) return;
  for (let path = realpathSync(directory); ; path = dirname(path)) {
    const { uid, mode } = lstatSync(path);
    if (uid !== user && uid !== 0) throw refuse(path, "belongs to another user");
    const sticky = (mode & 0o1000) !== 0;
    if ((mode & 0o002) !== 0 && !sticky) throw refuse(path, "can be written by everybody");
    if (path === dirname(path)) return;
  }
}

function refuse(path: string, why: string): SpecloopError {
  return new SpecloopError("path_protected", `${path} ${why}, so specloop cannot keep its state there.`, {
    target: path,
    fix: `Look at what ${path} is, move it away and start again.`,
  });
}

function ignoreInGit(directory: string): void {
  try {
    writeFileSync(join(directory, ".gitignore"), "*\n", { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
