export { baseKey, type Base, type KnownBases } from "./base.ts";
export { baseFindings } from "./findings.ts";
export { baseStates, staleBases } from "./states.ts";
