import type { Kysely } from "kysely";
import { readNode, readRun } from "../run/rows.ts";
import { isEnded } from "../run/state.ts";
import type { WorkflowTables } from "../tables.ts";
import { factsOf } from "./facts.ts";
import type { HistogramRow, StatRow } from "./tables.ts";

type Db = Kysely<WorkflowTables>;

/** Rows of one INSERT: 15 columns each stay far below SQLite's 32,766 parameters. */
const ROWS = 500;

/**
 * Counts the end of a run, once: the counts and the mark that it was counted are one transaction. A run that did not end,
 * or whose end is counted, adds nothing.
 */
export async function foldRun(tx: Db, runId: string, dayAt: (at: number) => string): Promise<void> {
  const row = await tx.selectFrom("workflow_runs").selectAll().where("id", "=", runId).executeTakeFirst();
  if (!row) return;
  const run = readRun(row);
  if (!isEnded(run.state) || run.endedAt === null) return;
  const before =
    (await tx.selectFrom("workflow_folds").selectAll().where("run_id", "=", runId).executeTakeFirst()) ?? null;
  if (before?.ended_at === run.endedAt) return;
  const nodes = await tx.selectFrom("workflow_nodes").selectAll().where("run_id", "=", runId).execute();
  const attempts = await tx
    .selectFrom("workflow_attempts")
    .selectAll()
    .where("run_id", "=", runId)
    .orderBy("attempt")
    .execute();
  const { stats, histograms } = factsOf({ run, nodes: nodes.map(readNode), attempts, before, day: dayAt(run.endedAt) });
  for (const some of chunks(stats)) await addStats(tx, some);
  for (const some of chunks(histograms)) await addHistograms(tx, some);
  const fold = {
    ...{ ended_at: run.endedAt, active_ms: run.activeMs, usd: run.usd, unpriced: run.unpriced },
    ...{ tokens_in: run.tokensIn, tokens_out: run.tokensOut },
  };
  await tx
    .insertInto("workflow_folds")
    .values({ run_id: runId, ...fold })
    .onConflict((conflict) => conflict.column("run_id").doUpdateSet(fold))
    .execute();
}

async function addStats(tx: Db, rows: StatRow[]): Promise<void> {
  await tx
    .insertInto("workflow_stats")
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(["workflow", "hash", "node", "day", "model", "outcome", "kind"]).doUpdateSet((row) => ({
        count: row("workflow_stats.count", "+", row.ref("excluded.count")),
        ms_sum: row("workflow_stats.ms_sum", "+", row.ref("excluded.ms_sum")),
        ms_min: row
          .case()
          .when("workflow_stats.ms_min", "<", row.ref("excluded.ms_min"))
          .then(row.ref("workflow_stats.ms_min"))
          .else(row.ref("excluded.ms_min"))
          .end(),
        usd: row("workflow_stats.usd", "+", row.ref("excluded.usd")),
        unpriced: row("workflow_stats.unpriced", "+", row.ref("excluded.unpriced")),
        tokens_in: row("workflow_stats.tokens_in", "+", row.ref("excluded.tokens_in")),
        tokens_out: row("workflow_stats.tokens_out", "+", row.ref("excluded.tokens_out")),
      })),
    )
    .execute();
}

async function addHistograms(tx: Db, rows: HistogramRow[]): Promise<void> {
  await tx
    .insertInto("workflow_histograms")
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(["workflow", "hash", "node", "day", "model", "measure", "bucket"]).doUpdateSet((row) => ({
        count: row("workflow_histograms.count", "+", row.ref("excluded.count")),
      })),
    )
    .execute();
}

/** Runs whose end is not counted yet: a process ended in between. */
export async function uncounted(db: Db, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom("workflow_runs")
    .leftJoin("workflow_folds", "workflow_folds.run_id", "workflow_runs.id")
    .select("workflow_runs.id")
    .where("workflow_runs.ended_at", "is not", null)
    .where((where) =>
      where.or([
        where("workflow_folds.ended_at", "is", null),
        where("workflow_folds.ended_at", "!=", where.ref("workflow_runs.ended_at")),
      ]),
    )
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

function* chunks<T>(rows: T[]): Iterable<T[]> {
  for (let from = 0; from < rows.length; from += ROWS) yield rows.slice(from, from + ROWS);
}
