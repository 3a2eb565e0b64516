export { migrate } from "./migrate.ts";
export { openSqliteStore } from "./sqlite.ts";
export type { Durability, Migration, RoomMigrations, Store } from "./port.ts";
