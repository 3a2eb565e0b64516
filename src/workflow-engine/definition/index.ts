export { type Found, WorkflowCatalogue } from "./catalogue.ts";
export { checkDefinition, type Checked, type Definition } from "./check.ts";
export { editorSchema } from "./editor-schema.ts";
export { readInput } from "./inputs.ts";
export { toMermaid } from "./mermaid.ts";
export type { DefinitionProblem } from "./problem.ts";
export { definitionTools, toRow, verdictOf, type WorkflowRow, type WorkflowVerdict } from "./tools.ts";
