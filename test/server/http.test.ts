import { request as httpRequest, type RequestOptions } from "node:http";
import { connect, createServer } from "node:net";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLogger } from "../../src/foundation/logger.ts";
import { HttpDoor } from "../../src/server/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { type Doors, openDoors, TOKEN, until } from "./fixtures/doors.ts";

let doors: Doors;
let port: number;
beforeAll(async () => {
  doors = await openDoors();
  port = doors.http.port;
});
afterAll(() => doors[Symbol.asyncDispose]());

const bearer = { authorization: `Bearer ${TOKEN}` };
const json = { ...bearer, "content-type": "application/json" };

interface Reply {
  status: number;
  headers: Record<string, unknown>;
  body: string;
  error: { code?: string; fix?: string; target?: string };
}

/** A request with every header as given: fetch would set Host itself. */
async function ask(path: string, options: RequestOptions = {}, body?: string): Promise<Reply> {
  const request = httpRequest({ host: "127.0.0.1", port, path, ...options });
  request.end(body);
  const [response] = (await once(request, "response")) as [
    NodeJS.ReadableStream & { statusCode: number; headers: object },
  ];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  const error = text.includes('"error"') ? (JSON.parse(text) as { error: Reply["error"] }).error : {};
  return { status: response.statusCode, headers: { ...response.headers }, body: text, error };
}

const post = (path: string, body: string, headers: Record<string, string> = json) =>
  ask(path, { method: "POST", headers }, body);

scenario("mcp-server", "A foreign web page is refused", async () => {
  const own = `127.0.0.1:${port}`;
  const foreign: Record<string, string>[] = [
    { host: `evil.example:${port}` },
    { host: `127.0.0.1.nip.io:${port}` },
    { host: `localhost.evil.example:${port}` },
    { host: "127.0.0.1" },
    { host: `127.0.0.1:${port + 1}` },
    { host: `0.0.0.0:${port}` },
    { host: own, origin: "https://evil.example" },
    { host: own, origin: `http://evil.example:${port}` },
    { host: own, origin: "null" },
    { host: own, origin: `http://127.0.0.1:${port + 1}` },
    { host: own, origin: "http://localhost" },
    { host: own, origin: `https://127.0.0.1:${port}` },
    { host: own, origin: "" },
  ];
  for (const headers of foreign) {
    for (const path of ["/mcp", "/api/tools/note_add", "/health", "/events"]) {
      const given = { headers: { ...json, ...headers } };
      const reply = await (path === "/health" ? ask(path, given) : ask(path, { method: "POST", ...given }, "{}"));
      expect([reply.status, reply.error.code], `${path} ${JSON.stringify(headers)}`).toEqual([403, "forbidden_host"]);
      expect(Object.keys(reply.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
  }
  expect(doors.record.added).toBe(0);
  for (const name of ["localhost", "127.0.0.1", "[::1]"]) {
    const headers = { ...json, host: `${name}:${port}`, origin: `http://${name}:${port}` };
    expect((await post("/api/tools/note_echo", '{"text":"own"}', headers)).status).toBe(200);
  }
});

test("a request for another server in its first line is refused", async () => {
  const reply = await ask(`http://evil.example/health`, { headers: { host: `127.0.0.1:${port}` } });
  expect([reply.status, reply.error.code]).toEqual([403, "forbidden_host"]);
});

scenario("mcp-server", "A request without the token is refused", async () => {
  const attempts = [
    {},
    { authorization: TOKEN },
    { authorization: `Basic ${TOKEN}` },
    { authorization: "Bearer" },
    { authorization: `Bearer ${TOKEN}x` },
    { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
    { cookie: `token=${TOKEN}` },
  ];
  for (const headers of attempts) {
    for (const path of ["/mcp", "/api/tools", "/events", "/ready", "/nothing", `/api/tools?token=${TOKEN}`]) {
      const reply = await ask(path, { headers });
      expect([reply.status, reply.error.code], `${path} ${JSON.stringify(headers)}`).toEqual([401, "unauthorized"]);
      expect(reply.headers["www-authenticate"]).toBe("Bearer");
    }
  }
  expect((await ask("/api/tools", { headers: { authorization: `bearer  ${TOKEN}` } })).status).toBe(200);
});

test("health says that it answers and nothing else; ready looks", async () => {
  expect(await ask("/health")).toMatchObject({ status: 200, body: '{"status":"ok"}\n' });
  expect(JSON.parse((await ask("/ready", { headers: bearer })).body)).toEqual({ status: "ok", checks: [] });
  await using sick = await openDoors({
    health: [
      { name: "git", summary: "git", run: async () => ({ status: "warning", message: "old" }) },
      { name: "store", summary: "store", run: () => Promise.reject(new Error("locked")) },
      { name: "model", summary: "model", run: () => new Promise(() => {}) },
    ],
  });
  const reply = await ask("/ready", { port: sick.http.port, headers: bearer });
  expect(reply.status).toBe(503);
  expect(JSON.parse(reply.body)).toMatchObject({
    status: "failing",
    checks: [
      { name: "git", status: "warning" },
      { name: "store", status: "failing", message: "locked" },
      { name: "model", status: "failing", message: "The check took longer than 3000 ms." },
    ],
  });
});

test("a body that is not JSON or too large is refused", async () => {
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/jsonx",
    "",
  ]) {
    for (const path of ["/mcp", "/api/tools/note_add"]) {
      const reply = await post(path, '{"text":"x"}', { ...bearer, "content-type": type });
      expect([reply.status, reply.error.code], `${path} ${type}`).toEqual([415, "unsupported_media_type"]);
    }
  }
  const large = "x".repeat(4 * 1024 * 1024 + 1);
  for (const path of ["/mcp", "/api/tools/note_add"]) {
    expect([(await post(path, large)).status, path]).toEqual([413, path]);
    const chunked = await ask(path, { method: "POST", headers: { ...json, "transfer-encoding": "chunked" } }, large);
    expect([chunked.status, chunked.error.code]).toEqual([413, "payload_too_large"]);
    expect((await post(path, '{"text":')).status).toBe(400);
  }
  expect(doors.record.added).toBe(0);
});

test("who is refused gets the answer also while still sending", async () => {
  const large = "x".repeat(20 * 1024 * 1024);
  for (const headers of [{ "content-type": "application/json" }, json, { ...json, "content-type": "text/plain" }]) {
    const reply = await fetch(`${doors.url}/api/tools/note_add`, { method: "POST", headers, body: large });
    expect([401, 413, 415]).toContain(reply.status);
    expect(await reply.json()).toHaveProperty("error.fix");
  }
});

test("tools are listed and called, with errors in their HTTP status", async () => {
  const listing = JSON.parse((await ask("/api/tools", { headers: bearer })).body) as { tools: { name: string }[] };
  expect(listing.tools.map(({ name }) => name)).toContain("note_history");
  expect((await post("/api/tools/note_update", '{"path":"a.md"}')).status).toBe(409);
  expect((await post("/api/tools/note_echo", '{"text":1}')).error).toMatchObject({ code: "bad_input", target: "text" });
  expect((await post("/api/tools/note_ecko", "{}")).error).toMatchObject({
    code: "unknown_tool",
    fix: "Did you mean note_echo?",
  });
  expect((await post("/api/tools/note_author", "")).body).toContain('"kind":"agent","name":"http"');
  expect((await ask("/api/tools/note_echo", { headers: bearer })).error).toMatchObject({
    code: "not_found",
    fix: "Use POST.",
  });
  expect((await ask("/api/none", { headers: bearer })).error).toMatchObject({ code: "not_found", target: "/api/none" });
  expect((await ask("//evil.example/x", { headers: bearer })).status).toBe(404);
});

test("the caller is an agent whatever it says, and never a person or the system", async () => {
  expect((await post("/api/tools/note_approve", "{}")).status).toBe(403);
  const as = (principal: string, tool = "note_approve") =>
    post(`/api/tools/${tool}`, "{}", { ...json, "specloop-principal": principal });
  for (const claimed of ["person:Ada%20Ex%C3%A4mple", "system:loop", "person: Ada"]) {
    const refused = await as(claimed);
    expect([refused.status, refused.error.code, refused.error.target]).toEqual([
      403,
      "forbidden",
      "Specloop-Principal",
    ]);
    expect((await as(claimed, "note_author")).status).toBe(403);
  }
  expect((await as("agent:nightly")).status).toBe(403);
  expect((await as("agent:n%C3%A4chtlich", "note_author")).body).toContain('"kind":"agent","name":"nächtlich"');
  for (const wrong of ["person:", "Ada", ":x"]) expect((await as(wrong)).error.code).toBe("bad_input");
  const key = await post("/api/tools/note_add", '{"text":"x"}', { ...json, "idempotency-key": "a b" });
  expect(key.error).toMatchObject({ code: "bad_input", target: "Idempotency-Key" });
});

test("a call is aborted when its client hangs up", async () => {
  const gone = new AbortController();
  const body = '{"ms":60000,"label":"left over HTTP"}';
  const call = fetch(`${doors.url}/api/tools/note_wait`, { method: "POST", headers: json, body, signal: gone.signal });
  await until(() => doors.record.started.includes("left over HTTP"));
  gone.abort();
  await expect(call).rejects.toThrow(/abort/);
  await until(() => doors.record.aborted.includes("left over HTTP"));
});

test("a client that sends slowly on purpose is cut off", async () => {
  await using strict = await openDoors({ headersMs: 1000 });
  const socket = connect(strict.http.port, "127.0.0.1");
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
  socket.write(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${strict.http.port}\r\n`);
  const drip = setInterval(() => socket.write("X-A: b\r\n"), 200);
  await once(socket, "close").finally(() => clearInterval(drip));
  expect(received).toMatch(/^HTTP\/1\.1 408 /);
});

test("a client that was busy for seconds is served, on a new connection and on one that it had left idle", async () => {
  const get = `GET /health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
  const asked = async (first: boolean) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
    await once(socket, "connect");
    if (first) {
      socket.write(get);
      await once(socket, "data");
      expect(received).toContain("Keep-Alive: timeout=5");
      received = "";
    }
    await sleep(first ? 7000 : 4500);
    socket.write(get);
    await once(socket, "data");
    socket.destroy();
    return received.split("\r\n")[0];
  };
  expect(await Promise.all([asked(true), asked(false)])).toEqual(["HTTP/1.1 200 OK", "HTTP/1.1 200 OK"]);
});

test("nothing listens beyond the loopback address", async () => {
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((address) => address && !address.internal && address.family === "IPv4");
  if (!outside) return;
  const socket = connect(port, outside.address);
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNREFUSED");
});

test("a taken port is passed over unless it was demanded", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const wanted = (taken.address() as { port: number }).port;
  const caller = { tools: [], call: () => Promise.reject(new Error("none")) };
  const logger = silentLogger;
  const common = {
    host: "127.0.0.1",
    port: wanted,
    token: TOKEN,
    caller,
    mcp: doors.mcp,
    health: [],
    events: doors.events,
    logger,
  };
  const { signal } = new AbortController();
  const demanding = new HttpDoor({ ...common, strictPort: true });
  await expect(demanding.start(signal)).rejects.toMatchObject({ code: "port_in_use", target: String(wanted) });
  const easy = new HttpDoor({ ...common, strictPort: false });
  await easy.start(signal);
  expect(easy.port).toBeGreaterThan(wanted);
  expect((await ask("/health", { port: easy.port })).status).toBe(200);
  await easy[Symbol.asyncDispose]();
  taken.close();
});

test("events arrive as they happen, and a slow reader is told what it missed", async () => {
  const response = await fetch(`${doors.url}/events`, { headers: bearer });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  doors.events.emit("question.expired", { questionId: "q-1" });
  expect((await reader.read()).value).toMatch(/^id: \d+\nevent: question\.expired\ndata: \{"questionId":"q-1"\}\n\n$/);
  const text = "x".repeat(100_000);
  for (let n = 0; n < 200; n++) doors.events.emit("question.left_pending", { questionId: `q-${n}`, text, ms: 1 });
  let received = "";
  while (!received.includes("event: missed")) received += (await reader.read()).value ?? "";
  const count = Number(/event: missed\ndata: \{"count":(\d+)\}/.exec(received)?.[1]);
  const arrived = received.match(/event: question\.left_pending/g)?.length ?? 0;
  expect(count).toBeGreaterThan(0);
  expect(arrived + count).toBe(200);
  doors.events.emit("question.expired", { questionId: "q-2" });
  while (!received.includes("q-2")) received += (await reader.read()).value ?? "";
  await reader.cancel();
});

test("what happens while the door closes is not written to a stream that was ended", async () => {
  await using own = await openDoors();
  const response = await fetch(`${own.url}/events`, { headers: bearer });
  const broken: unknown[] = [];
  const note = (error: unknown) => broken.push(error);
  process.on("uncaughtException", note);
  const closing = own.http[Symbol.asyncDispose]();
  own.events.emit("question.expired", { questionId: "q-1" });
  await closing;
  process.off("uncaughtException", note);
  expect(broken).toEqual([]);
  expect(await response.text()).toBe(": specloop\n\n");
});

test("2025 sessions are bounded: the one idle for longest ends, and ends with 404", async () => {
  await using own = await openDoors();
  const accept = { ...json, accept: "application/json, text/event-stream" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "many", version: "1" } };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params });
  const open = async () => {
    const response = await fetch(`${own.url}/mcp`, { method: "POST", headers: accept, body });
    await response.text();
    return response.headers.get("mcp-session-id") ?? "";
  };
  const sessions: string[] = [];
  for (let n = 0; n < 129; n++) sessions.push(await open());
  expect(new Set(sessions).size).toBe(129);
  expect(own.mcp.connections).toBe(128);
  const list = JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/list" });
  const status = async (id: string) => {
    const headers = { ...accept, "mcp-session-id": id, "mcp-protocol-version": "2025-11-25" };
    const response = await fetch(`${own.url}/mcp`, { method: "POST", headers, body: list });
    await response.text();
    return response.status;
  };
  expect(await status(sessions[0] ?? "")).toBe(404);
  expect(await status(sessions[1] ?? "")).toBe(200);
  expect(await status("guessed")).toBe(404);
});
