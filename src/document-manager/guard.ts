import type { Principal } from "../foundation/principal.ts";
import type { PathPolicy } from "./policy.ts";
import type { UpdateRequest } from "./types.ts";

/** Which documents a caller may read or write: asked with paths whose links are resolved; throws `forbidden`. */
export interface PathGuard {
  check(principal: Principal, operation: "read" | "write", path: string): void;
}

/** Throws unless the caller may write every document of the request. What was accepted once is not asked about again. */
export function guardUpdate(
  guard: PathGuard | undefined,
  policy: PathPolicy,
  { files, principal }: UpdateRequest,
): void {
  if (!guard) return;
  for (const { path } of files) guard.check(principal, "write", policy.locate(path).path);
}
