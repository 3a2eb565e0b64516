import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { generateStructured, options, startFakeLmStudio, type FakeOptions } from "../../../src/adapters/llm/index.ts";
import { scenario } from "../../helpers/scenario.ts";
import { ask, eventually, failure, never, openLlm } from "./open.ts";
import { z } from "zod";

/** What `import()` does where the optional package is missing. */
const notInstalled = () => Promise.reject(new Error("Cannot find package '@lmstudio/sdk'"));

/** An address at which nobody listens. */
async function deadAddress(): Promise<string> {
  await using server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${Object(server.address()).port}`;
}

scenario("models", "No model server runs", async () => {
  const address = await deadAddress();
  await using at = openLlm({ baseUrl: address });
  expect(await at.llm.status(never)).toMatchObject({
    backend: "none",
    reachable: false,
    address,
    models: [],
    model: null,
  });
  const error = await failure(at.llm.generate(ask("Hello?"), never));
  expect(error.code).toBe("llm_none");
  expect(error.message).toContain(address);
  expect(error.fix).toContain("Start LM Studio");
  expect((await failure(at.llm.embed(["text"], never))).code).toBe("llm_none");
  expect(at.told).toEqual([]);
});

scenario("models", "LM Studio is started later", async () => {
  await using fake = await startFakeLmStudio();
  await fake.stop();
  await using at = openLlm({ baseUrl: fake.url });
  expect((await failure(at.llm.generate(ask("Hello?"), never))).code).toBe("llm_none");
  await fake.restart();
  await expect
    .poll(
      () =>
        at.llm.generate(ask("Hello?"), never).then(
          ({ backend }) => backend,
          () => "none",
        ),
      { timeout: 20_000 },
    )
    .toBe("lmstudio");
});

scenario("models", "The model falls silent", async () => {
  await using fake = await startFakeLmStudio({
    faults: { midStream: "stall" },
    respond: () => "Half of this is written before it stops.",
  });
  await using at = openLlm({ baseUrl: fake.url, timeouts: { idleMs: 200 } });
  const error = await failure(at.llm.generate(ask("Well?"), never));
  expect(error).toMatchObject({
    code: "llm_timeout",
    target: "llm.timeouts.idleMs",
    details: { partial: "Half of this is written " },
  });
  await eventually("the model is told to stop", () => fake.requests[0]?.cancelled ?? false);
});

scenario("models", "LM Studio's own client is not installed", async () => {
  await using fake = await startFakeLmStudio();
  await using at = openLlm({ baseUrl: fake.url }, { loadSdk: notInstalled });
  expect((await at.llm.generate(ask("Hello?"), never)).backend).toBe("lmstudio-http");
  const schema = z.object({ done: z.literal(true) });
  expect((await generateStructured(at.llm, { request: ask("JSON?"), schema, signal: never })).value).toEqual({
    done: true,
  });
});

scenario("models", "A repository names another machine", async () => {
  const elsewhere = "http://models.example.org:1234";
  await using at = openLlm({ baseUrl: elsewhere });
  expect(await at.llm.status(never)).toMatchObject({
    reachable: false,
    message: expect.stringContaining("models.example.org:1234"),
  });
  const error = await failure(at.llm.generate(ask("Hello?"), never));
  expect(error.fix).toContain("LM_STUDIO_BASE_URL");
  // Named by the environment it is tried; the name leads nowhere, and that is another error.
  await using allowed = openLlm(
    { baseUrl: "http://nowhere.invalid:1234", backend: "openai" },
    { env: { SPECLOOP_LLM_HOSTS: "nowhere.invalid:1234" } },
  );
  expect((await failure(allowed.llm.generate(ask("Hello?"), never))).message).toContain("No model server answers");
});

scenario("models", "A prompt that does not fit", async () => {
  await using fake = await startFakeLmStudio({
    models: [{ id: "small", kind: "chat", loaded: true, contextLength: 2048 }],
  });
  await using at = openLlm({ baseUrl: fake.url });
  const error = await failure(at.llm.generate(ask("word ".repeat(1500)), never));
  expect(error).toMatchObject({ code: "llm_context_overflow", target: "small", details: { limit: 1024 } });
  expect(fake.requests).toEqual([]);
  at.live.current = { ...at.live.current, maxPromptTokens: 256 };
  expect((await failure(at.llm.generate(ask("word ".repeat(300)), never))).details).toMatchObject({ limit: 256 });
  expect(fake.requests).toEqual([]);
});

test("a server that cut the prompt without a word is found out", async () => {
  await using fake = await startFakeLmStudio({ faults: { reportedPromptTokens: 400 } });
  await using at = openLlm({ baseUrl: fake.url });
  expect((await failure(at.llm.generate(ask("word ".repeat(1500)), never))).message).toContain("the server cut it");
  expect((await at.llm.generate(ask("word ".repeat(300)), never)).tokensIn).toBe(400);
});

scenario("models", "More calls than allowed at once", async () => {
  let [running, most] = [0, 0];
  const order: string[] = [];
  const respond: FakeOptions["respond"] = async ({ messages }) => {
    running += 1;
    most = Math.max(most, running);
    order.push(messages[0]?.content ?? "");
    await new Promise((done) => setTimeout(done, 15));
    running -= 1;
    return "done";
  };
  await using fake = await startFakeLmStudio({ respond });
  await using at = openLlm({ baseUrl: fake.url, concurrency: 2 });
  const given = new AbortController();
  const calls = Array.from({ length: 12 }, (_, number) =>
    at.llm.generate(ask(`${number}`), number === 5 ? given.signal : never),
  );
  given.abort();
  const outcomes = await Promise.allSettled(calls);
  expect(most).toBe(2);
  expect(outcomes.map(({ status }) => status).filter((status) => status === "rejected")).toHaveLength(1);
  expect(order.map(Number).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
});

scenario("models", "Every call is told", async () => {
  await using fake = await startFakeLmStudio({ respond: () => "Yes." });
  await using at = openLlm({ baseUrl: fake.url });
  await at.llm.generate({ ...ask("Is it?"), purpose: "question.answer" }, never);
  fake.faults = { empty: true };
  await failure(at.llm.generate({ ...ask("Is it?"), purpose: "loop.hypothesis" }, never));
  await at.llm.embed(["text"], never);
  expect(at.told).toMatchObject([
    { backend: "lmstudio", model: "example-7b-instruct", purpose: "question.answer", ok: true, tokensOut: 1 },
    { backend: "lmstudio", purpose: "loop.hypothesis", ok: false, code: "llm_empty" },
    { backend: "lmstudio", model: "text-embedding-example", purpose: "embed", ok: true },
  ]);
  expect(at.told.every(({ ms }) => Number.isInteger(ms) && ms >= 0)).toBe(true);
});

describe("the model", () => {
  const big = { id: "big", kind: "chat" as const, loaded: false, contextLength: 8192 };
  const small = { id: "small", kind: "chat" as const, loaded: true, contextLength: 4096 };

  test("is the first that is loaded, or the configured one, which is loaded when it is not", async () => {
    await using fake = await startFakeLmStudio({ models: [{ ...big }, small] });
    await using at = openLlm({ baseUrl: fake.url });
    expect((await at.llm.generate(ask("Who?"), never)).model).toBe("small");
    at.live.current = { ...at.live.current, model: "big" };
    expect(await at.llm.status(never)).toMatchObject({
      model: "big",
      message: expect.stringContaining("loaded at the first call"),
    });
    const both = await Promise.all([at.llm.generate(ask("Who?"), never), at.llm.generate(ask("Who?"), never)]);
    expect(both.map(({ model }) => model)).toEqual(["big", "big"]);
    expect(fake.requests.map(({ kind, via }) => `${kind} ${via}`).toSorted()).toEqual([
      "generate ws",
      "generate ws",
      "generate ws",
      "load ws",
    ]);
  });

  test("is missing when none is loaded or none has the configured name", async () => {
    await using fake = await startFakeLmStudio({ models: [{ ...big }] });
    await using at = openLlm({ baseUrl: fake.url });
    expect(await at.llm.status(never)).toMatchObject({
      reachable: true,
      model: null,
      message: expect.stringContaining("big"),
    });
    expect((await failure(at.llm.generate(ask("Who?"), never))).code).toBe("llm_no_model");
    at.live.current = { ...at.live.current, model: "unheard-of" };
    expect((await failure(at.llm.generate(ask("Who?"), never))).details).toEqual({ models: ["big"] });
  });
});

describe("credentials", () => {
  const token = "sk-lm-Abcd1234:abcdefghij0123456789";

  test("come from the environment at each call, by WebSocket and by HTTP", async () => {
    await using fake = await startFakeLmStudio({ token });
    const env: Record<string, string | undefined> = { LM_API_TOKEN: token };
    await using at = openLlm({ baseUrl: fake.url }, { env });
    expect((await at.llm.generate(ask("Hello?"), never)).backend).toBe("lmstudio");
    expect((await at.llm.embed(["text"], never)).vectors).toHaveLength(1);
    env["LM_API_TOKEN"] = "sk-lm-Wrong000:abcdefghij0123456789";
    const error = await failure(at.llm.generate(ask("Hello?"), never));
    expect(JSON.stringify(error) + error.message).not.toContain("abcdefghij");
    expect(error.code).toBe("llm_none");
    at.live.current = { ...at.live.current, backend: "lmstudio" };
    expect((await failure(at.llm.generate(ask("Hello?"), never))).code).toBe("llm_auth");
  });

  test("of an OpenAI-compatible server come from the named variable", async () => {
    await using fake = await startFakeLmStudio({ token });
    await using at = openLlm(
      { backend: "openai", baseUrl: `${fake.url}/v1/`, apiKeyEnv: "MY_KEY" },
      { env: { MY_KEY: token } },
    );
    expect((await at.llm.generate(ask("Hello?"), never)).backend).toBe("openai");
  });
});

describe("options", () => {
  test("work without any being given", () => {
    expect(options.schema.parse({})).toEqual({
      backend: "auto",
      baseUrl: "http://127.0.0.1:1234",
      maxTokens: 1024,
      maxPromptTokens: 8000,
      concurrency: 2,
      timeouts: { connectMs: 2000, firstTokenMs: 120_000, idleMs: 30_000, totalMs: 300_000 },
      ttlMinutes: 60,
    });
  });

  test.each([{ backend: "gpt" }, { concurrency: 0 }, { timeouts: { idleMs: 1 } }, { apiKeyEnv: "sk-not a name" }])(
    "refuse %j",
    (input) => {
      expect(options.schema.safeParse(input).success).toBe(false);
    },
  );

  test.each([
    "not an address at all",
    "ftp://127.0.0.1",
    "http://user:secret@127.0.0.1",
    "http://127.0.0.1?x=1",
    "http://127.0.0.1.example.org",
  ])("lead to a status that says what is wrong with %s", async (baseUrl) => {
    await using at = openLlm({ baseUrl });
    const status = await at.llm.status(never);
    expect(status).toMatchObject({ reachable: false, message: expect.stringContaining("llm.baseUrl") });
    expect(status.message).not.toContain("secret");
  });

  test("none is a backend that says so", async () => {
    await using at = openLlm({ backend: "none" });
    expect(await at.llm.status(never)).toMatchObject({ backend: "none", reachable: false, address: null });
    expect((await failure(at.llm.generate(ask("Hello?"), never))).code).toBe("llm_none");
  });
});

describe("the process", () => {
  const source = resolve(import.meta.dirname, "../../../src");
  const child = (url: string, body: string) => `
    const { createLlm, options } = await import("${source}/adapters/llm/index.ts");
    const { EventBus } = await import("${source}/foundation/events.ts");
    const { silentLogger: logger } = await import("${source}/foundation/logger.ts");
    const { systemClock: clock } = await import("${source}/foundation/clock.ts");
    const current = options.schema.parse({ baseUrl: "${url}" });
    const llm = createLlm({ options: { current }, env: {}, events: new EventBus(logger), clock, logger });
    const signal = new AbortController().signal;
    const request = { messages: [{ role: "user", content: "Hello?" }], purpose: "test" };
    ${body}`;

  const run = async (url: string, body: string) =>
    promisify(execFile)(process.execPath, ["--input-type=module", "-e", child(url, body)], { timeout: 30_000 });

  test("ends by itself once the client is closed, whatever was in flight", async () => {
    await using fake = await startFakeLmStudio();
    const done = await run(
      fake.url,
      `console.log((await llm.generate(request, signal)).backend); await llm[Symbol.asyncDispose]();`,
    );
    expect(done).toMatchObject({ stdout: "lmstudio\n", stderr: "" });
    fake.faults = { midStream: "stall", ignoreCancel: true };
    const stalled = `const call = llm.generate(request, signal).catch(({ code }) => console.log(code));
      await new Promise((done) => setTimeout(done, 500)); await llm[Symbol.asyncDispose](); await call;`;
    expect(await run(fake.url, stalled)).toMatchObject({ stdout: "llm_cancelled\n", stderr: "" });
  });

  test("survives that no model server runs", async () => {
    const body = `console.log((await llm.status(signal)).reachable); await llm.generate(request, signal).catch(({ code }) => console.log(code));`;
    expect(await run(await deadAddress(), body)).toMatchObject({ stdout: "false\nllm_none\n", stderr: "" });
  });
});
