import type { Kysely } from "kysely";
import { readNode, readRun } from "../run/rows.ts";
import { isEnded } from "../run/state.ts";
import type { WorkflowTables } from "../tables.ts";
import { Counts, type EndedRun } from "./facts.ts";
import type { FoldRow, HistogramRow, StatRow } from "./tables.ts";

type Db = Kysely<WorkflowTables>;

/** Rows of one INSERT: 15 columns each stay far below SQLite's 32,766 parameters. */
const ROWS = 500;

/**
 * Counts the ends of runs, each once: the counts and the marks that they were counted are one transaction. A run that did
 * not end, or whose end is counted, adds nothing. What several of them add to the same counts is added up first.
 */
export async function foldRuns(tx: Db, ids: readonly string[], dayAt: (at: number) => string): Promise<void> {
  const counts = new Counts();
  const folds: FoldRow[] = [];
  for (const { run, before, ...rows } of await endsOf(tx, ids)) {
    if (run.endedAt === null) continue;
    counts.addRun({ ...rows, run, before, day: dayAt(run.endedAt) });
    folds.push({
      run_id: run.id,
      ended_at: run.endedAt,
      active_ms: run.activeMs,
      usd: run.usd,
      unpriced: run.unpriced,
      tokens_in: run.tokensIn,
      tokens_out: run.tokensOut,
    });
  }
  const { stats, histograms } = counts.facts();
  for (const some of chunks(stats)) await addStats(tx, some);
  for (const some of chunks(histograms)) await addHistograms(tx, some);
  await mark(tx, folds);
}

/** Those that have ended since they were counted, with what there is to count. */
async function endsOf(tx: Db, ids: readonly string[]): Promise<Omit<EndedRun, "day">[]> {
  const runs = (await tx.selectFrom("workflow_runs").selectAll().where("id", "in", ids).execute()).map(readRun);
  const folds = await tx.selectFrom("workflow_folds").selectAll().where("run_id", "in", ids).execute();
  const known = new Map(folds.map((fold) => [fold.run_id, fold]));
  const ended = runs.filter(({ id, state, endedAt }) => isEnded(state) && known.get(id)?.ended_at !== endedAt);
  if (ended.length === 0) return [];
  const found = ended.map(({ id }) => id);
  const nodes = await tx.selectFrom("workflow_nodes").selectAll().where("run_id", "in", found).execute();
  const attempts = await tx
    .selectFrom("workflow_attempts")
    .select(["run_id", "key", "outcome", "error", "usd", "tokens_in", "tokens_out", "started_at", "ended_at"])
    .where("run_id", "in", found)
    .orderBy("attempt")
    .execute();
  const [nodesOf, attemptsOf] = [Map.groupBy(nodes, (row) => row.run_id), Map.groupBy(attempts, (row) => row.run_id)];
  return ended.map((run) => ({
    run,
    before: known.get(run.id) ?? null,
    attempts: attemptsOf.get(run.id) ?? [],
    nodes: (nodesOf.get(run.id) ?? []).map(readNode),
  }));
}

async function mark(tx: Db, folds: FoldRow[]): Promise<void> {
  if (folds.length === 0) return;
  await tx
    .insertInto("workflow_folds")
    .values(folds)
    .onConflict((conflict) =>
      conflict.column("run_id").doUpdateSet((row) => ({
        ended_at: row.ref("excluded.ended_at"),
        active_ms: row.ref("excluded.active_ms"),
        usd: row.ref("excluded.usd"),
        unpriced: row.ref("excluded.unpriced"),
        tokens_in: row.ref("excluded.tokens_in"),
        tokens_out: row.ref("excluded.tokens_out"),
      })),
    )
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
