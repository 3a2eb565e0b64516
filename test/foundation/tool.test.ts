import { expect, test } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/foundation/tool.ts";

const context = { principal: { kind: "agent" as const, name: "tester" }, signal: new AbortController().signal };

const greet = defineTool({
  name: "greeting_make",
  title: "Greet",
  description: "Greets somebody by name.",
  input: z.object({ name: z.string().min(1), times: z.number().int().default(1) }),
  output: z.object({ text: z.string(), count: z.number() }),
  effect: "read",
  toolset: "full",
});

test("a tool parses its input, fills in defaults and hands the context on", async () => {
  const tool = greet.handle({
    run: async ({ name, times }, { principal }) => ({ text: `${principal.name} greets ${name}`, count: times }),
    render: ({ text }) => text,
  });
  const output = await tool.run({ name: "Ada" }, context);
  expect(output).toEqual({ text: "tester greets Ada", count: 1 });
  expect(tool.render(output)).toBe("tester greets Ada");
  expect(tool).toMatchObject({ name: "greeting_make", effect: "read", toolset: "full" });
});

test("input of another shape never reaches the handler", async () => {
  let calls = 0;
  const tool = greet.handle({ run: async () => ({ text: "", count: (calls += 1) }), render: () => "" });
  for (const input of [undefined, {}, { name: "" }, { name: 1 }, { name: "x", times: 1.5 }, []]) {
    await expect(tool.run(input, context)).rejects.toThrow(z.ZodError);
  }
  expect(calls).toBe(0);
});

test("output of another shape fails, and what the schema does not name is left out", async () => {
  const wrong = greet.handle({ run: async () => ({ text: 1 }) as never, render: () => "" });
  await expect(wrong.run({ name: "x" }, context)).rejects.toThrow(z.ZodError);
  const chatty = greet.handle({ run: async () => ({ text: "x", count: 1, secret: "s" }), render: () => "" });
  expect(await chatty.run({ name: "x" }, context)).toEqual({ text: "x", count: 1 });
});
