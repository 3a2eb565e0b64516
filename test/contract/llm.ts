import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  generateStructured,
  startFakeLmStudio,
  type FakeOptions,
  type LlmOptions,
} from "../../src/adapters/llm/index.ts";
import { ask, eventually, failure, never, openLlm } from "../adapters/llm/open.ts";

/** What every backend of the `Llm` port does, with a real client against a fake server. */
export function llmContract(backend: LlmOptions["backend"]): void {
  const open = async (fakeOptions: FakeOptions = {}, timeouts: Partial<LlmOptions["timeouts"]> = {}) => {
    const fake = await startFakeLmStudio(fakeOptions);
    const opened = openLlm({ backend, baseUrl: fake.url, timeouts });
    return {
      ...opened,
      fake,
      [Symbol.asyncDispose]: async () => {
        await opened[Symbol.asyncDispose]();
        await fake[Symbol.asyncDispose]();
      },
    };
  };

  describe(`contract of the ${backend} backend`, () => {
    test("says with what it serves", async () => {
      await using at = await open();
      const status = await at.llm.status(never);
      expect(status).toMatchObject({ backend, reachable: true, address: at.fake.url, model: "example-7b-instruct" });
      expect(status.models.map(({ id }) => id)).toEqual(["example-7b-instruct", "text-embedding-example"]);
    });

    test("generates, and counts as the server counts", async () => {
      await using at = await open({ respond: () => ({ content: "Forty-two.", reasoning: "Let me think." }) });
      const generation = await at.llm.generate({ ...ask("What is it?"), maxTokens: 77, temperature: 0.3 }, never);
      expect(generation).toMatchObject({
        text: "Forty-two.",
        reasoning: "Let me think.",
        model: "example-7b-instruct",
        backend,
        estimated: false,
      });
      expect(generation.tokensOut).toBeGreaterThan(0);
      expect(at.fake.requests).toMatchObject([
        { maxTokens: 77, temperature: 0.3, messages: [{ role: "user", content: "What is it?" }] },
      ]);
    });

    test("keeps roles and every character", async () => {
      await using at = await open({
        respond: ({ messages }) => messages.map(({ role, content }) => `${role}=${content}`).join("\n"),
      });
      const hard = '日本語 🙂 "quoted" \\ back\\slash\nline \u2028 end';
      const messages = [
        { role: "system" as const, content: "rules" },
        { role: "user" as const, content: "first" },
        { role: "assistant" as const, content: "reply" },
        { role: "user" as const, content: hard },
      ];
      const { text } = await at.llm.generate({ messages, purpose: "test" }, never);
      expect(text).toBe(`system=rules\nuser=first\nassistant=reply\nuser=${hard}`);
    });

    test("sends a schema that constrains, and checks the answer", async () => {
      await using at = await open({ respond: () => ({ verdict: "wrong", score: 7, done: true }) });
      const schema = z.object({
        verdict: z.enum(["right", "wrong"]),
        score: z.int().min(0).max(10),
        done: z.literal(true),
      });
      const result = await generateStructured(at.llm, { request: ask("Judge."), schema, signal: never });
      expect(result).toMatchObject({ value: { verdict: "wrong", score: 7, done: true }, attempts: 1 });
      expect(at.fake.requests[0]?.schema).toMatchObject({
        properties: { verdict: { enum: ["right", "wrong"] } },
        required: ["verdict", "score", "done"],
      });
    });

    test("cancels at the server what the caller gives up", async () => {
      await using at = await open({ faults: { firstTokenMs: 600_000 } });
      const caller = new AbortController();
      const call = failure(at.llm.generate(ask("Slow one."), caller.signal));
      await eventually("the server begins", () => at.fake.requests.length === 1);
      caller.abort();
      expect((await call).code).toBe("llm_cancelled");
      await eventually("the server hears of it", () => at.fake.requests[0]?.cancelled ?? false);
    });

    test("refuses a call that was cancelled before it began", async () => {
      await using at = await open();
      expect((await failure(at.llm.generate(ask("Never."), AbortSignal.abort()))).code).toBe("llm_cancelled");
      expect(at.fake.requests).toEqual([]);
    });

    test("gives up on a model that writes nothing", async () => {
      await using at = await open({ faults: { firstTokenMs: 600_000 } }, { firstTokenMs: 150 });
      const error = await failure(at.llm.generate(ask("Slow one."), never));
      expect(error).toMatchObject({ code: "llm_timeout", target: "llm.timeouts.firstTokenMs" });
    });

    test("says that nobody answers, and works as soon as somebody does", async () => {
      await using at = await open();
      await at.fake.stop();
      expect((await at.llm.status(never)).reachable).toBe(false);
      expect((await failure(at.llm.generate(ask("Hello?"), never))).code).toBe("llm_unreachable");
      await at.fake.restart();
      await expect.poll(async () => (await at.llm.status(never)).reachable, { timeout: 10_000 }).toBe(true);
      expect((await at.llm.generate(ask("Hello!"), never)).text).toContain("6 characters");
    });

    test("embeds many texts in order", async () => {
      await using at = await open();
      const texts = Array.from({ length: 150 }, (_, index) => `requirement number ${index}`);
      const { model, vectors } = await at.llm.embed(texts, never);
      expect(model).toBe("text-embedding-example");
      expect(vectors).toHaveLength(150);
      expect(vectors[149]).toEqual((await at.llm.embed(["requirement number 149"], never)).vectors[0]);
      expect(await at.llm.embed([], never)).toEqual({ model: null, vectors: [] });
    });

    test("has no embeddings where no embedding model is loaded", async () => {
      await using at = await open({ models: [{ id: "chat-only", kind: "chat", loaded: true, contextLength: 4096 }] });
      expect((await failure(at.llm.embed(["text"], never))).code).toBe("llm_no_model");
    });

    test("settles what is in flight when it is closed", async () => {
      await using at = await open({ faults: { firstTokenMs: 600_000 } });
      const calls = [1, 2, 3, 4].map((number) => failure(at.llm.generate(ask(`Number ${number}`), never)));
      await eventually("the server begins", () => at.fake.requests.length > 0);
      await at.llm[Symbol.asyncDispose]();
      expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(
        Array.from({ length: 4 }, () => "llm_cancelled"),
      );
    });
  });
}
