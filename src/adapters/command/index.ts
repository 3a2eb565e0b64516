export type { PersonCommand, RunCommand } from "./port.ts";
export { runCommand } from "./run.ts";
