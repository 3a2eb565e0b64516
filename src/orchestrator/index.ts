export { changeOf, type ChangeFiles } from "./change-files.ts";
export { derive } from "./derive.ts";
export { documentOf, type Document } from "./document.ts";
export type { ChangePage, ChangeSummary, ListRequest } from "./listing.ts";
export { options, type OpenspecOptions } from "./options.ts";
export { Orchestrator, type OrchestratorParts } from "./orchestrator.ts";
export type { ProposeContext, ProposeResult } from "./propose.ts";
export type { Snapshot } from "./snapshot.ts";
export {
  STAGES,
  type ArtifactState,
  type ChangeState,
  type ChangeView,
  type DeltaState,
  type Mergeability,
  type OpenQuestion,
  type Place,
  type RootState,
  type Stage,
  type Validity,
} from "./state.ts";
export { migrations, type OrchestratorTables } from "./tables.ts";
export { tools } from "./tools.ts";
