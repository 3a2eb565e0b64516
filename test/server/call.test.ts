import { expect, test } from "vitest";
import { z } from "zod";
import { systemClock } from "../../src/foundation/clock.ts";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { EventBus, type EventMap } from "../../src/foundation/events.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import type { Principal } from "../../src/foundation/principal.ts";
import { defineTool, type Tool } from "../../src/foundation/tool.ts";
import { type Caller, createCaller, listTools } from "../../src/server/index.ts";
import { wireTools } from "../../src/server/tool-results.ts";
import { scenario } from "../helpers/scenario.ts";
import { fixtureTools } from "./fixtures/tools.ts";

const agent: Principal = { kind: "agent", name: "tester" };
const person: Principal = { kind: "person", name: "Ada Example" };
const { signal } = new AbortController();

function open(tools: Tool[] = fixtureTools()): { caller: Caller; called: EventMap["tool.called"][] } {
  const events = new EventBus(silentLogger);
  const called: EventMap["tool.called"][] = [];
  events.on("tool.called", (event) => called.push(event));
  return { caller: createCaller({ tools, events, clock: systemClock, logger: silentLogger }), called };
}

async function errorOf(promise: Promise<unknown>): Promise<SpecloopError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SpecloopError) return error;
  throw new Error(`expected a SpecloopError, got ${String(error)}`);
}

scenario("mcp-server", "A wrong input names every field", async () => {
  const { caller, called } = open();
  const error = await errorOf(caller.call("note_echo", { txt: "a", times: 1000 }, { principal: agent, signal }));
  expect(error.code).toBe("bad_input");
  expect(error.message).toMatch(/text: /);
  expect(error.message).toMatch(/times: /);
  expect(error.message).toMatch(/unknown field "txt" \(known: text, times\)/);
  expect(error.details).toMatchObject({ fields: [{ field: "text" }, { field: "times" }, { field: "" }] });
  expect(called).toMatchObject([{ tool: "note_echo", ok: false, code: "bad_input", principal: agent }]);
});

scenario("mcp-server", "A person's tool is refused to agents", async () => {
  const { caller } = open();
  expect((await errorOf(caller.call("note_approve", {}, { principal: agent, signal }))).code).toBe("forbidden");
  const system: Principal = { kind: "system", name: "loop" };
  expect((await errorOf(caller.call("note_approve", {}, { principal: system, signal }))).code).toBe("forbidden");
  expect(await caller.call("note_approve", {}, { principal: person, signal })).toEqual({
    output: { by: "Ada Example" },
    text: "approved by Ada Example",
  });
});

test("a call that changed nothing says so, as the tool reads its result", async () => {
  const ask = defineTool({
    name: "note_ask",
    title: "Ask",
    description: "Asks.",
    effect: "add",
    toolset: "default",
    input: z.object({ text: z.string() }),
    output: z.object({ cached: z.boolean() }),
    changed: ({ cached }) => !cached,
  }).handle({ run: async ({ text }) => ({ cached: text === "again" }), render: () => "asked" });
  const { caller, called } = open([ask, ...fixtureTools()]);
  for (const text of ["first", "again"]) await caller.call("note_ask", { text }, { principal: agent, signal });
  await caller.call("note_echo", { text: "a" }, { principal: agent, signal });
  expect(called.map(({ tool, changed }) => [tool, changed])).toEqual([
    ["note_ask", true],
    ["note_ask", false],
    ["note_echo", undefined],
  ]);
});

test("a call gives output and text, applies defaults once and is counted", async () => {
  const { caller, called } = open();
  const result = await caller.call("note_echo", { text: "a" }, { principal: agent, signal });
  expect(result).toEqual({ output: { text: "a", times: 1 }, text: "a" });
  expect(called).toMatchObject([{ tool: "note_echo", ok: true, principal: agent }]);
  expect(called[0]).not.toHaveProperty("code");
  expect(called[0]?.ms).toBeGreaterThanOrEqual(0);
});

test("an unknown tool is answered with the names that are near", async () => {
  const { caller } = open();
  const nameless = async (name: string) => (await errorOf(caller.call(name, {}, { principal: agent, signal }))).fix;
  expect(await nameless("note_ecko")).toBe("Did you mean note_echo?");
  expect(await nameless("addNote")).toBe("Did you mean note_add?");
  expect(await nameless("weather")).toMatch(/^The tools are: note_echo, .*note_history\.$/);
  expect((await errorOf(caller.call("__proto__", {}, { principal: agent, signal }))).code).toBe("unknown_tool");
});

test("what nobody expected is internal, and what a tool meant is passed on", async () => {
  const { caller } = open();
  const internal = await errorOf(caller.call("note_break", {}, { principal: agent, signal }));
  expect(internal).toMatchObject({ code: "internal", message: "cannot read the note" });
  expect(internal.cause).toBeInstanceOf(TypeError);
  const stale = await errorOf(caller.call("note_update", { path: "a.md" }, { principal: agent, signal }));
  expect(stale).toMatchObject({ code: "stale_revision", target: "a.md", details: { revision: "b2" } });
});

test("a result that does not fit its schema is internal and says so", async () => {
  const wrong = defineTool({
    name: "note_wrong",
    title: "Wrong",
    description: "Answers something else than it promises.",
    input: z.object({}),
    output: z.object({ count: z.int() }),
    effect: "read",
    toolset: "default",
  }).handle({ run: async () => ({ count: "three" as unknown as number }), render: () => "" });
  const { caller } = open([wrong]);
  const error = await errorOf(caller.call("note_wrong", {}, { principal: agent, signal }));
  expect(error).toMatchObject({ code: "internal" });
  expect(error.message).toContain("does not fit its schema");
});

test("a call whose caller went away is cancelled", async () => {
  const { caller } = open();
  const gone = new AbortController();
  const running = errorOf(
    caller.call("note_wait", { ms: 60_000, label: "x" }, { principal: agent, signal: gone.signal }),
  );
  gone.abort();
  expect((await running).code).toBe("cancelled");
  const never = caller.call("note_add", { text: "x" }, { principal: agent, signal: gone.signal });
  expect((await errorOf(never)).code).toBe("cancelled");
});

test("a key goes to the store of keys with the caller as its scope, and without one nothing does", async () => {
  const seen: unknown[] = [];
  const idempotency = {
    run: <T>(...[scope, key, hash, work]: [string, string | undefined, string, () => Promise<T>]) => {
      seen.push([scope, key, hash.length]);
      return work();
    },
  };
  const events = new EventBus(silentLogger);
  const tools = fixtureTools();
  const caller = createCaller({ tools, events, idempotency, clock: systemClock, logger: silentLogger });
  await caller.call("note_add", { text: "a" }, { principal: agent, signal, idempotencyKey: "k1" });
  await caller.call("note_add", { text: "a" }, { principal: agent, signal });
  expect(seen).toEqual([["note_add/agent:tester", "k1", 64]]);
});

test("two tools of one name are refused when the table is built", () => {
  const tools = fixtureTools();
  expect(() => open([...tools, ...tools])).toThrow(/same name/);
});

test("a listing has lean schemas and annotations from the effect", () => {
  const listing = listTools(fixtureTools());
  const echo = listing.find(({ name }) => name === "note_echo");
  expect(echo?.inputSchema).toEqual({
    type: "object",
    properties: {
      text: { type: "string", maxLength: 1_000_000, description: "What to give back." },
      times: { type: "integer", minimum: 1, maximum: 100, default: 1, description: "How often." },
    },
    required: ["text"],
    additionalProperties: false,
  });
  expect(echo?.outputSchema).toEqual({
    type: "object",
    properties: { text: { type: "string" }, times: { type: "integer" } },
    required: ["text", "times"],
  });
  expect(echo?.annotations).toEqual({
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  });
  expect(listing.find(({ name }) => name === "note_update")?.annotations.destructiveHint).toBe(true);
  expect(listing.find(({ name }) => name === "note_add")?.annotations).toMatchObject({
    readOnlyHint: false,
    destructiveHint: false,
    idempotentHint: false,
  });
});

test("MCP clients are shown outputs one level deep, and what fits the whole schema fits that", () => {
  const citation = z.object({ path: z.string().describe("Where."), lines: z.array(z.int()) });
  const nested = defineTool({
    name: "note_cite",
    title: "Cite",
    description: "Nested output.",
    input: z.object({}),
    output: z.object({
      status: z.enum(["a", "b"]).describe("How it stands."),
      answer: z.object({ text: z.string(), citations: z.array(citation) }).nullable(),
      citations: z.array(citation),
    }),
    effect: "read",
    toolset: "default",
  }).handle({ run: async () => ({ status: "a" as const, answer: null, citations: [] }), render: () => "" });
  const [wire] = wireTools([nested]);
  expect(wire?.annotations).toEqual({ readOnlyHint: true, openWorldHint: false });
  expect(wire?.outputSchema["~standard"].jsonSchema.output({ target: "draft-2020-12" })).toEqual({
    type: "object",
    properties: {
      status: { type: "string", enum: ["a", "b"] },
      answer: { type: ["object", "null"] },
      citations: { type: "array", items: { type: "object" } },
    },
  });
});
