import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

/** What every engine is measured by, in one run on one machine. Times in milliseconds, of the wall clock. */
export interface Measured {
  engine: string;
  /** Median of one run with one step, begun when nothing else is under way. */
  one: number;
  /** What each further step of a chain costs. */
  step: number;
  /** 100 runs of 10 steps, all begun at once. */
  burst: number;
  /** Processor time of the burst in this process. */
  burstCpu: number;
}

export interface Contestant {
  engine: string;
  /** Resolves when a run of so many steps has ended, each of which is durable and does nothing. */
  run(steps: number): Promise<void>;
}

export async function measure({ engine, run }: Contestant): Promise<Measured> {
  for (let turn = 0; turn < 10; turn++) await run(10);
  const one = await median(40, () => run(1));
  const eleven = await median(40, () => run(11));
  const cpu = process.cpuUsage();
  const from = performance.now();
  await Promise.all(Array.from({ length: 100 }, () => run(10)));
  const burst = performance.now() - from;
  const { user, system } = process.cpuUsage(cpu);
  const rounded = (ms: number, digits: number) => Number(ms.toFixed(digits));
  return {
    engine,
    one: rounded(one, 2),
    step: rounded((eleven - one) / 10, 3),
    burst: rounded(burst, 0),
    burstCpu: rounded((user + system) / 1000, 0),
  };
}

async function median(times: number, work: () => Promise<void>): Promise<number> {
  const took: number[] = [];
  for (let turn = 0; turn < times; turn++) {
    const from = performance.now();
    await work();
    took.push(performance.now() - from);
  }
  return took.toSorted((a, b) => a - b)[Math.floor(times / 2)]!;
}

/** What the disk and SQLite cost by themselves: a row and a COMMIT that outlives a power cut for each step. */
export async function bare(): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), "specloop-bench-"));
  const database = new DatabaseSync(join(directory, "bare.db"));
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE steps (body TEXT)");
  const insert = database.prepare("INSERT INTO steps VALUES (?)");
  const run = async (steps: number) => {
    for (let step = 0; step < steps; step++) insert.run("x".repeat(300));
  };
  try {
    return await measure({ engine: "a row and a FULL commit per step, nothing else", run });
  } finally {
    database.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Peer {
  OpenWorkflow: new (options: { backend: unknown }) => {
    defineWorkflow(
      about: { name: string },
      work: (context: {
        input: { steps: number };
        step: { run(about: { name: string }, work: () => Promise<number>): Promise<number> };
      }) => Promise<void>,
    ): { run(input: { steps: number }): Promise<{ result(): Promise<unknown> }> };
    newWorker(options: { concurrency: number }): { start(): Promise<void>; stop(): Promise<void> };
  };
}

/**
 * OpenWorkflow on SQLite as it comes, from the folder that `SPECLOOP_BENCH_PEERS` names (`npm install openworkflow@0.10.1`
 * there); null where it is not.
 */
export async function openWorkflow(): Promise<Measured[] | null> {
  const folder = join(process.env["SPECLOOP_BENCH_PEERS"] ?? "", "node_modules/openworkflow/dist");
  if (process.env["SPECLOOP_BENCH_PEERS"] === undefined || !existsSync(folder)) return null;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- not installed here, so nothing says what it is
  const { OpenWorkflow } = (await import(pathToFileURL(join(folder, "index.js")).href)) as Peer;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same
  const { BackendSqlite } = (await import(pathToFileURL(join(folder, "sqlite.js")).href)) as {
    BackendSqlite: { connect(path: string): { stop(): Promise<void> } };
  };
  const directory = mkdtempSync(join(tmpdir(), "specloop-bench-"));
  const backend = BackendSqlite.connect(join(directory, "peer.db"));
  const peer = new OpenWorkflow({ backend });
  const chain = peer.defineWorkflow({ name: "chain" }, async ({ input, step }) => {
    for (let index = 0; index < input.steps; index++) await step.run({ name: `n${index}` }, async () => index);
  });
  const worker = peer.newWorker({ concurrency: 16 });
  await worker.start();
  try {
    const run = async (steps: number) => void (await (await chain.run({ steps })).result());
    return [await measure({ engine: "OpenWorkflow 0.10.1, SQLite as it comes, 16 at once", run })];
  } finally {
    await worker.stop();
    await backend.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
