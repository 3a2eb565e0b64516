export { workflow, WorkflowBuilder, type NodeInput } from "./builder/index.ts";
export {
  checkDefinition,
  definitionTools,
  toMermaid,
  toRow,
  verdictOf,
  WorkflowCatalogue,
  type Checked,
  type DefinitionProblem,
  type Found,
  type WorkflowRow,
  type WorkflowVerdict,
} from "./definition/index.ts";
export { builtinFolder } from "./templates/index.ts";
export { QUICK_ACTIONS, type QuickAction } from "./templates/quick.ts";
export type { Guard } from "./guard.ts";
export { describedNodeTypes, type NodePorts, nodeTypes } from "./nodes/index.ts";
export type { NodeType } from "./node-type.ts";
export type { Plan, PlanNode } from "./plan.ts";
export { InProcessDispatcher, type Dispatcher } from "./dispatcher.ts";
export type { EngineParts } from "./engine-parts.ts";
export { WorkflowEngine } from "./engine.ts";
export { bookTools } from "./book-tools.ts";
export { WorkflowBooks } from "./books.ts";
export { createExpressions } from "./expression/index.ts";
export { options, type WorkflowOptions } from "./options.ts";
export { QuestionBell } from "./question-bell.ts";
export { runTools } from "./run-tools.ts";
export { StoreValues } from "./run/store-values.ts";
export { FileValues } from "./run/values.ts";
export type { RollbackDesk } from "./rollback/port.ts";
export { Secrets } from "./secrets.ts";
export { migrations, type WorkflowTables } from "./tables.ts";
export { SharedDispatcher } from "./shared-dispatcher.ts";
export { trustTools } from "./trust/tools.ts";
export { type WorkflowTrust, WorkflowTrusts } from "./trust/trust.ts";
export type { RunDetails, RunSummary } from "./views.ts";
