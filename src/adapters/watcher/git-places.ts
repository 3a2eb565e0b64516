import { relative, sep } from "node:path";

/** Begin of the names of the files that `settled()` writes into a git directory to see itself come round. */
export const COOKIE = "specloop-cookie-";

/** Files and folders in a git directory that tell of moved branches (gitrepository-layout(5)). */
const FILES = new Set(["HEAD", "packed-refs"]);

/** Whether a path in a git directory is of interest: HEAD, branches, packed refs, reftables, and our own cookies. */
export function isGitPlace(gitDirectory: string, path: string): boolean {
  const parts = relative(gitDirectory, path).split(sep);
  const first = parts[0]!;
  if (first === "" || first === "refs" || first === "reftable") return parts[1] === undefined || isBranch(parts);
  return parts.length === 1 && (FILES.has(first) || first.startsWith(COOKIE));
}

function isBranch([first, second, ...rest]: string[]): boolean {
  if (first === "reftable") return !second!.endsWith(".lock");
  return second === "heads" && !(rest.at(-1) ?? "").endsWith(".lock");
}
