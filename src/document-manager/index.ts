export { DocumentManager, type DocumentManagerDependencies } from "./manager.ts";
export type { DocumentRollback } from "./rollback/document-rollback.ts";
export type { EditStep } from "./committer.ts";
export { options, type DocumentOptions } from "./options.ts";
export { migrations, type DocumentTables } from "./tables.ts";
export { tools } from "./tools.ts";
export type { DocumentView, Origin, RevertRequest, UpdateRequest, UpdateResult } from "./types.ts";
