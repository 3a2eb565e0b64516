import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore, migrate } from "../src/adapters/store/index.ts";
import { systemClock } from "../src/foundation/clock.ts";
import { EventBus } from "../src/foundation/events.ts";
import { createLogger } from "../src/foundation/logger.ts";
import { WorkflowBooks } from "../src/workflow-engine/books.ts";
import { options } from "../src/workflow-engine/options.ts";
import { nodeRow, runRow } from "../src/workflow-engine/run/rows.ts";
import { newNode, type RunRecord } from "../src/workflow-engine/run/state.ts";
import { migrations, type WorkflowTables } from "../src/workflow-engine/tables.ts";
import { plan } from "../test/workflow-engine/engine/plans.ts";

const [RUNS, NODES, DAYS, FLOWS] = [10_000, 10, 30, 5] as const;
const shapes = Array.from({ length: FLOWS }, (_, flow) => plan(`flow-${flow}`, []));

function runOf(index: number): RunRecord {
  const at = Date.now() - (index % DAYS) * 86_400_000;
  const state = index % 20 === 0 ? "failed" : "succeeded";
  const { name: workflow, hash } = shapes[index % FLOWS]!;
  return {
    id: `r_${index}`,
    workflow,
    hash,
    state,
    reason: null,
    output: null,
    input: "{}",
    parentRun: null,
    error:
      state === "failed"
        ? {
            key: "n9",
            kind: "timeout",
            message: "late",
          }
        : null,
    parentKey: null,
    forkedFrom: null,
    forkKey: null,
    principal: {
      kind: "agent",
      name: "bench",
    },
    unpriced: 0,
    seq: 30,
    version: 1,
    budget: {
      usd: null,
      tokens: null,
      ms: null,
    },
    usd: 0.01,
    tokensIn: 900,
    tokensOut: 100,
    activeMs: 50 + (index % 400),
    activeSince: null,
    idempotencyKey: null,
    createdAt: at - 1e3,
    endedAt: at,
  } as RunRecord;
}

export async function run(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "specloop-bench-"));
  const lines: Record<string, string> = { "load before": loadavg()[0]!.toFixed(1) };
  try {
    await using store = openSqliteStore(join(directory, "core.db"), "full").as<WorkflowTables>();
    await migrate(store.as(), [migrations], 0);
    for (let from = 0; from < RUNS; from += 200) {
      const runs = Array.from({ length: 200 }, (_, index) => runOf(from + index));
      await store.write(async (tx) => {
        await tx.insertInto("workflow_runs").values(runs.map(runRow)).execute();
        for (const run of runs) {
          const nodes = Array.from({ length: NODES }, (_, index) => {
            const failed = run.state === "failed" && index === NODES - 1;
            const used = { usd: 0.001, tokensIn: 90, tokensOut: 10, model: "bench" };
            const state = {
              status: failed ? "failed" : "done",
              endedAt: run.endedAt,
              endedSeq: index,
              error: failed ? run.error : null,
            };
            return { ...newNode(`n${index}`, "llm"), ...state, ...used } as ReturnType<typeof newNode>;
          });
          await tx
            .insertInto("workflow_nodes")
            .values(nodes.map((node) => nodeRow(run.id, node)))
            .execute();
          const attempts = nodes.map(({ key, status }, index) => ({
            run_id: run.id,
            key,
            attempt: 1,
            outcome: status,
            input: null,
            output: null,
            error: null,
            log: "",
            usd: 0.001,
            tokens_in: 90,
            tokens_out: 10,
            model: "bench",
            started_at: run.endedAt! - 5 - ((index * 37 + from) % 300),
            ended_at: run.endedAt!,
          }));
          await tx.insertInto("workflow_attempts").values(attempts).execute();
        }
      });
    }
    const logger = createLogger("warn", () => {});
    const books = new WorkflowBooks({
      store,
      events: new EventBus(logger),
      clock: systemClock,
      logger,
      prices: {
        current: {
          models: {},
          useBuiltIn: true,
        },
      },
      options: { current: options.schema.parse({}) },
      find: async (name) => shapes.find((shape) => shape.name === name)!,
    });
    const from = performance.now();
    await books.start(new AbortController().signal);
    await books.statistics.overview(1);
    const folded = performance.now() - from;
    lines[`counting ${RUNS} runs with ${RUNS * NODES} nodes, ms a run`] = (folded / RUNS).toFixed(3);
    const timed = async (what: string, work: () => Promise<unknown>) => {
      const took: number[] = [];
      for (let turn = 0; turn < 30; turn++) {
        const start = performance.now();
        await work();
        took.push(performance.now() - start);
      }
      const sorted = took.toSorted((a, b) => a - b);
      lines[`${what}, ms p50 and p95`] = `${sorted[15]!.toFixed(1)} ${sorted[28]!.toFixed(1)}`;
    };
    await timed("statistics of all workflows", () => books.statistics.overview(30));
    await timed("statistics of one workflow with its nodes", () => books.statistics.of("flow-0", 30));
    await timed("a forecast", () => books.forecast({ name: "flow-0" }, { kind: "agent", name: "bench" }));
    const rows = await store.read
      .selectFrom("workflow_stats")
      .select((row) => row.fn.countAll().as("n"))
      .executeTakeFirstOrThrow();
    const buckets = await store.read
      .selectFrom("workflow_histograms")
      .select((row) => row.fn.countAll().as("n"))
      .executeTakeFirstOrThrow();
    lines["rows of counts and of histograms"] = `${rows.n} ${buckets.n}`;
    lines["load after"] = loadavg()[0]!.toFixed(1);
    await books[Symbol.asyncDispose]();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  for (const [what, figure] of Object.entries(lines)) process.stdout.write(`${what.padEnd(60)} ${figure}\n`);
}
