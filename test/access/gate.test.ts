import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import type { Capability } from "../../src/access/capability.ts";
import { namedPaths } from "../../src/access/named-paths.ts";
import { options } from "../../src/access/options.ts";
import { RateLimiter } from "../../src/access/rate.ts";
import { withhold } from "../../src/access/withhold.ts";
import { SpecloopError } from "../../src/foundation/errors.ts";
import type { Principal } from "../../src/foundation/principal.ts";
import { defineTool } from "../../src/foundation/tool.ts";
import type { EventMap } from "../../src/foundation/events.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { allTools, type Rooms } from "../../src/mcp-tools.ts";
import { createCaller } from "../../src/server/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { openAccess, type OpenAccess, person } from "./fixture-access.ts";

const { signal } = new AbortController();
/** The product's own table; what a granted tool then does without its room is not looked at. */
const TOOLS = allTools({} as Rooms);

async function register(open: OpenAccess, name: string, capability: Partial<Capability>) {
  const whole = { tools: ["*"], read: [], write: [], rate: 100_000, ...capability };
  const { agent } = await open.access.agents.add({ name, capability: whole, lifetimeMs: null, by: person });
  return { principal: { kind: "agent", name } as const, agent: agent.id, signal };
}

function callerOf({ access, events, clock }: OpenAccess) {
  const { gate, audit } = access;
  const recorded = () => audit.settled();
  return createCaller({ tools: TOOLS, events, gate, recorded, clock, logger: silentLogger });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: unknown) => (error instanceof SpecloopError ? error.code : String(error)),
  );
}

scenario("access", "An agent calls what it was not granted", async () => {
  await using open = await openAccess(undefined, TOOLS);
  const caller = callerOf(open);
  const refused: EventMap["access.refused"][] = [];
  open.events.on("access.refused", (event) => refused.push(event));
  let expected = 0;
  for (const [index, granted] of TOOLS.entries()) {
    const who = await register(open, `agent-${index}`, { tools: [granted.name] });
    for (const tool of TOOLS) {
      const code = await codeOf(caller.call(tool.name, {}, who));
      const may = tool === granted && !tool.personOnly;
      expect([tool.name, granted.name, code === "forbidden"]).toEqual([tool.name, granted.name, !may]);
      expected += may ? 0 : 1;
      expect(open.access.gate.shows(who.agent, tool)).toBe(may);
    }
  }
  expect(refused.length).toBe(expected);
  expect(expected).toBeGreaterThan(TOOLS.length * (TOOLS.length - 1) - 1);
  const entries = (await open.entries()).filter(({ action }) => action === "access.refused");
  expect(entries.length).toBeGreaterThan(0);
  expect(await codeOf(caller.call("agent_add", {}, { principal: person, signal }))).toBe("bad_input");
  const none = await register(open, "nothing", { tools: [] });
  for (const tool of TOOLS) expect(await codeOf(caller.call(tool.name, {}, none))).toBe("forbidden");
});

test("a refused call is in the audit log when its caller hears of it", async () => {
  await using open = await openAccess(undefined, TOOLS);
  const who = await register(open, "nightly", { tools: ["doc_read"] });
  expect(await codeOf(callerOf(open).call("doc_update", {}, who))).toBe("forbidden");
  expect((await open.entries()).at(-1)).toMatchObject({
    actor: "agent:nightly",
    action: "access.refused",
    target: "doc_update",
    detail: '{"code":"forbidden"}',
  });
});

scenario("access", "An agent reaches for documents outside its paths", async () => {
  await using open = await openAccess({
    "openspec/changes/a/proposal.md": "# A\n",
    "openspec/changes/b/proposal.md": "# B\n",
    "docs/secret.md": "# S\n",
  });
  await symlink("../../../docs/secret.md", join(open.repository.path, "openspec/changes/a/link.md"));
  await symlink("../../docs", join(open.repository.path, "openspec/changes/linked"));
  const who = await register(open, "nightly", { read: ["openspec/changes/b/**"], write: ["openspec/changes/a/**"] });
  const { gate } = open.access;
  const ask = (effect: "read" | "write", input: unknown, worktree?: string) =>
    codeOf((async () => gate.admitPaths(who, { effect }, { input, ...(worktree !== undefined && { worktree }) }))());
  const inA = { path: "openspec/changes/a/proposal.md" };
  const inB = { path: "openspec/changes/b/proposal.md" };
  expect([await ask("read", inA), await ask("write", inA)]).toEqual(["no error", "no error"]);
  expect([await ask("read", inB), await ask("write", inB)]).toEqual(["no error", "forbidden"]);
  const ways = [
    "docs/secret.md",
    "openspec/changes/a/../../../docs/secret.md",
    "./docs//secret.md",
    "openspec/changes/a/link.md",
    "openspec/changes/linked/secret.md",
    "openspec/changes",
    ".",
  ];
  for (const path of ways) {
    for (const effect of ["read", "write"] as const) {
      expect([path, effect, await ask(effect, { path })]).toEqual([path, effect, "forbidden"]);
      expect(await ask(effect, { ...inA, paths: [path] })).toBe("forbidden");
      expect(await ask(effect, { files: [inA, { path }] })).toBe("forbidden");
    }
    expect(await ask("write", { text: "x", citations: [{ path }] }), path).toBe("forbidden");
    // Whatever worktree a client says it works in, the served one counts as well.
    expect(await ask("read", { path }, "/"), path).toBe("forbidden");
  }
  expect(await ask("write", { text: "x", citations: [inB] })).toBe("no error");
  const guard = (operation: "read" | "write", path: string) =>
    codeOf((async () => gate.check(who.principal, operation, path))());
  expect([await guard("write", "openspec/changes/a/x.md"), await guard("write", "docs/secret.md")]).toEqual([
    "no error",
    "forbidden",
  ]);
});

test("paths are found wherever an input names them, and depth is bounded", () => {
  const input = {
    path: "a",
    files: [{ path: "b", edits: [{ content: "path" }] }],
    paths: ["c", 4],
    citations: [{ path: "d" }],
  };
  expect(namedPaths(input)).toEqual([
    { path: "a", cited: false },
    { path: "b", cited: false },
    { path: "c", cited: false },
    { path: "d", cited: true },
  ]);
  let deep: unknown = { path: "x" };
  for (let level = 0; level < 100_000; level++) deep = [deep];
  expect(namedPaths(deep)).toEqual([]);
});

test("answers that cite what may not be read, and answers in lists, are held back", () => {
  const reads = (path: string) => path.startsWith("openspec/");
  const cited = (path: string) => ({ text: "The secret is 42.", citations: [{ path, heading: "", startLine: 1 }] });
  const told = withhold({ status: "answered", answer: cited("docs/secret.md") }, reads);
  expect(JSON.stringify(told)).not.toContain("42");
  expect(JSON.stringify(told)).not.toContain("docs/secret.md");
  expect(told).toMatchObject({ status: "answered", answer: { text: expect.stringContaining("withheld") } });
  const listed = withhold({ questions: [{ questionId: "q-1", answer: "The secret is 42." }] }, reads);
  expect(JSON.stringify(listed)).not.toContain("42");
  const open = { answer: cited("openspec/a.md") };
  expect(withhold(open, reads)).toEqual(open);
});

test("what an error tells of an answer is held back as well", async () => {
  await using open = await openAccess(undefined, TOOLS);
  const answer = { text: "The secret is 42.", citations: [{ path: "docs/secret.md", heading: "", startLine: 1 }] };
  const submit = defineTool({
    name: "note_submit",
    title: "Submit",
    description: "Submits.",
    effect: "add",
    toolset: "full",
    input: z.object({}),
    output: z.object({}),
  }).handle({
    run: () => Promise.reject(new SpecloopError("already_answered", "It was answered.", { details: { answer } })),
    render: () => "",
  });
  const { access, events, clock } = open;
  const caller = createCaller({ tools: [submit], events, gate: access.gate, clock, logger: silentLogger });
  const detailsFor = async (who: { principal: Principal; agent?: string; signal: AbortSignal }) => {
    const thrown: unknown = await caller.call("note_submit", {}, who).catch((error: unknown) => error);
    return thrown instanceof SpecloopError ? JSON.stringify(thrown.details) : String(thrown);
  };
  const narrow = await detailsFor(await register(open, "narrow", { read: ["openspec/**"] }));
  expect(narrow).toContain("withheld");
  expect(narrow).not.toMatch(/42|docs\/secret/);
  expect(await detailsFor(await register(open, "wide", { read: ["**"] }))).toContain("42");
  expect(await detailsFor({ principal: person, signal })).toContain("42");
});

scenario("access", "The repository narrows what clients without a token may do", async () => {
  await using open = await openAccess(undefined, TOOLS);
  const caller = callerOf(open);
  const plain = { principal: { kind: "agent", name: "plain" } as const, signal };
  expect(await codeOf(caller.call("doc_update", {}, plain))).toBe("bad_input");
  open.options.current = options.schema.parse({ tools: ["doc_*"], read: ["docs/**"], write: [], rate: 3 });
  expect(await codeOf(caller.call("change_list", {}, plain))).toBe("forbidden");
  expect(open.access.gate.shows(undefined, { name: "change_list" })).toBe(false);
  expect(open.access.gate.shows(undefined, { name: "doc_read" })).toBe(true);
  expect(await codeOf(caller.call("doc_read", { path: "openspec/a.md" }, plain))).toBe("forbidden");
  const edit = { path: "docs/a.md", edits: [{ kind: "write", content: "x" }], reason: "x" };
  const other = { principal: { kind: "agent", name: "another" } as const, signal };
  expect(await codeOf(caller.call("doc_update", edit, other))).toBe("forbidden");
  expect(() => options.schema.parse({ rate: 12_001 })).toThrow();
  open.options.current = options.schema.parse({ requireToken: true });
  expect(await codeOf(caller.call("doc_read", {}, { ...plain, principal: { kind: "agent", name: "third" } }))).toBe(
    "unauthorized",
  );
  expect(await codeOf(caller.call("doc_read", {}, { principal: person, signal }))).toBe("bad_input");
});

test("a bucket fills again evenly, holds no more than a minute's worth and forgets nobody who is busy", () => {
  const limiter = new RateLimiter();
  const burst = Array.from({ length: 5 }, () => limiter.take("a", 4, 0));
  expect(burst).toEqual([0, 0, 0, 0, 15_000]);
  expect([limiter.take("b", 4, 0), limiter.take("a", 4, 14_999), limiter.take("a", 4, 15_000)]).toEqual([0, 1, 0]);
  const later = Array.from({ length: 5 }, () => limiter.take("a", 4, 10_000_000));
  expect(later.filter((wait) => wait === 0).length).toBe(4);
  for (let other = 0; other < 10_001; other++) limiter.take(`x${other}`, 4, 10_000_000);
  expect(limiter.take("x10000", 4, 10_000_000)).toBe(0);
});

scenario("access", "Clients change their names to call more often", async () => {
  await using open = await openAccess();
  open.options.current = options.schema.parse({ rate: 10 });
  const as = (name: string) =>
    codeOf((async () => open.access.gate.admit({ principal: { kind: "agent", name } }, null))());
  const codes = [];
  for (let index = 0; index < 60; index++) codes.push(await as(`client-${index}`));
  expect(codes.filter((code) => code === "no error").length).toBe(40);
  expect(new Set(codes.slice(40))).toEqual(new Set(["rate_limited"]));
  open.clock.move(6000);
  expect(await as("client-x")).toBe("no error");
});
