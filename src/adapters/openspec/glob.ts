import { globMatcher } from "../../foundation/glob.ts";

/** Whether a path inside a change fits what an artifact `generates`, a glob or a plain path. */
export function matcher(pattern: string): (path: string) => boolean {
  return globMatcher([pattern.replace(/^\.\//, "")]);
}
