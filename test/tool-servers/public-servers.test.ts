import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createSocketServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scenario } from "../helpers/scenario.ts";
import { codeOf, HOSTILE, openWorld, publicServer } from "./world.ts";

const node = process.execPath;

scenario("tool-servers", "Public servers over stdio", async () => {
  await using world = await openWorld({});
  const folder = join(world.scratch, "files");
  await mkdir(folder);
  world.configure({
    fs: { command: node, args: [publicServer("filesystem"), folder] },
    memory: {
      command: node,
      args: [publicServer("memory")],
      env: { MEMORY_FILE_PATH: join(world.scratch, "memory.jsonl") },
    },
    everything: { command: node, args: [publicServer("everything")] },
  });
  for (const name of ["fs", "memory", "everything"]) await world.approve(name);
  const path = join(folder, "note.txt");
  await world.call("fs.write_file", { path, content: "kept" });
  expect((await world.call("fs.read_text_file", { path })).text).toBe("kept");
  await expect(world.call("fs.read_text_file", { path: "/etc/passwd" })).rejects.toMatchObject({ code: "tool_failed" });
  const entities = [{ name: "specloop", entityType: "project", observations: ["reads OpenSpec"] }];
  await world.call("memory.create_entities", { entities });
  expect((await world.call("memory.read_graph")).structured).toMatchObject({ entities });
  expect((await world.call("everything.echo", { message: "hi" })).text).toBe("Echo: hi");
  expect((await world.call("everything.get-tiny-image")).text).toContain("[image image/png left out]");
  expect(await codeOf(world.call("everything.echo", { message: 7 }))).toBe("bad_input");
  expect(
    await codeOf(
      world.call("everything.trigger-long-running-operation", { duration: 30, steps: 3 }, { timeoutMs: 300 }),
    ),
  ).toBe("tool_timeout");
  expect(world.room.tools().length).toBeGreaterThan(30);
});

scenario("tool-servers", "A public server over HTTP", async () => {
  const port = await freePort();
  const child = spawn(node, [publicServer("everything"), "streamableHttp"], {
    env: { ...process.env, PORT: String(port) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    await said(child, /listening/i);
    await using world = await openWorld({ web: { url: `http://127.0.0.1:${port}/mcp` } });
    await world.approve("web");
    expect(world.room.server("web").launch().launch).toMatchObject({ network: "loopback" });
    expect((await world.call("web.echo", { message: "hi" })).text).toBe("Echo: hi");
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await codeOf(world.call("web.echo", { message: "hi" }))).toMatch(/tool_(unavailable|timeout)/);
  } finally {
    child.kill("SIGKILL");
  }
});

scenario("tool-servers", "A server over HTTP leads elsewhere", async () => {
  const seen: string[] = [];
  await using elsewhere = await listening((request, response) => {
    seen.push(request.url ?? "");
    response.end("{}");
  });
  await using server = await listening((request, response) => {
    response.writeHead(307, { location: `http://127.0.0.1:${elsewhere.port}${request.url}` }).end();
  });
  await using world = await openWorld(
    {
      web: {
        url: `http://127.0.0.1:${server.port}/mcp`,
        headers: { Authorization: "Bearer ${env:TOKEN}" },
        startTimeoutMs: 2000,
      },
    },
    { TOKEN: "s3cret" },
  );
  await expect(world.approve("web")).rejects.toThrow(/redirects to|not followed/);
  expect(seen).toEqual([]);
});

scenario("tool-servers", "A name that was public leads into the private network", async () => {
  await using server = await listening((_request, response) => response.end("{}"));
  // `localhost` counts as loopback; to stand for a public name it is named with its network.
  const url = `http://localhost:${server.port}/mcp`;
  await using world = await openWorld({ web: { url, network: "public", startTimeoutMs: 2000 } });
  await expect(world.approve("web")).rejects.toThrow(/not in the public network/);
});

scenario("tool-servers", "MCP_ORCHESTRATOR_SOCKET names a server", async () => {
  await using world = await openWorld({});
  const path = join(world.scratch, "o.sock");
  const server = createSocketServer((socket) => {
    const child = spawn(node, [HOSTILE], { stdio: ["pipe", "pipe", "ignore"] });
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
    socket.on("error", () => child.kill());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const { loadConfig } = await import("../../src/config.ts");
  const { servers } = loadConfig({
    repository: world.repository.path,
    env: { MCP_ORCHESTRATOR_SOCKET: path },
    flags: {},
  });
  world.configure(servers);
  expect(await codeOf(world.call("orchestrator.echo"))).toBe("tool_unapproved");
  await world.approve("orchestrator");
  expect((await world.call("orchestrator.echo", { text: "hi" })).text).toBe("echo: hi");
  await world.room[Symbol.asyncDispose]();
  server.close();
});

test("a body without end over HTTP is cut", async () => {
  await using server = await listening((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  });
  await using world = await openWorld({ web: { url: `http://127.0.0.1:${server.port}/mcp`, startTimeoutMs: 5000 } });
  expect(await codeOf(world.approve("web"))).toMatch(/tool_/);
});

async function freePort(): Promise<number> {
  await using server = await listening(() => {});
  return server.port;
}

async function listening(
  handle: Parameters<typeof createServer>[1] & object,
): Promise<{ port: number } & AsyncDisposable> {
  const server: Server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function said(child: ChildProcess, pattern: RegExp): Promise<void> {
  let text = "";
  while (!pattern.test(text)) text += String((await once(child.stderr!, "data"))[0]);
}
