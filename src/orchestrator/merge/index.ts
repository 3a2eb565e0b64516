export { mergeChange, type MergeSubject } from "./merger.ts";
export type { DeltaWriter, MergeRequest, MergeResult } from "./port.ts";
export { mergeTools } from "./tools.ts";
