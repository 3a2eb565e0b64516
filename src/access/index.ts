export { AuditLog, type AuditEntry, type AuditHead, type AuditVerdict } from "./audit.ts";
export { Idempotency, type RecordResult } from "./idempotency.ts";
export { createStateDirectory } from "./state-directory.ts";
export { migrations, type AccessTables } from "./tables.ts";
export { readOrCreateToken, readToken, tokenMatches } from "./token.ts";
