import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
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
 * The folder that holds `.specloop/`: the main worktree, so that linked worktrees share one daemon. Where the git
 * directory lies elsewhere (a submodule), the worktree itself.
 */
export function stateRoot(worktree: string, commonDirectory: string): string {
  return basename(commonDirectory) === ".git" ? dirname(commonDirectory) : worktree;
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

/**
 * The absolute path of `path` inside `root`, with every symbolic link on the way resolved. The file itself need not
 * exist. Throws `path_outside_root` for a path that leaves the root in any way, holds a NUL or names a device.
 */
export function resolveInside(root: string, path: string): string {
  const refuse = (why: string) =>
    new SpecloopError("path_outside_root", `The path "${path}" ${why}.`, { target: path });
  if (path === "" || path.includes("\0")) throw refuse("is empty or holds a NUL character");
  if (isAbsolute(path) || /^[A-Za-z]:/.test(path)) throw refuse("is absolute; give it relative to the repository");
  const top = realpathSync(root);
  const wanted = resolve(top, path);
  if (!isInside(top, wanted)) throw refuse("leads outside the repository");
  const target = followLinks(wanted);
  if (target === null) throw refuse("passes a ring of symbolic links");
  if (!isInside(top, target)) throw refuse("passes a symbolic link that leaves the repository");
  return target;
}

/** `path` relative to `root` with forward slashes: the form in which paths are shown, stored and committed. */
export function toRepositoryPath(root: string, path: string): string {
  return relative(root, path).split(sep).join("/");
}

function isInside(root: string, path: string): boolean {
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
