import { expect, test } from "vitest";
import { isRight, splitOf } from "../../src/question-router/replay.ts";
import { tokenF1 } from "../../src/question-router/token-f1.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, type Harness, never, person, startRouter } from "./harness.ts";

const OPEN = "Who repairs the brakes of the blue tandem?";
const REFUND = "Within how many days is a returned bicycle refunded?";
const REPAIRS = "# Repairs\n\n## Brakes\n\nThe workshop in the yard repairs the brakes of the blue tandem.\n";

async function withHistory(): Promise<Harness> {
  const shop = await startRouter();
  const { questionId } = await shop.router.ask({ text: OPEN }, agent, never);
  await shop.router.answer({
    questionId,
    text: "The workshop in the yard repairs the blue tandem's brakes.",
    principal: person,
  });
  const refund = await shop.router.ask({ text: REFUND }, agent, never);
  await shop.router.judge({ questionId: refund.questionId, verdict: "useful", principal: agent });
  await shop.router.ask({ text: "Where is the cellar key?" }, agent, never);
  return shop;
}

async function state({ core, telemetry, told, index, options }: Harness): Promise<string> {
  const tables = [
    await core.read.selectFrom("questions").selectAll().execute(),
    await core.read.selectFrom("answers").selectAll().execute(),
    await telemetry.read.selectFrom("question_asks").selectAll().execute(),
    await telemetry.read.selectFrom("question_hops").selectAll().execute(),
  ];
  const found = await index.candidates({ text: OPEN, change: null }, options.current);
  return JSON.stringify([tables, told, [...index.documents()], found]);
}

scenario("questions", "A proposed document answers more", async () => {
  await using shop = await withHistory();
  const recorded = await shop.router.recorded({ limit: 10 });
  expect(recorded.map(({ text, accepted, judged }) => [text, accepted?.text.slice(0, 12) ?? null, judged])).toEqual([
    ["Where is the cellar key?", null, null],
    [REFUND, "The shop SHA", "useful"],
    [OPEN, "The workshop", null],
  ]);
  const before = await state(shop);
  const without = await shop.router.replay(recorded, { options: {} }, never);
  const withDocument = await shop.router.replay(
    recorded,
    { options: {}, documents: { "docs/repairs.md": REPAIRS } },
    never,
  );
  expect(without.map(({ right }) => right)).toEqual([null, true, false]);
  expect(withDocument.map(({ right }) => right)).toEqual([null, true, true]);
  expect(withDocument[2]).toMatchObject({
    status: "answered",
    route: "documents",
    citations: [{ path: "docs/repairs.md", heading: "Repairs > Brakes" }],
  });
  expect(await state(shop)).toBe(before);
});

test("options and removed documents change what is replayed", async () => {
  await using shop = await withHistory();
  const recorded = (await shop.router.recorded({ limit: 10 })).filter(({ text }) => text === REFUND);
  const status = async (options: Record<string, unknown>, documents?: Record<string, string | null>) =>
    (await shop.router.replay(recorded, { options, ...(documents ? { documents } : {}) }, never))[0]!;
  expect(await status({ "documents.minScore": 0.8 })).toMatchObject({ status: "answered" });
  expect(await status({}, { "openspec/specs/checkout/spec.md": null })).toMatchObject({
    status: "declined",
    right: false,
  });
  expect(await status({ "documents.globs": ["README.md"] })).toMatchObject({ status: "declined" });
  expect(await status({ "documents.globs": ["README.md"] }, { "docs/repairs.md": REPAIRS })).toMatchObject({
    status: "declined",
  });
});

test.each([
  [{ "documents.nothing": 1 }],
  [{ "documents.minScore": 2 }],
  [{ "documents.minScore": "high" }],
  [{ "__proto__.polluted": true }],
  [{ documents: 3 }],
])("replay refuses the options %j", async (options) => {
  await using shop = await startRouter();
  await expect(shop.router.replay([], { options }, never)).rejects.toMatchObject({ code: "bad_input" });
});

test("replay stops when the caller goes away", async () => {
  await using shop = await withHistory();
  const recorded = await shop.router.recorded({ limit: 10 });
  const gone = AbortSignal.abort(new Error("gone"));
  await expect(shop.router.replay(recorded, { options: {} }, gone)).rejects.toThrow("gone");
});

test("the split is by the question alone, and near 60 to 40", async () => {
  const ids = Array.from({ length: 5000 }, (_, turn) => `q-${turn}`);
  const train = ids.filter((id) => splitOf(id) === "train").length / ids.length;
  expect(train).toBeGreaterThan(0.57);
  expect(train).toBeLessThan(0.63);
  await using shop = await withHistory();
  const all = await shop.router.recorded({ limit: 10 });
  const [forTrain, forValidation] = [
    await shop.router.recorded({ limit: 10, split: "train" }),
    await shop.router.recorded({ limit: 10, split: "validation" }),
  ];
  expect([...forTrain, ...forValidation].map(({ questionId }) => questionId).toSorted()).toEqual(
    all.map(({ questionId }) => questionId).toSorted(),
  );
  expect(forTrain.every(({ questionId }) => splitOf(questionId) === "train")).toBe(true);
});

test("an answer counts as right by its section or by half of its words", () => {
  const accepted = { text: "one two three four", citations: [{ path: "a.md", heading: "A" }] };
  expect(isRight({ text: "other", citations: [{ path: "a.md", heading: "A" }] }, accepted)).toBe(true);
  expect(isRight({ text: "other", citations: [{ path: "a.md", heading: "B" }] }, accepted)).toBe(false);
  expect(isRight({ text: "One, two!", citations: [] }, accepted)).toBe(true);
  expect(isRight({ text: "one", citations: [] }, accepted)).toBe(false);
  expect(tokenF1("a b", "a b c d")).toBeCloseTo(2 / 3);
  expect(tokenF1("a a a a", "a b c d")).toBeCloseTo(0.25);
  expect(tokenF1("", "a")).toBe(0);
  expect(tokenF1("变更提案", "提案变更")).toBe(1);
});
