import { Bubblewrap } from "../../../src/adapters/sandbox/index.ts";

const found = await new Bubblewrap().availability();

/** Why commands cannot be run here, or null when they can. */
export const sandboxMissing: string | null = found.available ? null : `SKIPPED: ${found.why}`;
if (sandboxMissing) console.warn(sandboxMissing);
