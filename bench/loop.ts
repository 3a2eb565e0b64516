import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate, openSqliteStore } from "../src/adapters/store/index.ts";
import { METRICS, options, telemetryMigrations, type SampleTables } from "../src/feedback-loop/index.ts";
import { SampleWriter } from "../src/feedback-loop/samples.ts";
import { analyze } from "../src/feedback-loop/steps/analyze.ts";
import { systemClock as clock } from "../src/foundation/clock.ts";

const SAMPLES = 1_000_000;
const QUESTIONS = 3000;
const ROUNDS = 5;

/** Writing 1,000,000 samples, then the detectors over them (no model, no recorded questions to replay). */
export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "specloop-bench-"));
  const store = openSqliteStore(join(directory, "telemetry.db"), "normal").as<SampleTables>();
  await migrate(store.as(), [telemetryMigrations], Date.now());
  const writer = new SampleWriter(store);
  await writer.load();
  const start = performance.now();
  for (let done = 0; done < SAMPLES; done += 2000) await writer.write(samples(done, 2000));
  const seconds = (performance.now() - start) / 1000;
  console.log(`writing ${SAMPLES} samples: ${seconds.toFixed(1)} s, ${Math.round(SAMPLES / seconds)} a second`);
  await writer.write([], { questions: Array.from({ length: QUESTIONS }, (_, index) => question(index)) });

  const nothing = { recorded: () => Promise.resolve([]), replay: () => Promise.resolve([]) };
  const dependencies = { samples: store.read, replay: nothing, tunables: {}, options: options.schema.parse({}), clock };
  const analysis = await times(async () => (await analyze(dependencies, new AbortController().signal)).length);
  console.log(`analysis over ${SAMPLES} samples and ${QUESTIONS} open questions: ${analysis}`);
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
}

function samples(from: number, count: number) {
  return Array.from({ length: count }, (_, index) => {
    const metric = METRICS[(from + index) % METRICS.length]!;
    const value = metric.unit === "share" ? Number(Math.random() < 0.2) : 10 * Math.exp(Math.random());
    return { metric: metric.name, value, at: Date.now(), ref: `q-${from + index}`, labels: null };
  });
}

function question(index: number) {
  const subject = index % 400;
  const text = `How does part ${String.fromCodePoint(97 + (subject % 26))}${subject.toString(36)}x of the ${subject % 7 === 0 ? "store" : "router"} work`;
  return { question_id: `q-${index}`, text, kind: "fact", state: "pending", route: null, at: Date.now() };
}

async function times(work: () => Promise<number>): Promise<string> {
  const all: number[] = [];
  let result = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    result = await work();
    all.push(performance.now() - start);
  }
  const sorted = all.toSorted((a, b) => a - b);
  return `median ${sorted[Math.floor(ROUNDS / 2)]!.toFixed(1)} ms, slowest ${sorted.at(-1)!.toFixed(1)} ms (result ${result})`;
}
