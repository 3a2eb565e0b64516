import { type Kysely, SqliteAdapter, sql } from "kysely";

/**
 * Makes a table one that only grows at its end: triggers refuse UPDATE, DELETE and every INSERT whose `seq` is not the
 * next number (which also stops INSERT OR REPLACE, for which SQLite runs no DELETE trigger). To be called in the
 * migration that creates the table.
 */
export async function appendOnly(db: Kysely<unknown>, table: string): Promise<void> {
  if (!(db.getExecutor().adapter instanceof SqliteAdapter)) return appendOnlyOnPostgres(db, table);
  const refuse = sql`SELECT RAISE(ABORT, ${sql.lit(`${table} only grows`)});`;
  const trigger = (event: string) => sql.id(`${table}_no_${event}`);
  const on = sql.table(table);
  await sql`CREATE TRIGGER ${trigger("update")} BEFORE UPDATE ON ${on} BEGIN ${refuse} END`.execute(db);
  await sql`CREATE TRIGGER ${trigger("delete")} BEFORE DELETE ON ${on} BEGIN ${refuse} END`.execute(db);
  await sql`CREATE TRIGGER ${trigger("gap")} BEFORE INSERT ON ${on}
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM ${on}) BEGIN ${refuse} END`.execute(db);
}

/** The same by one trigger function, which is made in the table's own schema. */
async function appendOnlyOnPostgres(db: Kysely<unknown>, table: string): Promise<void> {
  const check = sql.id(`${table}_only_grows`);
  const on = sql.table(table);
  const message = sql.lit(`${table} only grows`);
  await sql`CREATE FUNCTION ${check}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' AND NEW.seq = (SELECT coalesce(max(seq), 0) + 1 FROM ${on}) THEN RETURN NEW; END IF;
    RAISE EXCEPTION USING MESSAGE = ${message};
  END $$`.execute(db);
  await sql`CREATE TRIGGER ${check} BEFORE INSERT OR UPDATE OR DELETE ON ${on} FOR EACH ROW EXECUTE FUNCTION ${check}()`.execute(
    db,
  );
  await sql`CREATE TRIGGER ${sql.id(`${table}_no_truncate`)} BEFORE TRUNCATE ON ${on} EXECUTE FUNCTION ${check}()`.execute(
    db,
  );
}
