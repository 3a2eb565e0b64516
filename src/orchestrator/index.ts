export { changeOf, type ChangeFiles } from "./change-files.ts";
export { derive } from "./derive.ts";
export { documentOf } from "./document.ts";
export { options, type OpenspecOptions } from "./options.ts";
export { Orchestrator } from "./orchestrator.ts";
export type { Snapshot } from "./snapshot.ts";
export { migrations } from "./tables.ts";
export { tools } from "./tools.ts";
