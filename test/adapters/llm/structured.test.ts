import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { extractJson } from "../../../src/adapters/llm/extract.ts";
import { generateStructured, startFakeLmStudio, type FakeReply } from "../../../src/adapters/llm/index.ts";
import { wireSchema } from "../../../src/adapters/llm/wire-schema.ts";
import { scenario } from "../../helpers/scenario.ts";
import { ask, failure, never, openLlm } from "./open.ts";

const schema = z.object({ title: z.string(), files: z.array(z.string()).max(5), done: z.literal(true) });
const good = { title: "Keep it short", files: ["openspec/specs/a/spec.md"], done: true };
const json = JSON.stringify(good);

/** What `generateStructured` makes of answers given in turn by a real client against the fake server. */
async function answerWith(...replies: FakeReply[]) {
  const models = [{ id: "endless", kind: "chat" as const, loaded: true, contextLength: 10_000_000 }];
  await using fake = await startFakeLmStudio({ models, respond: ({ call }) => replies[call - 1] ?? "no more" });
  await using at = openLlm({ backend: "openai", baseUrl: fake.url });
  const request = { ...ask("Give me a title."), maxTokens: 1_000_000 };
  const call = generateStructured(at.llm, { request, schema, signal: never });
  return { outcome: await call.catch((error: unknown) => error), requests: fake.requests };
}

scenario("models", "An answer in prose, fences or thoughts", async () => {
  const wrapped = [
    json,
    `\uFEFF  ${json}\n`,
    `\`\`\`json\n${json}\n\`\`\``,
    `Here you are {as promised}:\n\n${json}\n\nAnything else? {"not": "this"}`,
    `<think>Maybe {"title":"draft","files":[],"done":true}? No.</think>${json}`,
    `The list [1] says:\n\`\`\`\n${json}\n\`\`\`\nbye`,
    json.replace('"files":[', '"files": [ // the spec\n').replace("]", ",]"),
    json.replaceAll('"', "'"),
    json.replaceAll(/"(title|files|done)"/g, "$1"),
    json.slice(0, -1),
    JSON.stringify(json),
  ];
  for (const reply of wrapped) {
    const { outcome, requests } = await answerWith(reply);
    expect({ reply, outcome }).toMatchObject({ reply, outcome: { value: good, attempts: 1 } });
    expect(requests).toHaveLength(1);
  }
});

scenario("models", "A wrong answer is corrected once", async () => {
  const { outcome, requests } = await answerWith('{"title": 7, "files": "none", "done": true}', json);
  expect(outcome).toMatchObject({ value: good, attempts: 2 });
  const told = requests[1]?.messages ?? [];
  expect(told.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
  expect(told[1]?.content).toBe('{"title": 7, "files": "none", "done": true}');
  expect(told[2]?.content).toMatch(/title: .*string[\s\S]*files: .*array/i);

  const hopeless = await answerWith("I cannot.", "I still cannot.", json);
  expect(hopeless.outcome).toMatchObject({
    code: "llm_invalid_output",
    details: { raw: "I still cannot.", attempts: 2 },
  });
  expect(hopeless.requests).toHaveLength(2);
});

scenario("models", "A cut answer is refused", async () => {
  await using fake = await startFakeLmStudio({ respond: () => good, faults: { truncated: true } });
  await using at = openLlm({ backend: "lmstudio", baseUrl: fake.url });
  const said = await failure(generateStructured(at.llm, { request: ask("Give me a title."), schema, signal: never }));
  expect(said.code).toBe("llm_truncated");
  expect(fake.requests).toHaveLength(1);

  // A server that cuts without saying so: the sentinel is missing, whatever a repair makes of the rest.
  for (let length = 1; length < json.indexOf('"done"'); length += 1) {
    const reply = json.slice(0, length);
    const { outcome } = await answerWith(reply, reply);
    expect({ reply, outcome }).toMatchObject({ reply, outcome: { code: "llm_invalid_output" } });
  }
});

describe("hostile answers", () => {
  test.each([
    ["nesting that exhausts a stack", "[".repeat(200_000)],
    ["nesting that closes", "[".repeat(100_000) + "]".repeat(100_000)],
    ["openings without end", '{"a":'.repeat(50_000)],
    ["braces", "{".repeat(500_000)],
    ["quotes", '{"'.repeat(200_000)],
    ["fences", "```json\n".repeat(50_000)],
    ["thoughts", "<think>".repeat(50_000)],
    ["little but space", `${" ".repeat(1_000_000)}.`],
    ["a prototype", '{"__proto__": {"title": "x", "files": [], "done": true}}'],
    ["an array of the right thing", `[${json}]`],
    ["null", "null"],
  ])("%s: refused, and soon", async (_name, reply) => {
    const { outcome } = await answerWith(reply, reply);
    expect(outcome).toMatchObject({ code: "llm_invalid_output" });
    expect(({} as Record<string, unknown>)["title"]).toBeUndefined();
  });

  test("extraction never throws", () => {
    const noise = fc.array(
      fc.constantFrom("{", "}", "[", "]", '"', "\\", "'", ",", ":", "```", "\n", "json", "1", "a", "</think>"),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          noise.map((parts) => parts.join("")),
        ),
        (text) => {
          expect([...extractJson(text)].every((value) => typeof value === "object")).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("an object is found whatever prose is around it", () => {
    const object = fc
      .dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 })
      .map((value) => JSON.parse(JSON.stringify(value)) as unknown);
    const prose = fc.string().map((text) => text.replaceAll(/[{}[\]`<]/g, ""));
    fc.assert(
      fc.property(object, prose, prose, (value, before, after) => {
        expect(extractJson(`${before}\n${JSON.stringify(value)}\n${after}`).next().value).toEqual(value);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("the schema on the wire", () => {
  test("has structure, and nothing that breaks grammars", () => {
    const wide = z.object({
      count: z.int().min(3).max(9),
      name: z.string().min(2).max(4000).regex(/^a/),
      minimum: z.enum(["a", "b"]).describe("a key named like a keyword"),
      many: z
        .array(z.object({ id: z.uuid() }))
        .min(1)
        .max(5),
      endless: z.array(z.string()).max(1000),
      either: z.union([z.string(), z.null()]),
      done: z.literal(true),
    });
    expect(wireSchema(wide)).toEqual({
      type: "object",
      properties: {
        count: { type: "integer" },
        name: { type: "string" },
        minimum: { type: "string", enum: ["a", "b"], description: "a key named like a keyword" },
        many: {
          type: "array",
          minItems: 1,
          maxItems: 5,
          items: {
            type: "object",
            properties: { id: { type: "string" } },
            required: ["id"],
            additionalProperties: false,
          },
        },
        endless: { type: "array", items: { type: "string" } },
        either: { type: ["string", "null"] },
        done: { type: "boolean", const: true },
      },
      required: ["count", "name", "minimum", "many", "endless", "either", "done"],
      additionalProperties: false,
    });
  });

  test("keeps the order in which the model shall write, and recursion", () => {
    const order = Object.keys(wireSchema(schema)["properties"] ?? {});
    expect(order).toEqual(["title", "files", "done"]);
    interface Tree {
      name: string;
      children: Tree[];
    }
    const tree: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string().max(3), children: z.array(tree) }));
    expect(JSON.stringify(wireSchema(tree))).toContain("$ref");
    expect(JSON.stringify(wireSchema(tree))).not.toContain("maxLength");
  });

  test("bounds that were left out are still checked", async () => {
    const six = { ...good, files: ["1", "2", "3", "4", "5", "6"] };
    const { outcome } = await answerWith(six, json);
    expect(outcome).toMatchObject({ value: good, attempts: 2 });
  });
});

test("a correction that would not fit is the first answer's failure", async () => {
  await using fake = await startFakeLmStudio({ respond: () => "word ".repeat(1500) });
  await using at = openLlm({ backend: "openai", baseUrl: fake.url, maxPromptTokens: 300 });
  const error = await failure(
    generateStructured(at.llm, { request: { ...ask("Give me a title."), maxTokens: 5000 }, schema, signal: never }),
  );
  expect(error).toMatchObject({ code: "llm_invalid_output", details: { attempts: 1 } });
});
