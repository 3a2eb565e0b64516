/** What a program may import: run a daemon, call it, define tools; types of what crosses the doors. */
export { App, type AppParts } from "./app.ts";
export { ConfigHolder, loadConfig, type Config } from "./config.ts";
export { runDaemon, type DaemonOptions } from "./daemon.ts";
export { findPlaces } from "./places.ts";
export { ERRORS, SpecloopError, type Diagnostic, type ErrorCode } from "./foundation/errors.ts";
export type { EventMap } from "./foundation/events.ts";
export { defineTool, type Tool, type ToolContext } from "./foundation/tool.ts";
export { VERSION } from "./foundation/version.ts";
export { connectControl, type ControlClient } from "./server/index.ts";
export type { AppStatus } from "./status.ts";
export {
  checkDefinition,
  describedNodeTypes,
  toMermaid,
  workflow,
  WorkflowBuilder,
  type Checked,
  type DefinitionProblem,
  type NodeInput,
  type NodeType,
  type Plan,
  type PlanNode,
} from "./workflow-engine/index.ts";
