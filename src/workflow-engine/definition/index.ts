export { checkDefinition, type Checked, type Definition } from "./check.ts";
export { readInput } from "./inputs.ts";
export type { DefinitionProblem } from "./problem.ts";
