import { expect, test } from "vitest";
import { startFakeLmStudio } from "../../../src/adapters/llm/index.ts";
import { ask, failure, never, openLlm } from "./open.ts";

const chat = (id: string, loaded: boolean, contextLength = 32_768) => ({
  id,
  kind: "chat" as const,
  loaded,
  contextLength,
});

for (const backend of ["lmstudio", "openai"] as const) {
  test(`${backend}: a text comes piece by piece while it is written`, async () => {
    await using fake = await startFakeLmStudio({ respond: () => "one two three four five six seven eight" });
    await using opened = openLlm({ backend, baseUrl: fake.url });
    const pieces: string[] = [];
    const { text } = await opened.llm.generate({ ...ask("x"), onText: (piece) => pieces.push(piece) }, never);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("")).toBe(text);
  });

  test(`${backend}: a call may name its model, and one that is not there is said by name`, async () => {
    await using fake = await startFakeLmStudio({ models: [chat("small-7b", true), chat("large-32b", true)] });
    await using opened = openLlm({ backend, baseUrl: fake.url, model: "small-7b" });
    expect((await opened.llm.generate({ ...ask("x"), model: "large-32b" }, never)).model).toBe("large-32b");
    expect((await opened.llm.generate(ask("x"), never)).model).toBe("small-7b");
  });
}

test("a model is loaded for as long and with as much context as configured", async () => {
  await using fake = await startFakeLmStudio({ models: [chat("late-7b", false)] });
  await using opened = openLlm({
    backend: "lmstudio",
    baseUrl: fake.url,
    model: "late-7b",
    ttlMinutes: 5,
    contextLength: 4096,
  });
  await opened.llm.generate(ask("x"), never);
  const load = fake.requests.find(({ kind }) => kind === "load");
  expect(load?.raw).toMatchObject({ modelKey: "late-7b", ttlMs: 300_000 });
  expect(JSON.stringify(load?.raw)).toContain('{"key":"llm.load.contextLength","value":4096}');
});

test("a draft model is named to the server, and only where one is configured", async () => {
  await using fake = await startFakeLmStudio();
  await using opened = openLlm({ backend: "lmstudio", baseUrl: fake.url });
  await opened.llm.generate(ask("x"), never);
  opened.live.current = { ...opened.live.current, draftModel: "tiny-0.5b" };
  await opened.llm.generate(ask("x"), never);
  const [plain, drafted] = fake.requests.map(({ raw }) => JSON.stringify(raw));
  expect(plain).not.toContain("draftModel");
  expect(drafted).toContain('{"key":"llm.prediction.speculativeDecoding.draftModel","value":"tiny-0.5b"}');
});

test("near the limit the model's own count decides, not our estimate with its reserve", async () => {
  await using fake = await startFakeLmStudio();
  // About 1,000 tokens as the fake counts, 1,150 by our estimate with its reserve.
  const prompt = ask("word".repeat(1000));
  await using opened = openLlm({ backend: "lmstudio", baseUrl: fake.url, maxPromptTokens: 1100 });
  await opened.llm.generate(prompt, never);
  opened.live.current = { ...opened.live.current, maxPromptTokens: 990 };
  expect(await failure(opened.llm.generate(prompt, never))).toMatchObject({ code: "llm_context_overflow" });
  opened.live.current = { ...opened.live.current, backend: "openai", maxPromptTokens: 1100 };
  expect(await failure(opened.llm.generate(prompt, never))).toMatchObject({ code: "llm_context_overflow" });
});

test("a server that does not count in time is not waited for: the estimate stands", async () => {
  await using fake = await startFakeLmStudio({ faults: { wrongShape: "rpc" } });
  await using opened = openLlm({
    backend: "lmstudio",
    baseUrl: fake.url,
    maxPromptTokens: 1100,
    timeouts: { connectMs: 300 },
  });
  expect(await failure(opened.llm.generate(ask("word".repeat(1000)), never))).toMatchObject({
    code: "llm_context_overflow",
  });
});
