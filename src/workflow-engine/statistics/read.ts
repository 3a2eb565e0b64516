import { type Kysely, sql, type RawBuilder, type SqlBool } from "kysely";
import type { WorkflowTables } from "../tables.ts";
import type { Histogram } from "./histogram.ts";
import type { HistogramRow, StatRow } from "./tables.ts";

type Db = Kysely<WorkflowTables>;

/** Which counts; `node` "" are the runs themselves, absent is everything but them. */
export interface Which {
  /** `2026-11-21`: from this day on. */
  from: string;
  workflow?: string | undefined;
  hash?: string | undefined;
  node?: string | undefined;
}

export type Counted = Pick<StatRow, "workflow" | "hash" | "node" | "day" | "model" | "type" | "outcome" | "kind"> & {
  count: number;
  msSum: number;
  msMin: number;
  usd: number;
  unpriced: number;
  tokensIn: number;
  tokensOut: number;
};

type Field = "workflow" | "hash" | "node" | "day" | "model" | "type";

/** Counts by the named columns and by how it ended. The others are summed up and come as empty texts. */
export async function counted(db: Db, which: Which, by: readonly Field[]): Promise<Counted[]> {
  const columns = [...by, "outcome", "kind"] as const;
  const rows = await db
    .selectFrom("workflow_stats")
    .where(conditions(which))
    .select([...columns])
    .select((row) => [
      row.fn.sum("count").as("count"),
      row.fn.sum("ms_sum").as("msSum"),
      row.fn.min("ms_min").as("msMin"),
      row.fn.sum("usd").as("usd"),
      row.fn.sum("unpriced").as("unpriced"),
      row.fn.sum("tokens_in").as("tokensIn"),
      row.fn.sum("tokens_out").as("tokensOut"),
    ])
    .groupBy([...columns])
    .execute();
  const none = { workflow: "", hash: "", node: "", day: "", model: "", type: "" };
  return rows.map(({ count, msSum, msMin, usd, unpriced, tokensIn, tokensOut, ...names }) => ({
    ...none,
    ...names,
    count: Number(count),
    msSum: Number(msSum),
    msMin,
    usd: Number(usd),
    unpriced: Number(unpriced),
    tokensIn: Number(tokensIn),
    tokensOut: Number(tokensOut),
  }));
}

/** How a measure is spread, by the named columns: texts of `keyOf` in their order. */
export async function spreads(
  db: Db,
  which: Which & { measure: "ms" | "tokens" | "usd" },
  by: readonly Exclude<Field, "type">[],
): Promise<Map<string, Histogram>> {
  const rows = await db
    .selectFrom("workflow_histograms")
    .where(conditions(which))
    .where("measure", "=", which.measure)
    .select([...by, "bucket"])
    .select((row) => row.fn.sum("count").as("count"))
    .groupBy([...by, "bucket"])
    .execute();
  const found = new Map<string, Map<number, number>>();
  for (const row of rows) {
    const names: Partial<Pick<HistogramRow, Exclude<Field, "type">>> = row;
    const key = keyOf(by.map((field) => names[field] ?? ""));
    found.set(key, (found.get(key) ?? new Map<number, number>()).set(row.bucket, Number(row.count)));
  }
  return found;
}

function conditions({ from, workflow, hash, node }: Which): RawBuilder<SqlBool> {
  return sql.join(
    [
      sql`day >= ${from}`,
      node === undefined ? sql`node <> ''` : sql`node = ${node}`,
      ...(workflow === undefined ? [] : [sql`workflow = ${workflow}`]),
      ...(hash === undefined ? [] : [sql`hash = ${hash}`]),
    ],
    sql` and `,
  );
}

export function keyOf(parts: readonly string[]): string {
  return JSON.stringify(parts);
}
