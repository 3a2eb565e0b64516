import { join } from "node:path";

/** Where the definitions lie that come with the program: beside `src`, and beside `dist` in the package. */
export function builtinFolder(): string {
  return join(import.meta.dirname, "..", "..", "..", "templates");
}

/** Shipped, and yet not run before a person approved it: what it runs is the project's own. */
export const NEEDS_APPROVAL: ReadonlySet<string> = new Set(["code-enhancement"]);
