export { Bubblewrap } from "./bubblewrap.ts";
export type { Sandbox, SandboxAvailability, SandboxedCommand, SandboxLimits, SandboxResult } from "./port.ts";
