export { InForce } from "./in-force.ts";
export { notifier, type Notice, type Notify } from "./notify.ts";
export { People, type PeopleParts } from "./people.ts";
export type { AnswerWriter, CommittedDocuments, OriginOf } from "./port.ts";
export { inboxTool } from "./tools.ts";
