import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { ErrorCode } from "../../../src/foundation/errors.ts";
import {
  generateStructured,
  startFakeLmStudio,
  type FakeOptions,
  type LlmOptions,
} from "../../../src/adapters/llm/index.ts";
import { ask, eventually, failure, never, openLlm } from "./open.ts";

type Backend = "lmstudio" | "openai";

interface Row {
  name: string;
  faults: NonNullable<FakeOptions["faults"]>;
  timeouts?: Partial<LlmOptions["timeouts"]>;
  /** What the caller gets, and whether the error holds what was written so far. */
  code: ErrorCode;
  partial?: true;
  only?: Backend;
}

const LONG = "The requirement was written before the capability existed, so its scenario names a file that moved.";

/** Everything that is known to go wrong with LM Studio, and how a call ends then. */
const MATRIX: Row[] = [
  { name: "refuses our credentials", faults: { auth: "refuse" }, code: "llm_auth" },
  {
    name: "never answers the authentication",
    faults: { auth: "hang" },
    timeouts: { connectMs: 400 },
    code: "llm_timeout",
    only: "lmstudio",
  },
  { name: "is frozen", faults: { frozen: true }, timeouts: { connectMs: 300 }, code: "llm_timeout" },
  { name: "writes nothing", faults: { firstTokenMs: 600_000 }, timeouts: { firstTokenMs: 200 }, code: "llm_timeout" },
  {
    name: "stops in the middle",
    faults: { midStream: "stall" },
    timeouts: { idleMs: 200 },
    code: "llm_timeout",
    partial: true,
  },
  {
    name: "works without end",
    faults: { promptProgress: { count: 100_000, everyMs: 20 } },
    timeouts: { totalMs: 400 },
    code: "llm_timeout",
    only: "lmstudio",
  },
  { name: "dies in the middle", faults: { midStream: "die" }, code: "llm_interrupted", partial: true },
  { name: "reports that the model crashed", faults: { midStream: "crash" }, code: "llm_interrupted", partial: true },
  {
    name: "closes the channel without success",
    faults: { closeWithoutSuccess: true },
    timeouts: { idleMs: 200 },
    code: "llm_timeout",
    partial: true,
    only: "lmstudio",
  },
  {
    name: "ends the stream without a reason",
    faults: { closeWithoutSuccess: true },
    code: "llm_interrupted",
    partial: true,
    only: "openai",
  },
  { name: "answers in a shape that nobody knows", faults: { wrongShape: "predict" }, code: "llm_protocol" },
  { name: "answers with nothing", faults: { empty: true }, code: "llm_empty" },
  { name: "stops at its limit", faults: { truncated: true }, code: "llm_truncated", partial: true },
  { name: "has unloaded the model", faults: { modelGone: true }, code: "llm_no_model" },
  { name: "sends 300 MB", faults: { floodMegabytes: 300 }, code: "llm_protocol", partial: true },
  {
    name: "answers 200 with an error",
    faults: { errorBody: "Unexpected endpoint or method." },
    code: "llm_protocol",
    only: "openai",
  },
  {
    name: "answers 200 with an overflow",
    faults: { errorBody: "Trying to keep the first 9000 tokens when context the overflows; n_ctx 4096" },
    code: "llm_context_overflow",
    only: "openai",
  },
];

describe.each(["lmstudio", "openai"] as const)("a call ends by %s when the server", (backend) => {
  test.each(MATRIX.filter(({ only }) => only === undefined || only === backend))("$name", async (row) => {
    await using fake = await startFakeLmStudio({ faults: row.faults, respond: () => LONG });
    await using at = openLlm({ backend, baseUrl: fake.url, ...(row.timeouts ? { timeouts: row.timeouts } : {}) });
    const error = await failure(at.llm.generate(ask("Why?"), never));
    expect(error.code).toBe(row.code);
    const partial = row.partial ? "some" : "none";
    expect(/^(?:The requirement|xxx)/.test(String(error.details?.["partial"])) ? "some" : "none").toBe(partial);
    expect(at.told).toMatchObject([{ ok: false, code: row.code }]);
  });

  test("is healthy again after each of them", async () => {
    await using fake = await startFakeLmStudio({ respond: () => LONG });
    await using at = openLlm({ backend, baseUrl: fake.url, timeouts: { firstTokenMs: 2000, idleMs: 1000 } });
    for (const faults of MATRIX.filter(({ only }) => only === undefined || only === backend).map((row) => row.faults)) {
      if (
        faults.frozen ||
        faults.auth ||
        faults.firstTokenMs ||
        faults.promptProgress ||
        faults.floodMegabytes ||
        faults.wrongShape
      )
        continue;
      fake.faults = faults;
      await failure(at.llm.generate(ask("Why?"), never));
      fake.faults = {};
      expect((await at.llm.generate(ask("And now?"), never)).text).toBe(LONG);
    }
  });
});

test("LM Studio that tells of progress may take longer than the first token's deadline", async () => {
  const promptProgress = { count: 12, everyMs: 100 };
  await using fake = await startFakeLmStudio({ faults: { promptProgress } });
  await using at = openLlm({ backend: "lmstudio", baseUrl: fake.url, timeouts: { firstTokenMs: 700 } });
  await expect(at.llm.generate(ask("A long prompt."), never)).resolves.toMatchObject({ backend: "lmstudio" });
});

test("a server that ignores a cancelled call does not hold up the next one", async () => {
  await using fake = await startFakeLmStudio({ faults: { ignoreCancel: true, firstTokenMs: 600_000 } });
  await using at = openLlm({ backend: "lmstudio", baseUrl: fake.url, concurrency: 1 });
  const caller = new AbortController();
  const given = failure(at.llm.generate(ask("Slow one."), caller.signal));
  await eventually("the server begins", () => fake.requests.length === 1);
  caller.abort();
  expect((await given).code).toBe("llm_cancelled");
  fake.faults = {};
  expect((await at.llm.generate(ask("Next one."), never)).backend).toBe("lmstudio");
  // Its connection is closed after the grace, and with it the call that nobody waits for.
  await eventually("the ignored call ends", () => fake.requests[0]?.cancelled ?? false);
});

test("inventory questions that are answered in an unknown shape lead to HTTP", async () => {
  await using fake = await startFakeLmStudio({ faults: { wrongShape: "rpc" } });
  await using at = openLlm({ backend: "lmstudio", baseUrl: fake.url });
  const generations = [await at.llm.generate(ask("One."), never), await at.llm.generate(ask("Two."), never)];
  expect(generations.map(({ backend }) => backend)).toEqual(["lmstudio-http", "lmstudio-http"]);
  expect(fake.requests.map(({ via }) => via)).toEqual(["http", "http"]);
});

describe.each(["lmstudio", "openai"] as const)("JSON by %s", (backend) => {
  const schema = z.object({ summary: z.string(), done: z.literal(true) });
  const reply = { summary: "fine", done: true };

  test("is taken from the reasoning when the text is empty", async () => {
    await using fake = await startFakeLmStudio({ faults: { inReasoning: true }, respond: () => reply });
    await using at = openLlm({ backend, baseUrl: fake.url });
    expect((await generateStructured(at.llm, { request: ask("Sum up."), schema, signal: never })).value).toEqual(reply);
  });

  test("may take two attempts, and no more", async () => {
    await using fake = await startFakeLmStudio({ faults: { garbage: 1 }, respond: () => reply });
    await using at = openLlm({ backend, baseUrl: fake.url });
    const call = () => generateStructured(at.llm, { request: ask("Sum up."), schema, signal: never });
    expect((await call()).attempts).toBe(2);
    fake.faults = { garbage: 2 };
    const error = await failure(call());
    expect(error).toMatchObject({
      code: "llm_invalid_output",
      details: { raw: "I would rather not answer in JSON today.", attempts: 2 },
    });
    expect(fake.requests).toHaveLength(4);
  });
});

test("an answer that is no stream although one was asked for is read all the same", async () => {
  await using fake = await startFakeLmStudio({
    faults: { noStream: true },
    respond: () => ({ content: LONG, reasoning: "hm" }),
  });
  await using at = openLlm({ backend: "openai", baseUrl: fake.url });
  expect(await at.llm.generate(ask("Why?"), never)).toMatchObject({ text: LONG, reasoning: "hm", estimated: false });
});
