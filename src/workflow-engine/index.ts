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
export { describedNodeTypes } from "./nodes/index.ts";
export type { NodeType } from "./node-type.ts";
export type { Plan, PlanNode } from "./plan.ts";
export { InProcessDispatcher, type Dispatcher } from "./dispatcher.ts";
export { type EngineParts, WorkflowEngine } from "./engine.ts";
export { createExpressions } from "./expression/index.ts";
export { condition } from "./nodes/condition.ts";
export { transform } from "./nodes/transform.ts";
export { options, type WorkflowOptions } from "./options.ts";
export { runTools } from "./run-tools.ts";
export { FileValues } from "./run/values.ts";
export { migrations, type WorkflowTables } from "./tables.ts";
export type { RunDetails, RunSummary } from "./views.ts";
