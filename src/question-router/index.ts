export { parseLabelled } from "./evaluation/labelled.ts";
export { options, type QuestionOptions } from "./options.ts";
export { notifier, type AnswerWriter, type Notify, type OriginOf, type PeopleParts } from "./people/index.ts";
export { QuestionRouter } from "./router.ts";
export type { DocumentSearch } from "./search/port.ts";
export { openDocumentSearch } from "./search/thread.ts";
export { migrations, type QuestionTables, type QuestionTelemetryTables, telemetryMigrations } from "./tables.ts";
export { tools } from "./tools.ts";
export type { AskResult } from "./types.ts";
