import { expect, test } from "vitest";
import { tools } from "../../src/feedback-loop/index.ts";
import { METRICS } from "../../src/feedback-loop/index.ts";
import { forgetOld } from "../../src/feedback-loop/samples-forget.ts";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { scenario } from "../helpers/scenario.ts";
import { openWorld, questions, type World } from "./world.ts";

const principal = { kind: "agent" as const, name: "test" };
const context = { principal, signal: new AbortController().signal };

function answered(world: World, times: number[]): void {
  for (const [index, ms] of times.entries()) {
    world.events.emit("question.answered", {
      questionId: `q-${index}`,
      route: "documents",
      cached: false,
      ms,
      principal,
    });
  }
}

function call(world: World, name: string, input: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  return tools(world.loop)
    .find((tool) => tool.name === name)!
    .run(input, context);
}

scenario("improvement-loop", "A figure leads to its rows", async () => {
  await using world = await openWorld();
  answered(world, [10, 20, 30, 40, 1000]);
  const figures = await call(world, "metric_get", { metric: "question.time_to_answer" });
  expect(figures).toMatchObject({ count: 5, mean: 220, median: 30, last: 1000, unit: "ms", better: "lower" });
  expect(figures["p95"]).toBeCloseTo(808);
  const first = await call(world, "metric_why", { metric: "question.time_to_answer", limit: 2 });
  expect(first).toMatchObject({
    samples: [
      { value: 1000, ref: "q-4" },
      { value: 40, ref: "q-3" },
    ],
  });
  const second = await call(world, "metric_why", {
    metric: "question.time_to_answer",
    limit: 100,
    cursor: first["nextCursor"],
  });
  expect(second).toMatchObject({ samples: [{ ref: "q-2" }, { ref: "q-1" }, { ref: "q-0" }], nextCursor: null });
});

test("numbers of forgotten samples are not used again", async () => {
  await using world = await openWorld();
  const times = Array.from({ length: 20 }, (_, index) => index);
  const newest = async () => {
    const { series } = await world.loop.metrics.figures("question.time_to_answer", { points: 30, days: 30 });
    return series.map(({ value }) => value);
  };
  answered(world, times);
  expect(await newest()).toEqual([9.5]);
  await forgetOld(world.samples, Date.now() + 10 * 86_400_000, { keepDays: 1, keepHourlyDays: 8, keepDailyDays: 8 });
  await world.restart();
  answered(
    world,
    times.map((ms) => ms + 100),
  );
  expect(await newest()).toEqual([9.5, 109.5]);
  expect((await world.loop.status()).lostSamples).toBe(0);
});

test("samples survive a stop and are numbered on", async () => {
  await using world = await openWorld();
  answered(
    world,
    Array.from({ length: 30 }, (_, index) => index),
  );
  await world.restart();
  answered(
    world,
    Array.from({ length: 30 }, (_, index) => 100 + index),
  );
  await world.restart();
  const figures = await call(world, "metric_get", { metric: "question.time_to_answer" });
  expect(figures["count"]).toBe(60);
  // Three batches of 20, over two stops: 0…19, 20…29 with 100…109, 110…129.
  expect(figures["series"]).toMatchObject([{ value: 9.5 }, { value: 64.5 }, { value: 119.5 }]);
});

test("every metric takes what its events say, and nothing that is not a number", async () => {
  await using world = await openWorld();
  const { events } = world;
  answered(world, [5, Number.NaN]);
  events.emit("question.answered", { questionId: "q-x", route: "person", cached: false, ms: 7, principal });
  events.emit("question.left_pending", { questionId: "q-y", text: "?", ms: 1 });
  events.emit("answer.judged", { questionId: "q-0", answerId: "a-0", verdict: "wrong", principal });
  events.emit("document.updated", { path: "a.md", revision: "r", commit: null, edits: 1, ms: 12, principal });
  events.emit("document.refused", { path: "a.md", code: "stale_revision", principal });
  events.emit("change.findings_changed", {
    changeId: "c",
    root: "openspec",
    added: [{ severity: "error", code: "x", message: "m" }],
    resolved: [],
    standing: 1,
  });
  events.emit("change.validated", {
    changeId: "c",
    root: "openspec",
    valid: false,
    version: "1",
    errors: 1,
    warnings: 0,
    ms: 3,
  });
  events.emit("tool.called", { tool: "doc_read", ok: false, code: "unknown_document", ms: 2, principal });
  events.emit("llm.called", { backend: "b", model: "m", purpose: "p", ok: true, ms: 40, tokensIn: 1, tokensOut: 1 });
  events.emit("llm.called", {
    backend: "b",
    model: "m",
    purpose: "p",
    ok: false,
    code: "llm_timeout",
    ms: 50,
    tokensIn: 1,
    tokensOut: 0,
  });
  const run = { runId: "r", workflow: "w", ms: 900, workMs: 30, usd: 0.5, tokensIn: 3, tokensOut: 4 };
  events.emit("run.ended", { ...run, state: "succeeded" });
  events.emit("run.ended", { ...run, state: "failed" });
  events.emit("run.ended", { ...run, state: "cancelled" });
  const node = { ...run, key: "n", type: "llm", attempt: 2 };
  events.emit("node.ended", { ...node, ok: true, retries: 1, ms: 20 });
  events.emit("node.ended", { ...node, ok: false, failure: "timeout", retries: 0, ms: 20 });
  events.emit("node.ended", { ...node, type: "approval", ok: true, retries: 0, ms: 9_000_000 });
  await world.cycle();
  const counts = Object.fromEntries(
    await Promise.all(
      METRICS.map(async ({ name }) => [name, (await world.loop.metrics.figures(name, { points: 1, days: 1 })).mean]),
    ),
  );
  expect(counts).toMatchObject({
    "question.time_to_answer": 6,
    "question.cache_hit": 0,
    "question.unanswered": 1 / 3,
    "question.documents_answered": 2 / 3,
    "answer.judged_wrong": 1,
    "document.update_time": 12,
    "document.refused": 0.5,
    "change.findings_new": 1,
    "change.invalid": 1,
    "tool.failure": 1,
    "tool.time": 2,
    "llm.time": 40,
    "llm.failure": 0.5,
    "llm.tokens": 2,
    "run.failure": 0.5,
    "run.time": 30,
    "run.tokens": 7,
    "run.cost": 0.5,
    "node.failure": 1 / 3,
    "node.retry": 1 / 3,
    "node.time": 20,
  });
  expect(counts["cycle.time"]).toBeGreaterThan(0);
  expect(Object.keys(counts)).toHaveLength(METRICS.length);
});

test("samples that cannot be written wait, and are written when the disk can again", async () => {
  await using world = await openWorld();
  const { samples } = world;
  const write = samples.write.bind(samples);
  let failures = 0;
  samples.write = () => {
    failures += 1;
    return Promise.reject(new SpecloopError("store_full", "The disk is full."));
  };
  answered(world, [1, 2, 3]);
  await world.loop.settle();
  expect(failures).toBe(1);
  // A full disk is tried again by the clock, not by every sample that comes.
  answered(
    world,
    Array.from({ length: 3000 }, () => 5),
  );
  await world.loop.settle();
  expect(failures).toBe(2);
  samples.write = write;
  answered(world, [4]);
  expect((await world.loop.metrics.figures("question.time_to_answer", { points: 1, days: 1 })).count).toBe(3004);
});

test("bad input is named", async () => {
  await using world = await openWorld();
  await expect(call(world, "metric_get", { metric: "nonsense" })).rejects.toMatchObject({
    code: "bad_input",
    fix: expect.stringContaining("question.cache_hit"),
  });
  await expect(call(world, "proposal_list", { cursor: "nonsense" })).rejects.toMatchObject({ code: "bad_input" });
  await expect(call(world, "metric_why", { metric: "tool.time", limit: 1000 })).rejects.toThrow("limit");
  for (const cursor of ["nonsense", "-1", "0", "1.5"])
    await expect(call(world, "metric_why", { metric: "tool.time", cursor })).rejects.toMatchObject({
      code: "bad_input",
    });
});

test("the tools show what the loop knows, as data and as text", async () => {
  await using world = await openWorld({
    questions: [
      ...questions(10, { score: 0.8, right: true }, "train"),
      ...questions(6, { score: 0.5, right: true }, "train"),
    ],
  });
  const run = tools(world.loop).find(({ name }) => name === "loop_run")!;
  const result = await run.run({}, context);
  expect(result).toMatchObject({
    proposals: [{ branch: expect.stringContaining("specloop/tune-questions-documents-min-score-") }],
  });
  expect(run.render(result)).toContain("Proposed (merge the branch to approve):\n- Set questions.documents.minScore");
  const status = tools(world.loop).find(({ name }) => name === "loop_status")!;
  const shown = await status.run({}, context);
  expect(shown).toMatchObject({
    auto: false,
    open: [{ state: "proposed", note: "waits for a person to merge its branch" }],
  });
  expect(status.render(shown)).toContain("(proposed): Set questions.documents.minScore");
  const page = await call(world, "proposal_list", { limit: 1 });
  expect(page).toMatchObject({ proposals: [{ state: "proposed" }], nextCursor: null });
});

test("at most loop.maxOpen proposals are open at once", async () => {
  await using world = await openWorld({
    loop: { maxOpen: 1 },
    questions: [
      ...questions(10, { score: 0.8, right: true }, "train"),
      ...questions(6, { score: 0.5, right: true }, "train"),
      { score: 0, right: true, split: "train", text: "How long is a session token valid?", known: "Fifteen minutes." },
    ],
  });
  for (const [questionId, text] of [
    ["q-0017", "How long is a session token valid?"],
    ["x-2", "How long are session tokens valid?"],
    ["x-3", "session token valid how long"],
  ]) {
    world.events.emit("question.asked", { questionId: questionId!, kind: "fact", principal, text: text! });
  }
  world.events.emit("question.answered", { questionId: "q-0017", route: "person", cached: false, ms: 9, principal });
  for (const questionId of ["x-2", "x-3"]) world.events.emit("question.expired", { questionId });
  const report = await world.cycle();
  expect(report.problems).toHaveLength(2);
  expect(report.proposals).toHaveLength(1);
  expect(report.dropped).toMatchObject([{ reason: "1 proposals are open, and loop.maxOpen is 1" }]);
});
