import type { Kysely } from "kysely";
import { addHours, OpenHours } from "./samples-rollup.ts";
import type { SampleTables } from "./tables.ts";

/** Samples summed up at once when a store is taken over that knew no sums. */
const PAGE = 10_000;

/** Sums by hour and day, made from the samples that are there, and an index to forget by. */
export async function rollups(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("metric_rollups")
    .addColumn("level", "text", (column) => column.notNull())
    .addColumn("metric", "text", (column) => column.notNull())
    .addColumn("labels", "text", (column) => column.notNull())
    .addColumn("start", "bigint", (column) => column.notNull())
    .addColumn("count", "integer", (column) => column.notNull())
    .addColumn("sum", "real", (column) => column.notNull())
    .addColumn("squares", "real", (column) => column.notNull())
    .addColumn("min", "real", (column) => column.notNull())
    .addColumn("max", "real", (column) => column.notNull())
    .addColumn("sketch", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("metric_rollups_key", ["level", "metric", "start", "labels"])
    .execute();
  await db.schema.createIndex("metric_rollups_start").on("metric_rollups").columns(["level", "start"]).execute();
  await db.schema
    .createTable("metric_marks")
    .addColumn("key", "text", (column) => column.primaryKey())
    .addColumn("at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("samples_at").on("samples").column("at").execute();
  await sumUp(db);
}

/** Labels of samples were never bounded, so sums of what was before have none. */
async function sumUp(db: Kysely<SampleTables>): Promise<void> {
  const hours = new OpenHours();
  for (let last = 0; ;) {
    const page = await db.selectFrom("samples").selectAll().where("id", ">", last).orderBy("id").limit(PAGE).execute();
    for (const { metric, value, at } of page) hours.add(metric, "", { value, at });
    if (page.length < PAGE) break;
    last = page.at(-1)!.id;
  }
  await addHours(db, hours.take());
}
