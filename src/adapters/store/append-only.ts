import { type Kysely, SqliteAdapter, sql } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";

/**
 * Makes a table one that only grows at its end: triggers refuse UPDATE, DELETE and every INSERT whose `seq` is not the
 * next number (which also stops INSERT OR REPLACE, for which SQLite runs no DELETE trigger). To be called in the
 * migration that creates the table.
 */
export async function appendOnly(db: Kysely<unknown>, table: string): Promise<void> {
  if (!(db.getExecutor().adapter instanceof SqliteAdapter)) {
    throw new SpecloopError("unsupported", "Append-only tables exist on SQLite only so far.");
  }
  const refuse = sql`SELECT RAISE(ABORT, ${sql.lit(`${table} only grows`)});`;
  const trigger = (event: string) => sql.id(`${table}_no_${event}`);
  const on = sql.table(table);
  await sql`CREATE TRIGGER ${trigger("update")} BEFORE UPDATE ON ${on} BEGIN ${refuse} END`.execute(db);
  await sql`CREATE TRIGGER ${trigger("delete")} BEFORE DELETE ON ${on} BEGIN ${refuse} END`.execute(db);
  await sql`CREATE TRIGGER ${trigger("gap")} BEFORE INSERT ON ${on}
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM ${on}) BEGIN ${refuse} END`.execute(db);
}
