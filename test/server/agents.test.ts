import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { options } from "../../src/access/options.ts";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { connectControl } from "../../src/server/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { type Doors, openDoors, TOKEN } from "./fixtures/doors.ts";

let doors: Doors;
beforeAll(async () => {
  doors = await openDoors();
});
afterAll(() => doors[Symbol.asyncDispose]());

const person = { kind: "person", name: "Ada Example" } as const;
let count = 0;

async function register(tools: string[], rate = 100_000) {
  const name = `agent-${++count}`;
  const capability = { tools, read: ["**"], write: [], rate };
  const { token } = await doors.agents.add({ name, capability, lifetimeMs: null, by: person });
  return { name, token, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } };
}

function post(tool: string, body: object, headers: Record<string, string>): Promise<Response> {
  return fetch(`${doors.url}/api/tools/${tool}`, { method: "POST", headers, body: JSON.stringify(body) });
}

const codeOf = async (response: Response) =>
  ((await response.json()) as { error?: { code: string } }).error?.code ?? "no error";

async function thrown(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: unknown) => (error instanceof SpecloopError ? error.code : String(error)),
  );
}

async function mcpOver(headers: Record<string, string>): Promise<Client> {
  const client = new Client({ name: "anything", version: "1" });
  const url = new URL(`${doors.url}/mcp?toolset=full&client=somebody-else`);
  const { authorization = "" } = headers;
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: { authorization } } }));
  return client;
}

/** A raw MCP client on the socket: the lines that it received so far. */
async function rawMcp(token?: string): Promise<{ socket: Socket; lines: Record<string, never>[] }> {
  const socket = connect(doors.socketPath);
  const lines: Record<string, never>[] = [];
  let rest = "";
  socket.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) lines.push(JSON.parse(part) as Record<string, never>);
  });
  socket.on("error", () => {});
  await once(socket, "connect");
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } };
  const hello = { kind: "mcp", toolset: "full", ...(token !== undefined && { token }) };
  for (const line of [hello, { jsonrpc: "2.0", id: "i", method: "initialize", params }]) {
    socket.write(`${JSON.stringify(line)}\n`);
  }
  await expect.poll(() => lines.length).toBeGreaterThan(0);
  return { socket, lines };
}

test("an agent's token works at every door, under its own name, for what it was granted", async () => {
  const { name, token, headers } = await register(["note_author"]);
  const rest = (await (await post("note_author", {}, headers)).json()) as { text: string };
  expect(rest.text).toBe(`agent:${name}`);
  expect(await codeOf(await post("note_echo", { text: "a" }, headers))).toBe("forbidden");
  expect(await codeOf(await post("note_approve", {}, headers))).toBe("forbidden");
  expect(await codeOf(await post("note_author", {}, { ...headers, "specloop-principal": "agent:other" }))).toBe(
    "forbidden",
  );
  expect(await codeOf(await post("note_author", {}, { ...headers, "specloop-principal": "person:ada" }))).toBe(
    "forbidden",
  );
  for (const path of ["/events", "/ready", "/api/tools", "/nothing"]) {
    expect([path, (await fetch(`${doors.url}${path}`, { headers })).status]).toEqual([path, 403]);
  }
  const overHttp = await mcpOver(headers);
  expect((await overHttp.listTools()).tools.map((tool) => tool.name)).toEqual(["note_author"]);
  const said = await overHttp.callTool({ name: "note_author", arguments: {} });
  expect(said.structuredContent).toMatchObject({ kind: "agent", name });
  await overHttp.close();
  const { socket, lines } = await rawMcp(token);
  socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/list" })}\n`);
  await expect.poll(() => lines.find(({ id }) => id === 2)).toBeDefined();
  expect(JSON.stringify(lines.find(({ id }) => id === 2))).not.toContain("note_echo");
  socket.destroy();
});

scenario("access", "An agent with a token types commands", async () => {
  const { name, token } = await register(["note_author"]);
  await using control = await connectControl(doors.socketPath, person, { token });
  expect((await control.call("note_author", {})).text).toBe(`agent:${name}`);
  expect(await thrown(control.call("note_approve", {}))).toBe("forbidden");
  expect(await thrown(control.stop())).toBe("forbidden");
  expect(await thrown(control.status())).toBe("forbidden");
  await using wrong = await connectControl(doors.socketPath, person, { token: `slp_${"A".repeat(43)}` });
  expect(await thrown(wrong.call("note_author", {}))).toBe("unauthorized");
});

scenario("access", "An agent is revoked while it is connected", async () => {
  const { name, token, headers } = await register(["note_*"]);
  const { socket } = await rawMcp(token);
  await using control = await connectControl(doors.socketPath, person, { token });
  const waiting = thrown(control.call("note_wait", { ms: 60_000, label: "revoked" }));
  const hanging = post("note_wait", { ms: 60_000, label: "revoked too" }, headers).then(
    () => "answered",
    () => "closed",
  );
  const session = await mcpOver(headers);
  await expect.poll(() => doors.record.started).toContain("revoked too");
  const closed = once(socket, "close");
  await doors.agents.revoke(name, person);
  await closed;
  expect(await waiting).toBe("daemon_not_running");
  expect(await hanging).toBe("closed");
  await expect(session.callTool({ name: "note_author", arguments: {} })).rejects.toThrow();
  expect((await post("note_author", {}, headers)).status).toBe(401);
  await using again = await connectControl(doors.socketPath, person, { token });
  expect(await thrown(again.call("note_author", {}))).toBe("unauthorized");
  expect(doors.record.aborted).toEqual(expect.arrayContaining(["revoked", "revoked too"]));
  await doors.agents.start(new AbortController().signal);
  expect((await post("note_author", {}, headers)).status).toBe(401);
});

test("a single exchange of the 2026 protocol knows its agent by the token", async () => {
  const { name, headers } = await register(["note_author"]);
  const client = new Client({ name: "modern", version: "1" }, { versionNegotiation: { mode: "auto" } });
  const url = new URL(`${doors.url}/mcp?toolset=full`);
  const { authorization } = headers;
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: { authorization } } }));
  expect(client.getProtocolEra()).toBe("modern");
  expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual(["note_author"]);
  const said = await client.callTool({ name: "note_author", arguments: {} });
  expect(said.structuredContent).toMatchObject({ kind: "agent", name });
  await client.close();
});

test("a session belongs to the agent that began it", async () => {
  const [first, second] = [await register(["note_author"]), await register(["*"])];
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } };
  const send = (headers: Record<string, string>, body: object) =>
    fetch(`${doors.url}/mcp`, {
      method: "POST",
      headers: { ...headers, accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", ...body }),
    });
  const begun = await send(first.headers, { id: 1, method: "initialize", params });
  const id = begun.headers.get("mcp-session-id") ?? "";
  await begun.text();
  expect(id).not.toBe("");
  const list = { id: 2, method: "tools/list" };
  expect((await send({ ...first.headers, "mcp-session-id": id }, list)).status).toBe(200);
  for (const other of [second.headers, { ...first.headers, authorization: `Bearer ${TOKEN}` }]) {
    expect((await send({ ...other, "mcp-session-id": id }, list)).status).toBe(404);
  }
});

scenario("access", "A caller calls more often than it may", async () => {
  const { headers } = await register(["note_echo"], 120);
  const answers = await Promise.all(Array.from({ length: 125 }, () => post("note_echo", { text: "a" }, headers)));
  const limited = answers.filter(({ status }) => status === 429);
  expect(limited.length).toBeGreaterThan(0);
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(120);
  const [first] = limited;
  expect(Number(first?.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  expect(await first?.json()).toMatchObject({
    error: { code: "rate_limited", details: { retryAfterMs: expect.any(Number) } },
  });
  await expect.poll(async () => (await post("note_echo", { text: "a" }, headers)).status, { timeout: 5000 }).toBe(200);
  expect((await doors.refused()).map(({ detail }) => detail)).toContain('{"code":"rate_limited"}');
});

scenario("access", "A client has too many requests under way", async () => {
  const { socket, lines } = await rawMcp();
  const call = (id: number, ms: number) => {
    const params = { name: "note_wait", arguments: { ms, label: `flight ${id}` } };
    return `${JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params })}\n`;
  };
  socket.write(Array.from({ length: 1030 }, (_, id) => call(id, 1500)).join(""));
  const answered = (id: number) => lines.find((line) => line["id"] === (id as never));
  await expect.poll(() => lines.length, { timeout: 20_000 }).toBe(1031);
  const refused = lines.filter((line) => "error" in line);
  expect(refused.length).toBe(6);
  expect(answered(1029)).toMatchObject({ error: { code: -32029, data: { code: "too_many_clients" } } });
  socket.write(call(2000, 0));
  await expect.poll(() => answered(2000)).toMatchObject({ result: { structuredContent: { label: "flight 2000" } } });
  socket.destroy();
});

test("where tokens are asked for, nobody is served without one, and resources are no way around", async () => {
  const { headers } = await register(["note_author"]);
  doors.access.current = options.schema.parse({ requireToken: true });
  const daemon = { ...headers, authorization: `Bearer ${TOKEN}` };
  expect(await codeOf(await post("note_author", {}, daemon))).toBe("unauthorized");
  expect(await codeOf(await post("note_author", {}, headers))).toBe("no error");
  await using control = await connectControl(doors.socketPath, person);
  expect((await control.call("note_approve", {})).text).toBe("approved by Ada Example");
  doors.access.current = options.schema.parse({});
});
