import { expect, test } from "vitest";
import { EventBus } from "../../src/foundation/events.ts";
import { createLogger, silentLogger } from "../../src/foundation/logger.ts";

test("a listener gets its events until it is disposed, and no others", () => {
  const bus = new EventBus(silentLogger);
  const seen: string[] = [];
  const first = bus.on("question.expired", ({ questionId }) => seen.push(`1 ${questionId}`));
  using _second = bus.on("question.expired", ({ questionId }) => seen.push(`2 ${questionId}`));
  bus.emit("question.expired", { questionId: "a" });
  bus.emit("experiment.started", { experimentId: "x", proposalId: "p", metric: "m" });
  first[Symbol.dispose]();
  bus.emit("question.expired", { questionId: "b" });
  expect(seen).toEqual(["1 a", "2 a", "2 b"]);
});

test("a listener for everything gets names and payloads", () => {
  const bus = new EventBus(silentLogger);
  const seen: unknown[] = [];
  {
    using _all = bus.onAny((name, payload) => seen.push([name, payload]));
    bus.emit("question.expired", { questionId: "a" });
  }
  bus.emit("question.expired", { questionId: "b" });
  expect(seen).toEqual([["question.expired", { questionId: "a" }]]);
});

test("a listener that throws is logged and fails neither the emitter nor the others", () => {
  const lines: string[] = [];
  const bus = new EventBus(createLogger("error", (line) => lines.push(line)));
  const seen: string[] = [];
  using _bad = bus.on("question.expired", () => {
    throw new Error("broken listener");
  });
  using _good = bus.on("question.expired", () => seen.push("good"));
  using _badForAll = bus.onAny(() => {
    throw new Error("broken too");
  });
  using _goodForAll = bus.onAny(() => seen.push("all"));
  bus.emit("question.expired", { questionId: "a" });
  expect(seen).toEqual(["good", "all"]);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { event: "question.expired", err: { message: "broken listener" } },
    { event: "question.expired", err: { message: "broken too" } },
  ]);
});

test("a listener that disposes itself does not disturb the others", () => {
  const bus = new EventBus(silentLogger);
  const seen: string[] = [];
  const once = bus.on("question.expired", () => {
    seen.push("once");
    once[Symbol.dispose]();
  });
  using _after = bus.on("question.expired", () => seen.push("after"));
  bus.emit("question.expired", { questionId: "a" });
  bus.emit("question.expired", { questionId: "b" });
  expect(seen).toEqual(["once", "after", "after"]);
});
