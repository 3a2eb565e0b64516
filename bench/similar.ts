import { silentLogger } from "../src/foundation/logger.ts";
import { systemClock } from "../src/foundation/clock.ts";
import { newId } from "../src/foundation/ids.ts";
import { AnswerCache } from "../src/question-router/cache.ts";
import { toDraft } from "../src/question-router/key.ts";
import { Ledger } from "../src/question-router/ledger.ts";
import { SimilarResponder } from "../src/question-router/responders/similar.ts";
import { Entries } from "../src/question-router/similar/entries.ts";
import { gistOf } from "../src/question-router/similar/gist.ts";
import { nearDuplicates } from "../test/question-router/near-duplicates.ts";
import { never, startRouter } from "../test/question-router/harness.ts";
import { PARAPHRASES } from "../test/question-router/paraphrases.ts";

const PAST = 100_000;
const AT_ONCE = 1000;

/** Similar questions beside 100,000 answered ones: a miss, a hit, the index made anew, and how questions are read. */
export async function run(): Promise<void> {
  readings();
  await using shop = await startRouter();
  const ledger = new Ledger(shop.core);
  const entries = new Entries({ store: shop.core, logger: silentLogger });
  const corpus = { revision: () => Promise.resolve(null) };
  const cache = new AnswerCache({ ledger, corpus, entries, clock: systemClock, options: shop.options });
  const responder = new SimilarResponder({ entries, cache, embedder: null, options: shop.options });
  const texts = pastQuestions();
  const began = performance.now();
  for (let at = 0; at < texts.length; at += AT_ONCE)
    await Promise.all(texts.slice(at, at + AT_ONCE).map((text) => keep(ledger, text)));
  console.log(`${texts.length} answered questions kept in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  const hit = (turn: number) => `What is the way to remove part ${(turn * 97) % PAST} of the drive?`;
  print(
    "similar question, hit",
    await timeEach(2000, (turn) => responder.respond(toDraft({ text: hit(turn) }), never)),
  );
  const miss = (turn: number) => `How do I delete part ${PAST + turn} of the drive?`;
  print(
    "similar question, miss",
    await timeEach(2000, (turn) => responder.respond(toDraft({ text: miss(turn) }), never)),
  );
  const started = performance.now();
  await entries.complete(never);
  console.log(`the index looked through, nothing missing: ${(performance.now() - started).toFixed(0)} ms`);
  await shop.core.write(async (tx) => void (await tx.deleteFrom("question_gists").execute()));
  const anew = performance.now();
  const added = await entries.complete(never);
  console.log(`the index made anew for ${added} questions: ${(performance.now() - anew).toFixed(0)} ms`);
}

function readings(): void {
  const pairs = nearDuplicates([]);
  const started = performance.now();
  for (const { asked } of pairs) gistOf(asked);
  const each = (1000 * (performance.now() - started)) / pairs.length;
  const same = PARAPHRASES.filter(({ known, asked }) => gistOf(known)?.strict === gistOf(asked)?.strict).length;
  console.log(
    `a question is read in ${each.toFixed(0)} µs; ${same} of ${PARAPHRASES.length} paraphrases are read alike`,
  );
}

function pastQuestions(): string[] {
  return Array.from({ length: PAST }, (_, at) => `How do I delete part ${at} of the drive?`);
}

async function keep(ledger: Ledger, text: string): Promise<void> {
  const at = Date.now();
  await ledger.acceptAnswered(
    { id: newId("q"), ...toDraft({ text }), asker: "agent:a", askedAt: at, expiresAt: at + 1 },
    { answer: { id: newId("a"), text: "Yes.", citations: [], route: "person", confidence: 1, by: "person:a" }, at },
    async () => {},
  );
}

async function timeEach(times: number, work: (turn: number) => Promise<{ outcome: string }>): Promise<number[]> {
  const all: number[] = [];
  let answered = 0;
  for (let turn = 0; turn < times; turn += 1) {
    const started = performance.now();
    const { outcome } = await work(turn);
    all.push(performance.now() - started);
    if (outcome === "answered") answered += 1;
  }
  console.log(`${answered} of ${times} answered`);
  return all;
}

function print(what: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
  console.log(`${what}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms (n=${times.length})`);
}
