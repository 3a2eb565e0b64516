import { expect, test } from "vitest";
import { scenario } from "../helpers/scenario.ts";
import { agent, never, otherAgent, person, startRouter } from "./harness.ts";
import { ManualClock } from "./manual-clock.ts";
import { modelAnswer, passageNumber, ScriptedLlm } from "./scripted-llm.ts";

const OPEN = "Who repairs the brakes of the blue tandem?";

scenario("questions", "A hundred callers ask the same", async () => {
  await using shop = await startRouter();
  const results = await Promise.all(Array.from({ length: 100 }, () => shop.router.ask({ text: OPEN }, agent, never)));
  expect(new Set(results.map(({ questionId }) => questionId)).size).toBe(1);
  expect((await shop.router.list()).total).toBe(1);
  expect(shop.told.filter((name) => name === "question.left_pending")).toHaveLength(1);
  const asks = await shop.telemetry.read.selectFrom("question_asks").select("question_id").execute();
  const hops = await shop.telemetry.read.selectFrom("question_hops").select("responder").execute();
  expect([asks.length, hops.filter(({ responder }) => responder === "documents").length]).toEqual([100, 1]);
});

test("callers who ask the same among many others climb once, however late their turn comes", async () => {
  await using shop = await startRouter();
  const texts = Array.from({ length: 300 }, (_, turn) =>
    turn % 3 === 0 ? OPEN : `Who repairs tandem number ${turn}?`,
  );
  const results = await Promise.all(texts.map((text) => shop.router.ask({ text, waitMs: 0 }, agent, never)));
  const [first] = results;
  expect(new Set(results.filter((_, turn) => turn % 3 === 0).map(({ questionId }) => questionId)).size).toBe(1);
  const rungs = shop.telemetry.read.selectFrom("question_hops").select("responder");
  const climbed = await rungs
    .where("question_id", "=", first!.questionId)
    .where("responder", "=", "documents")
    .execute();
  expect(climbed).toHaveLength(1);
});

scenario("questions", "A thousand different questions at once", async () => {
  await using shop = await startRouter();
  const asks = Array.from({ length: 1000 }, (_, turn) => {
    const text =
      turn % 2 === 0
        ? `Who repairs tandem number ${turn}?`
        : `Within how many days is a returned bicycle refunded, case ${turn}?`;
    return shop.router.ask({ text, waitMs: 0 }, agent, never);
  });
  const ids = new Set((await Promise.all(asks)).map(({ questionId }) => questionId));
  const rows = await shop.core.read.selectFrom("questions").select("id").execute();
  expect(ids.size).toBe(1000);
  expect(new Set(rows.map(({ id }) => id))).toEqual(ids);
});

scenario("questions", "The same idempotency key comes again", async () => {
  const first = await startRouter();
  const { questionId } = await first.router.ask({ text: OPEN, idempotencyKey: "k1" }, agent, never);
  await using second = await first.restart();
  expect(await second.router.ask({ text: OPEN, idempotencyKey: "k1" }, agent, never)).toMatchObject({
    status: "pending",
    questionId,
  });
  const other = second.router.ask({ text: "Something else altogether?", idempotencyKey: "k1" }, agent, never);
  await expect(other).rejects.toMatchObject({ code: "key_reused" });
  expect((await second.router.list()).total).toBe(1);
});

scenario("questions", "An answer after a restart", async () => {
  const first = await startRouter();
  const { questionId } = await first.router.ask({ text: OPEN }, agent, never);
  await using shop = await first.restart();
  const waiting = [
    shop.router.get(questionId, { waitMs: 20_000 }),
    shop.router.ask({ text: OPEN, waitMs: 20_000 }, agent, never),
  ];
  await new Promise((resolve) => setTimeout(resolve, 50));
  await shop.router.answer({ questionId, text: "The workshop.", principal: otherAgent, idempotencyKey: "a1" });
  for (const result of await Promise.all(waiting))
    expect(result).toMatchObject({ status: "answered", answer: { text: "The workshop.", by: "agent:helper" } });
  await expect(shop.router.answer({ questionId, text: "No, the yard.", principal: person })).rejects.toMatchObject({
    code: "already_answered",
    details: { answer: { text: "The workshop." } },
  });
  const again = await shop.router.answer({
    questionId,
    text: "The workshop.",
    principal: otherAgent,
    idempotencyKey: "a1",
  });
  expect(again.answer.text).toBe("The workshop.");
});

scenario("questions", "Nobody answers", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock, overrides: { expireHours: 1 } });
  const { questionId } = await shop.router.ask({ text: OPEN, waitMs: 0 }, agent, never);
  const expired = new Promise((resolve) => shop.events.on("question.expired", resolve));
  const waiting = shop.router.get(questionId, { waitMs: 25_000 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  clock.advance(3_600_000);
  expect(await expired).toEqual({ questionId });
  expect(await waiting).toMatchObject({ status: "expired", answer: null });
  expect(await shop.router.get(questionId)).toMatchObject({ status: "expired", answer: null });
  await expect(shop.router.answer({ questionId, text: "Late.", principal: person })).rejects.toMatchObject({
    code: "question_expired",
  });
  const again = await shop.router.ask({ text: OPEN, waitMs: 0 }, agent, never);
  expect(again.questionId).not.toBe(questionId);
});

scenario("questions", "A model and an agent know the answer", async () => {
  const quote = "The nightly backup runs at 03:15";
  const llm = new ScriptedLlm((request) =>
    Promise.resolve(modelAnswer("Yes.", [{ passage: passageNumber(request, "docs/operations.md"), text: quote }])),
  );
  await using shop = await startRouter({ llm });
  const text = "May I switch off the nightly backup for my experiment?";
  const { status, questionId } = await shop.router.ask({ text, kind: "authority" }, agent, never);
  expect({ status, asked: llm.requests.length }).toEqual({ status: "pending", asked: 0 });
  expect(await shop.router.ask({ text }, agent, never)).toMatchObject({ answer: { route: "model" } });
  await expect(shop.router.answer({ questionId, text: "Sure.", principal: otherAgent })).rejects.toMatchObject({
    code: "forbidden",
  });
  expect((await shop.router.list({ for: "agent", status: "pending" })).total).toBe(0);
  expect(
    (await shop.router.list({ for: "person", status: "pending" })).questions.map((view) => view.questionId),
  ).toEqual([questionId]);
  await shop.router.answer({ questionId, text: "No.", principal: person });
  expect(await shop.router.get(questionId)).toMatchObject({
    status: "answered",
    answer: { by: "person:ada@example.org", confidence: 1 },
  });
});

test("a question that is asked again while it is pending keeps its id, and is answered when the documents say it", async () => {
  await using shop = await startRouter();
  const { questionId } = await shop.router.ask({ text: OPEN }, agent, never);
  const waiting = shop.router.get(questionId, { waitMs: 20_000 });
  await shop.repository.write(
    "docs/repairs.md",
    "# Repairs\n\n## Brakes\n\nThe yard repairs the brakes of every blue tandem.\n",
  );
  shop.events.emit("watch.settled", { paths: ["docs/repairs.md"], refsMoved: false, ms: 1 });
  expect(await shop.router.ask({ text: OPEN }, otherAgent, never)).toMatchObject({ status: "answered", questionId });
  expect(await waiting).toMatchObject({ status: "answered", answer: { route: "documents" } });
});

test("a caller who goes away leaves the question behind", async () => {
  await using shop = await startRouter();
  const gone = new AbortController();
  const asking = shop.router.ask({ text: OPEN, waitMs: 20_000 }, agent, gone.signal);
  await new Promise<void>((resolve) => shop.events.on("question.left_pending", () => resolve()));
  gone.abort(new Error("gone"));
  await expect(asking).rejects.toThrow("gone");
  expect((await shop.router.list({ status: "pending" })).total).toBe(1);
});

test("pages of questions follow each other without gap or repetition", async () => {
  await using shop = await startRouter();
  await Promise.all(
    Array.from({ length: 25 }, (_, turn) =>
      shop.router.ask({ text: `Who repairs tandem number ${turn}?` }, agent, never),
    ),
  );
  const first = await shop.router.list({ limit: 10 });
  const second = await shop.router.list({ limit: 10, cursor: first.nextCursor! });
  const third = await shop.router.list({ limit: 10, cursor: second.nextCursor! });
  const ids = [first, second, third].flatMap(({ questions }) => questions.map(({ questionId }) => questionId));
  expect([ids.length, new Set(ids).size, first.total, third.nextCursor]).toEqual([25, 25, 25, null]);
  await expect(shop.router.list({ cursor: "rubbish" })).rejects.toMatchObject({ code: "bad_input" });
});

test.each([
  [{ path: "docs/none.md" }, "unknown_document"],
  [{ path: "../outside.md" }, "unknown_document"],
  [{ path: "docs/operations.md", heading: "Nowhere" }, "unknown_section"],
])("an answer that cites %j is refused with %s", async (place, code) => {
  await using shop = await startRouter();
  const { questionId } = await shop.router.ask({ text: OPEN }, agent, never);
  await expect(
    shop.router.answer({ questionId, text: "Here.", citations: [place], principal: person }),
  ).rejects.toMatchObject({ code });
  await expect(shop.router.answer({ questionId: "q-none", text: "x", principal: person })).rejects.toMatchObject({
    code: "unknown_question",
  });
  await expect(shop.router.answer({ questionId, text: "  ", principal: person })).rejects.toMatchObject({
    code: "bad_input",
  });
});

test("how an ask was routed is forgotten after keepDays; the question and its answer stay", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock, overrides: { keepDays: 2, expireHours: 8000 } });
  const { questionId } = await shop.router.ask({ text: "Within how many days is a bicycle refunded?" }, agent, never);
  const rows = () => shop.telemetry.read.selectFrom("question_hops").selectAll().execute();
  expect((await rows()).length).toBeGreaterThan(0);
  clock.advance(3 * 86_400_000);
  await expect.poll(rows, { timeout: 10_000 }).toEqual([]);
  expect(await shop.router.get(questionId, {})).toMatchObject({ status: "answered" });
});
