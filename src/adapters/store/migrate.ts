import type { Kysely } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Migration, RoomMigrations, Store } from "./port.ts";

interface MigrationTables {
  migrations: { room: string; name: string; applied_at: number };
}

/**
 * Brings every room's tables up to date, each step in its own transaction. A database that holds steps which this
 * version does not know was written by a newer one: `store_newer`, and nothing is touched.
 */
export async function migrate(store: Store<unknown>, rooms: RoomMigrations[], now: number): Promise<void> {
  const own = store.as<MigrationTables>();
  await own.write((tx) =>
    tx.schema
      .createTable("migrations")
      .ifNotExists()
      .addColumn("room", "text", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("applied_at", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("migrations_key", ["room", "name"])
      .execute(),
  );
  const applied = await own.read.selectFrom("migrations").select(["room", "name"]).execute();
  refuseNewer(applied, rooms);
  const done = new Set(applied.map(({ room, name }) => `${room}/${name}`));
  for (const { room, migrations } of rooms) {
    for (const migration of migrations.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (!done.has(`${room}/${migration.name}`)) await apply(own, room, migration, now);
    }
  }
}

async function apply(own: Store<MigrationTables>, room: string, migration: Migration, now: number): Promise<void> {
  const { name } = migration;
  try {
    await own.write(async (tx) => {
      const row = { room, name, applied_at: now };
      const taken = await tx
        .insertInto("migrations")
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .returning("name")
        .executeTakeFirst();
      // Another process was faster.
      if (taken) await migration.up(tx as unknown as Kysely<unknown>);
    });
  } catch (cause) {
    if (cause instanceof SpecloopError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SpecloopError("internal", `The schema step ${room}/${name} failed and was undone: ${why}`, { cause });
  }
}

function refuseNewer(applied: { room: string; name: string }[], rooms: RoomMigrations[]): void {
  const known = new Set(rooms.flatMap(({ room, migrations }) => migrations.map(({ name }) => `${room}/${name}`)));
  const unknown = applied.map(({ room, name }) => `${room}/${name}`).filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new SpecloopError(
    "store_newer",
    `The database holds schema steps that this version does not know: ${unknown.join(", ")}.`,
  );
}
