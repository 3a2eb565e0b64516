export { InForce } from "./in-force.ts";
export type { InboxItem, InboxPage } from "./inbox.ts";
export { notifier, type Notice, type Notify } from "./notify.ts";
export { authorityOptions, peopleOptions } from "./options.ts";
export { People, type PeopleParts, type PlacedAnswerRequest, THROUGH } from "./people.ts";
export type { AnswerWriter, CommittedDocuments, OriginOf, Place, WrittenAnswer, WrittenEdit } from "./port.ts";
export { peopleMigration, type PeopleTables } from "./tables.ts";
export { inboxTool } from "./tools.ts";
