export type { QuestionDesk } from "./port.ts";
export { ChangeProcessor, type ProcessorParts } from "./processor.ts";
export { migrations } from "./tables.ts";
export { tools } from "./tools.ts";
