import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silentLogger } from "../../src/foundation/logger.ts";
import { AnswerCache } from "../../src/question-router/cache.ts";
import type { Embedder } from "../../src/question-router/embedder.ts";
import type { AskResult } from "../../src/question-router/index.ts";
import { normalise, toDraft } from "../../src/question-router/key.ts";
import { Ledger } from "../../src/question-router/ledger.ts";
import { SimilarResponder } from "../../src/question-router/responders/similar.ts";
import { Entries } from "../../src/question-router/similar/entries.ts";
import { learntThreshold } from "../../src/question-router/similar/threshold.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { newId } from "../../src/foundation/ids.ts";
import { REAL_REPOSITORIES, realRepositoriesMissing, realFiles } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, type Harness, never, otherAgent, person, startRouter } from "./harness.ts";
import { ManualClock } from "./manual-clock.ts";
import { nearDuplicates } from "./near-duplicates.ts";
import { type Pair, PARAPHRASES } from "./paraphrases.ts";

const root = resolve(import.meta.dirname, "../..");
const DAY = 86_400_000;

/** A model to which all texts mean the same: what is then still told apart, the wording alone tells apart. */
const YES_TO_ALL: Embedder = {
  model: "yes-to-all",
  vectors: (texts) => Promise.resolve(texts.map(() => new Float32Array([1, 0, 0]))),
};
const NO_TO_ALL: Embedder = {
  model: "no-to-all",
  vectors: (texts) =>
    Promise.resolve(texts.map((_text, at) => new Float32Array([at === 0 ? 1 : 0, at === 0 ? 0 : 1, 0]))),
};

function answered(result: AskResult): Extract<AskResult, { status: "answered" }> {
  if (result.status !== "answered") throw new Error(`the question is ${result.status}`);
  return result;
}

/** Asks, and has a person answer. */
async function teach(
  { router }: Harness,
  text: string,
  answer: string,
  more: { kind?: "status" } = {},
): Promise<string> {
  const { questionId } = await router.ask({ text, ...more, waitMs: 0 }, agent, never);
  await router.answer({ questionId, text: answer, principal: person });
  return questionId;
}

/** How many of the pairs are answered from their known question, each pair in a change of its own. */
async function hitsOf(pairs: Pair[], ...embedders: (Embedder | null)[]): Promise<Pair[][]> {
  const shop = await startRouter();
  onTestFinished(() => shop[Symbol.asyncDispose]());
  const ledger = new Ledger(shop.core);
  const entries = new Entries({ store: shop.core, logger: silentLogger });
  const corpus = { revision: () => Promise.resolve(null) };
  const cache = new AnswerCache({ ledger, corpus, entries, clock: systemClock, options: shop.options });
  const drafts = pairs.map(({ known, asked }, at) => ({
    known: toDraft({ text: known, context: { change: `c${at}` } }),
    asked: toDraft({ text: asked, context: { change: `c${at}` } }),
  }));
  const at = Date.now();
  await Promise.all(
    drafts.map(({ known }) =>
      ledger.acceptAnswered(
        { id: newId("q"), ...known, asker: "agent:a", askedAt: at, expiresAt: at + DAY },
        {
          answer: { id: newId("a"), text: "Yes.", citations: [], route: "person", confidence: 1, by: "person:ada" },
          at,
        },
        async () => {},
      ),
    ),
  );
  const hits = embedders.map((): Pair[] => []);
  for (const [which, embedder] of embedders.entries()) {
    const responder = new SimilarResponder({ entries, cache, embedder, options: shop.options });
    for (const [index, { asked }] of drafts.entries()) {
      const exact = await cache.find(asked);
      const response = exact.outcome === "hit" ? exact : await responder.respond(asked, never);
      if (response.outcome !== "declined") hits[which]!.push(pairs[index]!);
    }
  }
  return hits;
}

async function realTexts(): Promise<string[]> {
  const own = globSync("openspec/specs/*/spec.md", { cwd: root })
    .toSorted()
    .map((file) => join(root, file));
  const texts = own.map((file) => readFileSync(file, "utf8"));
  if (realRepositoriesMissing !== null) return texts;
  for (const name of REAL_REPOSITORIES) {
    await using repository = await realFiles(name);
    for (const file of globSync("openspec/specs/*/spec.md", { cwd: repository.path }).toSorted())
      texts.push(readFileSync(join(repository.path, file), "utf8"));
  }
  return texts;
}

if (realRepositoriesMissing) console.warn(realRepositoriesMissing);

scenario(
  "questions",
  "Near-duplicates are told apart",
  async () => {
    const all = nearDuplicates(await realTexts());
    // Letter case alone is a difference for similar questions and none for the exact cache, which says so.
    const pairs = all.filter(({ known, asked }) => normalise(known) !== normalise(asked));
    expect(pairs.length).toBeGreaterThan(3000);
    expect(await hitsOf(pairs, null, YES_TO_ALL)).toEqual([[], []]);
    console.warn(`near-duplicates: ${pairs.length} pairs, no wrong hit, with vectors that say yes to all as well`);
  },
  240_000,
);

test("true paraphrases are answered in half of the cases, and vectors that contradict take hits away", async () => {
  const [words, agreed, denied] = await hitsOf(PARAPHRASES, null, YES_TO_ALL, NO_TO_ALL);
  console.warn(`paraphrases: ${words!.length} of ${PARAPHRASES.length} by words alone`);
  expect(PARAPHRASES.length).toBeGreaterThanOrEqual(300);
  expect(words!.length / PARAPHRASES.length).toBeGreaterThanOrEqual(0.5);
  expect(agreed!.length).toBeGreaterThanOrEqual(words!.length);
  expect(denied).toEqual([]);
}, 60_000);

scenario("questions", "The same is asked in other words", async () => {
  await using shop = await startRouter();
  const source = await teach(shop, "How do I delete a spare saddle?", "Press the lever below it.");
  const asked = answered(
    await shop.router.ask({ text: "What is the way to remove a spare saddle?" }, otherAgent, never),
  );
  expect(asked).toMatchObject({
    cached: false,
    answer: { text: "Press the lever below it.", route: "similar", by: "person:ada@example.org" },
  });
  const hop = asked.hops.find(({ responder }) => responder === "similar");
  expect(hop).toMatchObject({ outcome: "answered", reason: expect.stringContaining(source) });
  expect(hop?.reason).toContain('"How do I delete a spare saddle?"');
  const again = answered(await shop.router.ask({ text: "What is the way to remove a spare saddle?" }, agent, never));
  expect(again).toMatchObject({ cached: true, questionId: asked.questionId });
});

scenario("questions", "Another number is asked about", async () => {
  await using shop = await startRouter();
  await teach(shop, "How do I enable the bell on port 3000?", "Turn the key.");
  for (const text of [
    "How do I enable the bell on port 3001?",
    "How do I disable the bell on port 3000?",
    "How do I not enable the bell on port 3000?",
    "How do I enable the horn on port 3000?",
    "How do I enable the bell on port v3000?",
  ]) {
    const { status } = await shop.router.ask({ text, waitMs: 0 }, agent, never);
    expect([text, status]).toEqual([text, "pending"]);
  }
});

scenario("questions", "What somebody may do is asked in other words", async () => {
  await using shop = await startRouter();
  const { questionId } = await shop.router.ask(
    { text: "May agents repaint the tandem?", kind: "authority", waitMs: 0 },
    agent,
    never,
  );
  await shop.router.answer({ questionId, text: "Yes.", principal: person });
  const other = await shop.router.ask(
    { text: "Are agents allowed to repaint the tandem?", kind: "authority", waitMs: 0 },
    agent,
    never,
  );
  expect(other.status).toBe("pending");
});

scenario("questions", "A similar answer is judged wrong", async () => {
  await using shop = await startRouter();
  const source = await teach(shop, "How do I delete a spare saddle?", "Press the lever below it.");
  const text = "What is the way to remove a spare saddle?";
  const hit = answered(await shop.router.ask({ text }, agent, never));
  await shop.router.judge({ questionId: hit.questionId, verdict: "wrong", principal: agent });
  // The same wording again, and one that is as far from the known question, are asked anew; the source stays.
  expect((await shop.router.ask({ text, waitMs: 0 }, agent, never)).status).toBe("pending");
  const far = await shop.router.ask(
    { text: "What is the procedure to erase a spare saddle?", waitMs: 0 },
    agent,
    never,
  );
  expect(far.status).toBe("pending");
  const { hops } = await shop.router.get(far.questionId);
  expect(hops.find(({ responder }) => responder === "similar")?.reason).toMatch(
    /similarity 0\.\d\d is below its 0\.\d\d/,
  );
  expect((await shop.router.get(source)).verdict).toBeNull();
  // One that is nearer is still answered.
  const near = await shop.router.ask({ text: "How can I delete a spare saddle?", waitMs: 0 }, agent, never);
  expect(near.status).toBe("answered");
});

scenario("questions", "The answer behind a similar one is judged wrong", async () => {
  await using shop = await startRouter();
  const source = await teach(shop, "How do I delete a spare saddle?", "Press the lever below it.");
  const text = "How can I remove a spare saddle?";
  answered(await shop.router.ask({ text }, agent, never));
  expect(answered(await shop.router.ask({ text }, agent, never)).cached).toBe(true);
  const judged = { questionId: source, verdict: "wrong", correction: "Unscrew it.", principal: person } as const;
  await shop.router.judge(judged);
  const after = answered(await shop.router.ask({ text }, agent, never));
  expect(after.answer).toMatchObject({ text: "Unscrew it.", route: "similar" });
});

test("a similar answer that is outdated takes its source with it, a person's word only when a person says so", async () => {
  await using shop = await startRouter();
  const source = await teach(shop, "How do I delete a spare saddle?", "Press the lever below it.");
  const first = answered(await shop.router.ask({ text: "How can I remove a spare saddle?" }, agent, never));
  await shop.router.judge({ questionId: first.questionId, verdict: "outdated", principal: agent });
  expect((await shop.router.get(source)).verdict).toBeNull();
  const second = answered(await shop.router.ask({ text: "How is a spare saddle removed?" }, agent, never));
  await shop.router.judge({ questionId: second.questionId, verdict: "outdated", principal: person });
  expect((await shop.router.get(source)).verdict).toBe("outdated");
});

test("an answer is not taken from another kind, another change or what was taken itself", async () => {
  await using shop = await startRouter();
  await teach(shop, "How do I delete a spare saddle?", "Press the lever.");
  const text = "How can I remove a spare saddle?";
  expect((await shop.router.ask({ text, kind: "how_to", waitMs: 0 }, agent, never)).status).toBe("pending");
  expect((await shop.router.ask({ text, context: { change: "c" }, waitMs: 0 }, agent, never)).status).toBe("pending");
  const hit = answered(await shop.router.ask({ text }, agent, never));
  const third = answered(await shop.router.ask({ text: "How is a spare saddle removed?" }, agent, never));
  const rows = await shop.core.read.selectFrom("similar_hits").select(["answer_id", "source_answer_id"]).execute();
  expect(new Set(rows.map(({ source_answer_id }) => source_answer_id)).size).toBe(1);
  expect(rows.map(({ answer_id }) => answer_id).toSorted()).toEqual([hit.answer.id, third.answer.id].toSorted());
});

scenario("questions", "The document behind a similar answer changes", async () => {
  await using shop = await startRouter();
  const { questionId } = await shop.router.ask({ text: "How do I delete a spare saddle?", waitMs: 0 }, agent, never);
  const citations = [{ path: "docs/operations.md", heading: "Backups" }];
  await shop.router.answer({ questionId, text: "Press the lever.", citations, principal: person });
  expect((await shop.router.ask({ text: "How can I remove a spare saddle?" }, agent, never)).status).toBe("answered");
  await shop.repository.write("docs/operations.md", "# Operations\n\n## Backups\n\nNone.\n");
  for (const text of ["How can I remove a spare saddle?", "How is a spare saddle removed?"])
    expect([text, (await shop.router.ask({ text, waitMs: 0 }, agent, never)).status]).toEqual([text, "pending"]);
});

scenario("questions", "An answer outlives its time", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock });
  await teach(shop, "How far is the repair of the tandem?", "Half done.", { kind: "status" });
  await teach(shop, "Who repairs the tandem?", "The workshop.");
  const status = { text: "How far is the repair of the tandem?", kind: "status", waitMs: 0 } as const;
  expect((await shop.router.ask(status, agent, never)).status).toBe("answered");
  clock.advance(2 * 3_600_000);
  expect((await shop.router.ask(status, agent, never)).status).toBe("pending");
  expect((await shop.router.ask({ text: "Who repairs the tandem?" }, agent, never)).status).toBe("answered");
});

test("questions from before the index are found after a restart", async () => {
  await using shop = await startRouter();
  await teach(shop, "How do I delete a spare saddle?", "Press the lever.");
  await shop.core.write(async (tx) => void (await tx.deleteFrom("question_gists").execute()));
  const text = "How can I remove a spare saddle?";
  const later = await shop.restart();
  await expect
    .poll(() =>
      later.core.read
        .selectFrom("question_gists")
        .select("key")
        .execute()
        .then(({ length }) => length),
    )
    .toBe(1);
  expect((await later.router.ask({ text }, agent, never)).status).toBe("answered");
});

test("a damaged index entry gives no answer of another question", async () => {
  await using shop = await startRouter();
  await teach(shop, "How do I delete a spare saddle?", "Press the lever.");
  await teach(shop, "Who paints the tandem?", "Nobody.");
  const rows = await shop.core.read.selectFrom("question_gists").selectAll().execute();
  const saddle = rows.find(({ strict }) => strict !== rows[1]!.strict)!;
  await shop.core.write(
    async (tx) => void (await tx.updateTable("question_gists").set({ strict: saddle.strict }).execute()),
  );
  const result = answered(await shop.router.ask({ text: "How can I remove a spare saddle?" }, agent, never));
  expect(result.answer.text).toBe("Press the lever.");
});

test("switched off, nothing is answered from similar questions, nor what was answered so before", async () => {
  await using shop = await startRouter();
  await teach(shop, "How do I delete a spare saddle?", "Press the lever.");
  const text = "How can I remove a spare saddle?";
  expect((await shop.router.ask({ text }, agent, never)).status).toBe("answered");
  const { cache } = shop.options.current;
  shop.options.current = {
    ...shop.options.current,
    cache: { ...cache, similar: { ...cache.similar, enabled: false } },
  };
  expect((await shop.router.ask({ text, waitMs: 0 }, agent, never)).status).toBe("pending");
});

test("thresholds: raised above what was wrong, lowered little by what was useful, never below the floor", () => {
  const settings = { start: 0.7, floor: 0.5, targetError: 0.01 };
  const times = (count: number, similarity: number, right: boolean) =>
    Array.from({ length: count }, () => ({ similarity, right }));
  expect(learntThreshold([], settings)).toBe(0.7);
  for (const similarity of [0.7, 0.8, 0.95, 1])
    expect(learntThreshold(times(1, similarity, false), settings)).toBeGreaterThan(similarity);
  expect(learntThreshold([...times(1, 0.8, false), ...times(100, 0.9, true)], settings)).toBeGreaterThan(0.8);
  expect(learntThreshold(times(50, 0.7, true), settings)).toBeLessThan(0.7);
  expect(learntThreshold(times(200, 0.5, true), settings)).toBeGreaterThanOrEqual(0.5);
  expect(learntThreshold(times(1, 1, false), settings)).toBeGreaterThan(1);
});
