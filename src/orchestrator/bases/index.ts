export { baseKey, type Base, type KnownBases } from "./base.ts";
export { baseFindings, movedBases } from "./findings.ts";
export { BaseKeeper } from "./keeper.ts";
export { modificationsOf, targetOf, type Modification } from "./modifications.ts";
export { BaseRows } from "./rows.ts";
export { baseStates, staleBases } from "./states.ts";
