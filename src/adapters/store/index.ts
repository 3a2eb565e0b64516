export { appendOnly } from "./append-only.ts";
export { migrate } from "./migrate.ts";
export {
  insertSealed,
  replaceSealed,
  sealedHealth,
  updateSealed,
  verifySealed,
  type DamagedRow,
  type SealedRow,
} from "./sealed.ts";
export { openSqliteStore } from "./sqlite.ts";
export type { Durability, Migration, RoomMigrations, Store } from "./port.ts";
