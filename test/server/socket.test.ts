import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, lstat, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { connectControl, SocketDoor } from "../../src/server/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { type Doors, openDoors, TOKEN, until } from "./fixtures/doors.ts";

let doors: Doors;
beforeAll(async () => {
  doors = await openDoors({
    health: [{ name: "store", summary: "The store", run: async () => ({ status: "ok", message: "fine" }) }],
  });
});
afterAll(() => doors[Symbol.asyncDispose]());

const person = { kind: "person", name: "Ada Example" } as const;
const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
};

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: unknown) => (error instanceof SpecloopError ? error.code : String(error)),
  );
}

/** Everything that the daemon sends until it closes the connection, or until so many lines are there. */
async function conversation(send: (socket: Socket) => void, enough = Number.POSITIVE_INFINITY): Promise<string> {
  const socket = connect({ path: doors.socketPath, allowHalfOpen: true });
  await once(socket, "connect");
  let received = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString();
    if (received.split("\n").length > enough) resolve();
  });
  // A daemon that hangs up while a flood still comes resets the connection.
  socket.on("error", () => {});
  socket.once("end", resolve).once("close", resolve);
  send(socket);
  await promise;
  socket.destroy();
  return received;
}

const lines = (text: string) =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, never>);

test("the socket is for its owner alone", async () => {
  expect((await lstat(doors.socketPath)).mode & 0o777).toBe(0o600);
});

scenario("mcp-server", "The same answer through every door", async () => {
  await using control = await connectControl(doors.socketPath, person);
  const overSocket = await control.call("note_echo", { text: "a", times: 3 });
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const request = { method: "POST", headers, body: '{"text":"a","times":3}' };
  const overHttp = await (await fetch(`${doors.url}/api/tools/note_echo`, request)).json();
  expect(overSocket).toEqual({ output: { text: "aaa", times: 3 }, text: "aaa" });
  expect(overHttp).toEqual(overSocket);
  const call = {
    jsonrpc: "2.0",
    id: 2,
    method: "tools/call",
    params: { name: "note_echo", arguments: { text: "a", times: 3 } },
  };
  const answers = lines(
    await conversation((socket) => {
      socket.end(`${JSON.stringify({ kind: "mcp" })}\n${JSON.stringify(initialize)}\n${JSON.stringify(call)}\n`);
    }),
  );
  const overMcp = answers.find(({ id }) => id === 2)?.["result"];
  expect(overMcp).toMatchObject({ structuredContent: overSocket.output, content: [{ type: "text", text: "aaa" }] });
});

test("a control client calls, lists, asks for status and health, and gets errors whole", async () => {
  await using control = await connectControl(doors.socketPath, person);
  expect(await control.status()).toMatchObject({ pid: process.pid });
  expect((await control.tools()).map(({ name }) => name)).toContain("note_approve");
  expect(await control.health()).toEqual([{ name: "store", summary: "The store", status: "ok", message: "fine" }]);
  expect((await control.call("note_approve", {})).text).toBe("approved by Ada Example");
  const error = await control.call("note_update", { path: "a.md" }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SpecloopError);
  expect(error).toMatchObject({
    code: "stale_revision",
    target: "a.md",
    http: 409,
    exit: 65,
    details: { content: "the text now" },
  });
  expect(await codeOf(control.call("nothing", {}))).toBe("unknown_tool");
});

test("a hundred calls at once", async () => {
  await using control = await connectControl(doors.socketPath, { kind: "agent", name: "burst" });
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) => control.call("note_echo", { text: `call ${n}` })),
  );
  expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: 100 }, (_, n) => `call ${n}`));
});

scenario("mcp-server", "Calls end with their caller", async () => {
  const control = await connectControl(doors.socketPath, { kind: "agent", name: "leaver" });
  const waiting = codeOf(control.call("note_wait", { ms: 60_000, label: "left over the socket" }));
  await control.status();
  await control.close();
  expect(await waiting).toBe("daemon_not_running");
  await until(() => doors.record.aborted.includes("left over the socket"));
  expect(await codeOf(control.call("note_echo", { text: "a" }))).toBe("daemon_not_running");
});

test("only a person stops the daemon, and hears that it will", async () => {
  await using agent = await connectControl(doors.socketPath, { kind: "agent", name: "x" });
  expect(await codeOf(agent.stop())).toBe("forbidden");
  expect(doors.stopRequests).toBe(0);
  await using control = await connectControl(doors.socketPath, person);
  await control.stop();
  expect(doors.stopRequests).toBe(1);
});

scenario("mcp-server", "A malformed hello is refused", async () => {
  const refusals = [
    "not json\n",
    "{}\n",
    '{"kind":"admin"}\n',
    '{"kind":"mcp","toolset":"every"}\n',
    '{"kind":"control"}\n',
    '{"kind":"control","principal":{"kind":"system","name":"loop"}}\n',
    `{"kind":"mcp","client":"${"x".repeat(5000)}"}\n`,
    "x".repeat(5000),
    `${JSON.stringify(initialize)}\n`,
  ];
  for (const hello of refusals) {
    const [refusal, ...rest] = lines(await conversation((socket) => socket.write(hello)));
    expect(rest).toEqual([]);
    expect(refusal).toMatchObject({ jsonrpc: "2.0", id: null, error: { code: -32600 } });
    expect(refusal?.["error"]).toHaveProperty("data.fix");
  }
  await using control = await connectControl(doors.socketPath, person);
  expect((await control.call("note_echo", { text: "still here" })).text).toBe("still here");
});

test("a client that says nothing is sent away", async () => {
  const [refusal] = lines(await conversation(() => {}));
  expect(refusal?.["error"]).toHaveProperty("message", "The hello must come within 5000 ms.");
});

test("a hello in pieces, with the first request behind it, is understood", async () => {
  const answer = await conversation((socket) => {
    const text = `${JSON.stringify({ kind: "mcp", future: true })}\r\n${JSON.stringify(initialize)}\n`;
    for (const part of [text.slice(0, 5), text.slice(5, 40), text.slice(40)]) socket.write(part);
    socket.end();
  });
  expect(lines(answer)[0]).toMatchObject({ id: 1, result: { serverInfo: { name: "specloop", version: "1.2.3" } } });
});

test("a client that closes its side still gets its answers", async () => {
  const call = {
    jsonrpc: "2.0",
    id: 7,
    method: "tools/call",
    params: { name: "note_wait", arguments: { ms: 100, label: "late" } },
  };
  const answer = await conversation((socket) => {
    socket.end(`{"kind":"mcp"}\n${JSON.stringify(initialize)}\n${JSON.stringify(call)}\n`);
  });
  expect(lines(answer).find(({ id }) => id === 7)).toMatchObject({ result: { structuredContent: { label: "late" } } });
});

test("what is not JSON-RPC is answered as such and the connection goes on", async () => {
  const answer = await conversation((socket) => {
    socket.end(`{"kind":"mcp"}\nnoise\n[1,2]\n\n${JSON.stringify(initialize)}\n`);
  });
  const codes = lines(answer).map((line) => (line["error"] as { code?: number } | undefined)?.code ?? "result");
  expect(codes.map(String).toSorted()).toEqual(["-32600", "-32700", "result"]);
});

test("a message without an end is refused at 10 MB, in MCP and in control", async () => {
  const block = Buffer.alloc(1024 * 1024, "x");
  const flood = (hello: object) =>
    conversation((socket) => {
      socket.write(`${JSON.stringify(hello)}\n`);
      for (let sent = 0; sent < 11; sent++) socket.write(block);
    });
  expect(lines(await flood({ kind: "mcp" }))[0]).toMatchObject({ id: null, error: { code: -32600 } });
  expect(lines(await flood({ kind: "control", principal: person }))[0]).toMatchObject({
    error: { code: "payload_too_large" },
  });
});

test("a hundred large answers to a client that reads slowly arrive, without a flood of listeners", async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error) => warnings.push(warning.name);
  process.on("warning", onWarning);
  const socket = connect(doors.socketPath);
  await once(socket, "connect");
  socket.write(`{"kind":"mcp"}\n${JSON.stringify(initialize)}\n`);
  const text = "x".repeat(100_000);
  for (let id = 100; id < 200; id++) {
    const params = { name: "note_echo", arguments: { text } };
    socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params })}\n`);
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
  await until(() => received.split("\n").length > 101);
  const ids = lines(received).map(({ id }) => Number(id));
  expect(new Set(ids)).toEqual(new Set([1, ...Array.from({ length: 100 }, (_, n) => n + 100)]));
  expect(warnings).toEqual([]);
  process.off("warning", onWarning);
  socket.destroy();
});

test("requests that make no sense are answered one by one", async () => {
  const answer = await conversation((socket) => {
    const hello = JSON.stringify({ kind: "control", principal: person });
    socket.write(`${hello}\nnope\n{"id":1,"method":"rm"}\n{"id":2,"method":"call"}\n{"id":3,"method":"status"}\n`);
  }, 4);
  const [noJson, noMethod, noName, status] = lines(answer).toSorted(
    (a, b) => Number(a["id"] ?? -1) - Number(b["id"] ?? -1),
  );
  expect(noJson).toMatchObject({ id: null, error: { code: "bad_input" } });
  expect(noMethod).toMatchObject({ id: null, error: { code: "bad_input" } });
  expect(noName).toMatchObject({ id: 2, error: { code: "bad_input", exit: 64, http: 400 } });
  expect(status).toMatchObject({ id: 3, result: { pid: process.pid } });
});

test("nobody listens: daemon_not_running", async () => {
  expect(await codeOf(connectControl(join(doors.directory, "none.sock"), person))).toBe("daemon_not_running");
});

test("a socket file that a dead daemon left is taken over", async () => {
  const directory = await mkdtemp(join(tmpdir(), "specloop-stale-"));
  await using _cleanup = { [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
  const path = join(directory, "daemon.sock");
  const options = { path, caller: { tools: [], call: () => Promise.reject(new Error("none")) }, mcp: doors.mcp };
  const open = () => new SocketDoor({ ...options, status: () => ({}), onStop: () => {}, logger: silentLogger });
  const { signal } = new AbortController();

  // A process that was killed leaves its file: nothing unlinks it, and nobody listens.
  const listen = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", listen]);
  expect((await lstat(path)).isSocket()).toBe(true);
  const first = open();
  await first.start(signal);
  expect(await codeOf(open().start(signal))).toBe("daemon_running");
  await first[Symbol.asyncDispose]();

  await writeFile(path, "somebody's notes");
  expect(await codeOf(open().start(signal))).toBe("daemon_start_failed");
  expect((await lstat(path)).isFile()).toBe(true);
});

test("a socket in a folder for all is still for its owner alone", async () => {
  const directory = await mkdtemp(join(tmpdir(), "specloop-open-"));
  await chmod(directory, 0o755);
  await using own = await openDoors({ directory });
  expect((await lstat(own.socketPath)).mode & 0o777).toBe(0o600);
  expect((await lstat(directory)).mode & 0o777).toBe(0o755);
  await rm(directory, { recursive: true, force: true });
});

scenario("mcp-server", "Stopping finishes what is under way", async () => {
  const own = await openDoors();
  const control = await connectControl(own.socketPath, person);
  const overSocket = control.call("note_wait", { ms: 400, label: "socket" });
  await control.status();
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const overHttp = fetch(`${own.url}/api/tools/note_wait`, {
    method: "POST",
    headers,
    body: '{"ms":400,"label":"http"}',
  });
  const events = await fetch(`${own.url}/events`, { headers });
  await until(() => own.record.started.length === 2);
  const stopping = own[Symbol.asyncDispose]();
  expect((await overSocket).text).toBe("waited: socket");
  expect(await (await overHttp).json()).toMatchObject({ text: "waited: http" });
  expect(await events.text()).toContain(": specloop");
  await stopping;
  expect(await codeOf(connectControl(own.socketPath, person))).toBe("daemon_not_running");
  await expect(fetch(`${own.url}/health`)).rejects.toThrow(/fetch failed/);
});

test("a daemon that talks nonsense is an error, not a hang", async () => {
  const directory = await mkdtemp(join(tmpdir(), "specloop-nonsense-"));
  const path = join(directory, "x.sock");
  const server = createServer((socket) => socket.end("hello?\n")).listen(path);
  await once(server, "listening");
  const control = await connectControl(path, person);
  expect(await codeOf(control.status())).toMatch(/internal|daemon_not_running/);
  await control.close();
  server.close();
  await rm(directory, { recursive: true, force: true });
});
