export { workflow, WorkflowBuilder, type NodeInput } from "./builder/index.ts";
export {
  checkDefinition,
  definitionTools,
  renderProblems,
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
