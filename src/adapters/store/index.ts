export { appendOnly } from "./append-only.ts";
export { backup } from "./backup.ts";
export { DatabaseClock } from "./database-clock.ts";
export { findDamage, quarantine, quarantineIfDamaged } from "./damage.ts";
export { migrate } from "./migrate.ts";
export { acquireProcessLock, type LockOwner, type ProcessLock } from "./process-lock.ts";
export {
  insertSealed,
  replaceSealed,
  sealedHealth,
  updateSealed,
  verifySealed,
  type DamagedRow,
  type SealedRow,
  type SealedTable,
} from "./sealed.ts";
export { checkStoreHonest } from "./selftest.ts";
export { listenOnPostgres, noNotices, type Notices } from "./notices.ts";
export { storeAddress } from "./postgres-connection.ts";
export { openPostgresStore } from "./postgres.ts";
export { openSqliteStore } from "./sqlite.ts";
export type { Durability, Migration, RoomMigrations, Store } from "./port.ts";
