import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { existsSync, globSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import type { Llm } from "../src/adapters/llm/index.ts";
import { SpecloopError } from "../src/foundation/errors.ts";
import { agent, DOCUMENTS, type Harness, never, startRouter } from "../test/question-router/harness.ts";

const SECTIONS = 10_000;
const ARCHIVES = resolve(import.meta.dirname, "../../shared/data/repositories");
const own = resolve(import.meta.dirname, "..");
const extract = promisify(execFile);

/** Questions: from the cache, from documents over 10,000 sections, and 100 and 1,000 at once. */
export async function run(): Promise<void> {
  await cached();
  await fromFewDocuments();
  await fromDocuments();
  await byMeaning();
}

async function cached(): Promise<void> {
  await using shop = await startRouter({ files: DOCUMENTS });
  const text = "Within how many days is a returned bicycle refunded?";
  await shop.router.ask({ text }, agent, never);
  for (let warm = 0; warm < 300; warm += 1) await shop.router.ask({ text }, agent, never);
  print(
    "ask, cached, in process, its row written",
    await timeEach(3000, () => shop.router.ask({ text }, agent, never)),
  );
}

/** A burst over a corpus of the size that most repositories have: our own documents. */
async function fromFewDocuments(): Promise<void> {
  const names = globSync("{README.md,AGENTS.md,docs/**/*.md,openspec/**/*.md}", { cwd: own });
  const files = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(own, name), "utf8")] as const)),
  );
  await using few = await startRouter({ files });
  const questions = await headingQuestions(few, 1500);
  console.log(`${names.length} documents of this project, ${questions.length} questions`);
  for (const text of questions.slice(0, 100)) await few.router.ask({ text }, agent, never);
  await burst(few, questions.slice(100, 200));
}

async function fromDocuments(): Promise<void> {
  await using big = await bigRouter();
  const questions = await headingQuestions(big, 2500);
  for (const text of questions.slice(0, 100)) await big.router.ask({ text }, agent, never);
  const rest = questions.slice(100);
  print(
    `ask from documents, ${SECTIONS} sections, one by one`,
    await timeEach(400, (turn) => big.router.ask({ text: rest[turn]! }, agent, never)),
  );
  await burst(big, rest.slice(400, 500));
  await burst(big, rest.slice(500, 1500));
}

/** The same with a vector of every section, and a model that takes 15 ms a call and 1 ms a text. */
async function byMeaning(): Promise<void> {
  await using big = await bigRouter(embeddingModel());
  const questions = await headingQuestions(big, 1500);
  const started = performance.now();
  await big.router.ask({ text: "What does nobody say here at all?", waitMs: 0 }, agent, never);
  await big.router.embedded();
  console.log(
    `embedded ${SECTIONS} sections in ${((performance.now() - started) / 1000).toFixed(1)} s, most of it the model`,
  );
  for (const text of questions.slice(0, 100)) await big.router.ask({ text, waitMs: 0 }, agent, never);
  print(
    `ask from documents with vectors, ${SECTIONS} sections, one by one`,
    await timeEach(200, (turn) => big.router.ask({ text: questions[100 + turn]!, waitMs: 0 }, agent, never)),
  );
  await burst(big, questions.slice(300, 400));
}

/** Vectors of 768 numbers by the words of a text, at the price of a small model on a laptop. */
function embeddingModel(): Llm {
  const vectorOf = (text: string) => {
    const vector = Array.from({ length: 768 }, () => 0);
    for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
      let state = Array.from(word).reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), 7);
      for (let at = 0; at < 768; at += 1)
        vector[at]! += (state = Math.imul(state, 1_664_525) + 1_013_904_223) / 2 ** 31;
    }
    return vector;
  };
  const absent = () => Promise.reject(new SpecloopError("llm_no_model", "This model only embeds."));
  return {
    backend: "bench",
    status: absent,
    generate: absent,
    embed: async (texts) => {
      await setTimeout(15 + texts.length);
      return { model: "bench", vectors: texts.map(vectorOf) };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** All asked in one event-loop turn; each is timed until it is answered. */
async function burst({ router, core }: Harness, questions: string[]): Promise<void> {
  const before = await countQuestions(core);
  const times: number[] = [];
  const ids = await Promise.all(
    questions.map(async (text) => {
      const started = performance.now();
      const { questionId } = await router.ask({ text, waitMs: 0 }, agent, never);
      times.push(performance.now() - started);
      return questionId;
    }),
  );
  const kept = (await countQuestions(core)) - before;
  print(`${questions.length} different questions at once (${new Set(ids).size} ids, ${kept} rows)`, times);
}

async function countQuestions(core: Harness["core"]): Promise<number> {
  const { n } = await core.read
    .selectFrom("questions")
    .select((row) => row.fn.countAll<number>().as("n"))
    .executeTakeFirstOrThrow();
  return n;
}

/** A router over 10,000 sections of real documents, or of our own repeated where the archives are not there. */
async function bigRouter(llm?: Llm): Promise<Harness> {
  const big = await startRouter({
    files: { "README.md": "# Big\n" },
    overrides: { documents: { globs: ["**/*.md"], archived: true } },
    ...(llm && { llm }),
  });
  const { path } = big.repository;
  if (existsSync(ARCHIVES)) {
    for (const archive of globSync("*.tar.gz", { cwd: ARCHIVES }))
      await extract("tar", ["-xzf", join(ARCHIVES, archive), "-C", path]);
  } else await repeatOwnDocuments(path);
  const started = performance.now();
  big.events.emit("watch.settled", { paths: [], refsMoved: true, ms: 0 });
  await big.router.reindexed();
  const milliseconds = performance.now() - started;
  console.log(`indexed ${big.index.documents().size} documents in ${milliseconds.toFixed(0)} ms`);
  return big;
}

async function repeatOwnDocuments(path: string): Promise<void> {
  const files = globSync("{docs,openspec}/**/*.md", { cwd: own });
  const texts = await Promise.all(files.map((file) => readFile(join(own, file), "utf8")));
  const sections = texts.join("\n").split("\n#").length;
  for (let copy = 0; copy < Math.ceil(SECTIONS / Math.max(1, sections)); copy += 1) {
    await mkdir(join(path, `copy-${copy}`), { recursive: true });
    for (const [at, text] of texts.entries())
      await writeFile(join(path, `copy-${copy}`, `${at}.md`), `${text}\n\nCopy ${copy} word${copy}.\n`);
  }
}

/** Different questions out of real sections: a heading and two words of its text. */
async function headingQuestions({ index, options }: Harness, count: number): Promise<string[]> {
  const seeds = [
    "change",
    "archive",
    "release",
    "window",
    "menu",
    "policy",
    "terminal",
    "template",
    "validate",
    "config",
    "schema",
    "module",
    "overlay",
    "command",
    "spec",
    "test",
    "error",
    "task",
    "file",
    "json",
  ];
  const settings = { ...options.current, documents: { ...options.current.documents, maxPassages: 40 } };
  const pairs = seeds.flatMap((seed) => seeds.map((other) => `${seed} ${other}`));
  const found = await Promise.all(pairs.map((text) => index.candidates({ text, change: null }, settings)));
  const questions = found.flat().flatMap(({ hit: { passage } }) => {
    const words = passage.text.match(/[A-Za-z][A-Za-z-]{4,}/g) ?? [];
    const about = passage.heading.replace(/^Requirement: /, "");
    return [0, 4, 8].map((at) => `What does "${about}" say about ${words.slice(at, at + 2).join(" ")}?`);
  });
  return [...new Set(questions)].filter((text) => text.length < 400).slice(0, count);
}

async function timeEach(times: number, work: (turn: number) => Promise<unknown>): Promise<number[]> {
  const all: number[] = [];
  for (let turn = 0; turn < times; turn += 1) {
    const started = performance.now();
    await work(turn);
    all.push(performance.now() - started);
  }
  return all;
}

function print(what: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2);
  const mean = times.reduce((sum, time) => sum + time, 0) / Math.max(1, times.length);
  console.log(
    `${what}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, mean ${mean.toFixed(2)} ms (n=${times.length})`,
  );
}
