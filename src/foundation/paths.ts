import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { basename, delimiter, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { SpecloopError } from "./errors.ts";

/** Where the daemon keeps its state: `.specloop/` at the top of the main worktree, ignored by its own .gitignore. */
export interface StatePaths {
  directory: string;
  coreDb: string;
  telemetryDb: string;
  indexDb: string;
  lockDb: string;
  daemonFile: string;
  tokenFile: string;
  socket: string;
  logs: string;
  recovery: string;
}

/**
 * The folder that holds `.specloop/`, one for all worktrees of a repository, so that they share one daemon: where
 * git's common directory lies in the main worktree, that one; else (bare, a submodule) the common directory itself.
 */
export function stateRoot(commonDirectory: string): string {
  return basename(commonDirectory) === ".git" ? dirname(commonDirectory) : commonDirectory;
}

/** Longest path of a unix socket that Linux and macOS both take (sun_path is 104 bytes on macOS, 108 on Linux). */
const MAX_SOCKET_PATH = 100;

/** The state paths below a repository; `runtimeDirectory` serves for the socket where the repository's path is too long. */
export function statePaths(repository: string, runtimeDirectory: string): StatePaths {
  const directory = join(repository, ".specloop");
  const socket = join(directory, "daemon.sock");
  return {
    directory,
    coreDb: join(directory, "core.db"),
    telemetryDb: join(directory, "telemetry.db"),
    indexDb: join(directory, "index.db"),
    lockDb: join(directory, "lock.db"),
    daemonFile: join(directory, "daemon.json"),
    tokenFile: join(directory, "token"),
    socket: Buffer.byteLength(socket) <= MAX_SOCKET_PATH ? socket : join(runtimeDirectory, "daemon.sock"),
    logs: join(directory, "logs"),
    recovery: join(directory, "recovery"),
  };
}

/** PATH_MAX of Linux, the largest of the systems that we run on. */
const MAX_PATH = 4096;

/**
 * The absolute path of `path` inside `root`, with every symbolic link on the way resolved. The file itself need not
 * exist. Throws `path_outside_root` for a path that leaves the root in any way, holds a NUL or names a device.
 */
export function resolveInside(root: string, path: string): string {
  const shown = path.slice(0, 500);
  const refuse = (why: string) =>
    new SpecloopError("path_outside_root", `The path "${shown}" ${why}.`, { target: shown });
  if (path === "" || path.includes("\0")) throw refuse("is empty or holds a NUL character");
  if (path.length > MAX_PATH) throw refuse("is longer than any path");
  if (isAbsolute(path) || /^[A-Za-z]:/.test(path)) throw refuse("is absolute; give it relative to the repository");
  const top = realpathSync(root);
  const wanted = resolve(top, path);
  if (!isInside(top, wanted)) throw refuse("leads outside the repository");
  const target = followLinks(wanted);
  if (target === null) throw refuse("passes a ring of symbolic links");
  if (!isInside(top, target)) throw refuse("passes a symbolic link that leaves the repository");
  return target;
}

/** Folders of git and of ours; case is ignored, because many disks ignore it. */
const PRIVATE = new Set([".git", ".specloop"]);

/**
 * Like `resolveInside`, and throws `path_protected` for what lies, behind every link, in a `.git` or `.specloop` folder:
 * there are credentials and the daemon's own state, which no option opens and no document is.
 */
export function resolveDocument(root: string, path: string): string {
  const absolute = resolveInside(root, path);
  const names = relative(realpathSync(root), absolute).toLowerCase().split(sep);
  if (!names.some((name) => PRIVATE.has(name))) return absolute;
  throw new SpecloopError("path_protected", `"${path}" is never read or edited through specloop.`, { target: path });
}

/** `path` relative to `root` with forward slashes: the form in which paths are shown, stored and committed. */
export function toRepositoryPath(root: string, path: string): string {
  return relative(root, path).split(sep).join("/");
}

/**
 * Surroundings in which a program that is looked up by name is never one that the repository brings along: entries of
 * the PATH that are relative or lie in it (npm and npx put `node_modules/.bin` there) are left out.
 */
export function withoutRepositoryPath<Env extends Readonly<Record<string, string | undefined>>>(
  env: Env,
  inside: string,
): Env {
  const top = repositoryTop(inside);
  const real = realOf(top);
  const safe = (entry: string) =>
    isAbsolute(entry) && !isInside(top, entry) && !isInside(real, entry) && !isInside(real, realOf(entry));
  const entries = Object.entries(env).map(([name, value]) =>
    name.toUpperCase() === "PATH" ? [name, value?.split(delimiter).filter(safe).join(delimiter)] : [name, value],
  );
  return Object.fromEntries(entries) as Env;
}

/** The nearest folder above with a `.git`, else the folder itself. */
function repositoryTop(start: string): string {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    if (lstatSync(join(folder, ".git"), { throwIfNoEntry: false })) return folder;
    if (dirname(folder) === folder) return resolve(start);
  }
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Whether a path is this folder or lies below it, by their names alone: links are the caller's matter. */
export function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === "" || (!way.startsWith(`..${sep}`) && way !== ".." && !isAbsolute(way));
}

/** Symbolic links followed at most on one way, as in Linux (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * realpath(3), but for ways that do not exist as well: what is missing is appended as it is, and links are followed also
 * where they point to nothing, because it may be made between our look and our write. Null for a ring of links.
 */
function followLinks(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    let links = 0;
    const follow = (way: string): string => {
      const parent = dirname(way);
      if (parent === way) return way;
      const here = join(follow(parent), basename(way));
      if (links >= MAX_LINKS || !isLink(here)) return here;
      links += 1;
      return follow(resolve(dirname(here), readlinkSync(here)));
    };
    const end = follow(path);
    return links >= MAX_LINKS ? null : end;
  }
}

/** What cannot exist, below a file or with too long a name, is no link either. */
function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG") return false;
    throw error;
  }
}
