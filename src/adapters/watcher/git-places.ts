import { relative, sep } from "node:path";

/** Begin of the names of the files that `settled()` writes into a git directory to see itself come round. */
export const COOKIE = "specloop-cookie-";

/** Files and folders in a git directory that tell of moved branches (gitrepository-layout(5)). */
const FILES = new Set(["HEAD", "packed-refs"]);
/** Files of a linked worktree below `worktrees/<name>/`. */
const WORKTREE_FILES = new Set(["HEAD", "gitdir"]);

/**
 * Whether a path in a git directory is of interest: HEAD, branches, packed refs, reftables, the list of worktrees with
 * where each is and what it has checked out, and our own cookies.
 */
export function isGitPlace(gitDirectory: string, path: string): boolean {
  const parts = relative(gitDirectory, path).split(sep);
  const first = parts[0]!;
  if (first === "" || first === "refs" || first === "reftable") return parts[1] === undefined || isBranch(parts);
  if (first === "worktrees") return parts.length < 3 || (parts.length === 3 && WORKTREE_FILES.has(parts[2]!));
  return parts.length === 1 && (FILES.has(first) || first.startsWith(COOKIE));
}

function isBranch([first, second, ...rest]: string[]): boolean {
  if (first === "reftable") return !second!.endsWith(".lock");
  return second === "heads" && !(rest.at(-1) ?? "").endsWith(".lock");
}
