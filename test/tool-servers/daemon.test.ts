import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connectStdio, type McpConnection } from "../../src/adapters/mcp-client/index.ts";
import { cleanEnvironment, MAIN, type RunningDaemon, specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { HOSTILE, lives, publicServer } from "./world.ts";

interface Place extends AsyncDisposable {
  repository: TemporaryRepository;
  scratch: string;
  env: Record<string, string>;
  daemon(): Promise<RunningDaemon>;
  run(...args: string[]): Promise<Record<string, unknown>>;
  approve(name: string, ...options: string[]): Promise<void>;
  client(token?: string): Promise<McpConnection>;
}

async function openPlace(servers: Record<string, unknown>): Promise<Place> {
  const repository = await temporaryRepository({ "README.md": "# Example\n", ".gitignore": ".specloop/\n" });
  await repository.write("specloop.yaml", JSON.stringify({ servers }));
  const scratch = await mkdtemp(join(tmpdir(), "specloop-servers-"));
  const env = { XDG_CONFIG_HOME: join(scratch, "config"), HOME: scratch };
  const run = async (...args: string[]) => {
    const { stdout, stderr } = await specloop([...args, "--json", "--repo", repository.path], { env });
    try {
      return JSON.parse(stdout) as Record<string, unknown>;
    } catch {
      throw new Error(`${args.join(" ")}: ${stdout}${stderr}`);
    }
  };
  return {
    repository,
    scratch,
    env,
    run,
    daemon: () => startDaemon(repository.path, { env }),
    approve: async (name, ...options) => {
      const { launchHash } = await run("server", "show", name);
      const launch = ["server", "approve", name, "--launch-hash", String(launchHash)];
      const { toolsHash } = await run(...launch, ...options);
      await run(...launch, "--tools-hash", String(toolsHash), ...options);
    },
    client: (token) =>
      connectStdio({
        client: "a-client",
        command: process.execPath,
        args: [MAIN, "mcp", "--repo", repository.path],
        cwd: repository.path,
        env: { ...cleanEnvironment(env), ...(token !== undefined && { SPECLOOP_AGENT_TOKEN: token }) },
      }),
    [Symbol.asyncDispose]: async () => {
      await repository[Symbol.asyncDispose]();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

const everything = { command: process.execPath, args: [publicServer("everything")] };
const echo = { id: "everything.echo", input: { message: "hi" } };

scenario("tool-servers", "A client of the default toolset finds and calls tools", async () => {
  await using place = await openPlace({ everything });
  await using _daemon = await place.daemon();
  await using client = await place.client();
  expect(await client.listTools()).toEqual(expect.arrayContaining(["tool_find", "tool_call"]));
  expect(await client.listTools()).not.toContain("loop_status");
  const found = await client.callTool("tool_find", { query: "status of the improvement loop" });
  expect(found["tools"]).toContainEqual(expect.objectContaining({ id: "loop_status" }));
  expect(await client.callTool("tool_call", { id: "loop_status" })).toMatchObject({
    id: "loop_status",
    result: { open: [] },
  });
  await expect(client.callTool("tool_call", echo)).rejects.toThrow(/tool_unapproved/);
  await place.approve("everything", "--agents", "all");
  const echoes = await client.callTool("tool_find", { query: "echo a message" });
  expect((echoes["tools"] as object[])[0]).toMatchObject({
    id: "everything.echo",
    untrusted: true,
    inputSchema: { required: ["message"] },
  });
  expect(await client.callTool("tool_call", echo)).toMatchObject({
    id: "everything.echo",
    untrusted: true,
    text: "Echo: hi",
  });
});

scenario("tool-servers", "tool_call is no way around what is for people", async () => {
  await using place = await openPlace({ everything });
  await using _daemon = await place.daemon();
  await using client = await place.client();
  const { launchHash } = await place.run("server", "show", "everything");
  const yes = { name: "everything", launch: launchHash };
  for (const [id, input] of [
    ["server_approve", yes],
    ["agent_add", { name: "x", tools: ["*"] }],
    ["audit_list", {}],
  ] as const)
    await expect(client.callTool("tool_call", { id, input })).rejects.toThrow(/forbidden/);
  await expect(client.callTool("tool_call", { id: "tool_call", input: {} })).rejects.toThrow(/bad_input/);
  await expect(client.callTool("tool_call", { id: "doc_raed", input: {} })).rejects.toThrow(/unknown_tool.*doc_read/s);
  await expect(client.callTool("tool_call", { id: "doc_read", input: { path: ".git/config" } })).rejects.toThrow(
    /path_protected/,
  );
  const found = await client.callTool("tool_find", { query: "approve a downstream server", limit: 20 });
  expect(JSON.stringify(found)).not.toContain("server_approve");
  const { entries } = await place.run("audit", "list");
  expect(entries).toContainEqual(expect.objectContaining({ action: "access.refused", target: "server_approve" }));
});

scenario("tool-servers", "Who may call the tools of a server", async () => {
  await using place = await openPlace({ everything });
  await using _daemon = await place.daemon();
  await place.approve("everything");
  await using client = await place.client();
  // Approved, but not for everybody.
  await expect(client.callTool("tool_call", echo)).rejects.toThrow(/forbidden/);
  expect(JSON.stringify(await client.callTool("tool_find", { query: "echo a message" }))).not.toContain("everything.");
  const tokens = await Promise.all(
    [
      ["granted", "tool_call,tool_find,tool_call:everything.echo"],
      ["narrow", "tool_call,tool_find"],
    ].map(async ([name, tools]) => (await place.run("agent", "add", name!, "--tools", tools!))["token"] as string),
  );
  await using granted = await place.client(tokens[0]);
  await using narrow = await place.client(tokens[1]);
  expect(await granted.callTool("tool_call", echo)).toMatchObject({ text: "Echo: hi" });
  await expect(granted.callTool("tool_call", { id: "everything.get-env" })).rejects.toThrow(/forbidden/);
  await place.approve("everything", "--agents", "all");
  // What is open to all is not in the capability of an agent that has one.
  await expect(narrow.callTool("tool_call", echo)).rejects.toThrow(/forbidden/);
  expect(await client.callTool("tool_call", echo)).toMatchObject({ text: "Echo: hi" });
  const { entries } = await place.run("audit", "list", "--action", "server.tool_called");
  expect(entries).toContainEqual(expect.objectContaining({ actor: "agent:granted", target: "everything.echo" }));
});

scenario("tool-servers", "The daemon is killed", async () => {
  await using place = await openPlace({});
  const log = join(place.scratch, "log");
  await writeFile(log, "");
  const stubborn = { command: process.execPath, args: [HOSTILE, "stubborn", log] };
  await place.repository.write("specloop.yaml", JSON.stringify({ servers: { stubborn } }));
  await using daemon = await place.daemon();
  await place.approve("stubborn");
  const pids = [...(await readFile(log, "utf8")).matchAll(/(?:started|child) (\d+)/g)].map((match) => Number(match[1]));
  expect(await Promise.all(pids.map(lives))).toEqual([true, true]);
  await daemon.end("SIGKILL");
  await expect.poll(() => Promise.all(pids.map(lives)), { timeout: 10_000 }).toEqual([false, false]);
});

scenario("tool-servers", "A tool answers a question", async () => {
  const answers = [{ tool: "echo", argument: "message", capabilities: ["weather"] }];
  await using place = await openPlace({ everything: { ...everything, answers } });
  await using _daemon = await place.daemon();
  await place.approve("everything");
  const ask = (text: string, ...more: string[]) => place.run("ask", text, "--wait", "10", ...more);
  const { answer } = await ask("How is the weather on the moon?");
  expect(answer).toMatchObject({
    text: "Echo: How is the weather on the moon?",
    by: "tool:everything.echo",
    route: "tool",
    citations: [],
  });
  await place.run("server", "revoke", "everything");
  const other = await place.run("ask", "How is the weather on Mars?");
  expect(other).toMatchObject({ status: "pending" });
  const allowed = await place.run("ask", "May I change the weather?", "--kind", "authority");
  expect(allowed).toMatchObject({ status: "pending" });
});

scenario("tool-servers", "Servers of a client are taken over", async () => {
  await using place = await openPlace({});
  await place.repository.write(
    ".vscode/mcp.json",
    `{ // VS Code allows comments
      "servers": {
        "Files": { "type": "stdio", "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem@2026.8.31", "/tmp"], "env": { "API_KEY": "s3cret" } },
        "specloop": { "command": "npx", "args": ["-y", "specloop", "mcp"] },
      },
    }`,
  );
  await place.repository.write("specloop.yaml", "# mine\nserver:\n  port: 0 # any\n");
  const { found } = await place.run("server", "import");
  expect(found).toMatchObject([
    { name: "Files", problem: null },
    { name: "specloop", problem: "it is specloop itself" },
  ]);
  // What the repository brings along under the name of a file on its way leads nowhere.
  const profile = join(place.scratch, "profile");
  await writeFile(profile, "mine\n");
  await symlink(profile, join(place.repository.path, "specloop.yaml.new"));
  await place.run("server", "import", "Files");
  expect(await readFile(profile, "utf8")).toBe("mine\n");
  const yaml = await readFile(join(place.repository.path, "specloop.yaml"), "utf8");
  expect(yaml.startsWith("# mine\nserver:\n  port: 0 # any\n")).toBe(true);
  expect(yaml).toContain("${env:API_KEY}");
  expect(yaml).not.toContain("s3cret");
  expect(
    (await specloop(["server", "import", "specloop", "--repo", place.repository.path], { env: place.env })).code,
  ).toBe(64);
  await using _daemon = await place.daemon();
  expect(await place.run("server", "list")).toMatchObject({ servers: [{ name: "files", state: "unapproved" }] });
});

test("approving without a terminal needs the hashes of what was looked at", async () => {
  await using place = await openPlace({ everything });
  await using _daemon = await place.daemon();
  const { code, stderr } = await specloop(["server", "approve", "everything", "--repo", place.repository.path], {
    env: place.env,
  });
  expect(code).toBe(64);
  expect(stderr).toContain("--launch-hash");
  expect(await place.run("server", "list")).toMatchObject({ servers: [{ state: "unapproved" }] });
});
