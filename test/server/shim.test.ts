import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { openDoors, until } from "./fixtures/doors.ts";

const shimFile = resolve(import.meta.dirname, "fixtures/shim-process.ts");
const daemonMain = resolve(import.meta.dirname, "fixtures/daemon-main.ts");

let repository: TemporaryRepository;
const shims: Shim[] = [];
beforeEach(async () => {
  repository = await temporaryRepository({ "README.md": "# Example\n" });
});
afterEach(async () => {
  for (const shim of shims.splice(0)) shim.process.kill("SIGKILL");
  for (const pid of await daemons()) process.kill(pid, "SIGKILL");
  await repository[Symbol.asyncDispose]();
});

/** Daemons that shims of this test started and that are still there. */
async function daemons(): Promise<number[]> {
  const file = join(repository.path, ".specloop", "pids");
  const pids = existsSync(file) ? (await readFile(file, "utf8")).trim().split("\n").map(Number) : [];
  return pids.filter((pid) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  });
}

async function theDaemon(): Promise<number> {
  const [pid] = await daemons();
  return pid ?? Promise.reject(new Error("no daemon was started"));
}

interface Shim {
  process: ChildProcess;
  stdout: string;
  stderr: string;
  send(message: object): void;
  /** The answer to the request with this id. */
  answer(id: number): Promise<Record<string, never>>;
  exit: Promise<number | null>;
}

interface Where {
  args?: string[];
  cwd?: string;
  env?: Record<string, string>;
}

function start({ args = [], cwd = repository.path, env = {} }: Where = {}): Shim {
  const base = { PATH: process.env["PATH"] ?? "", HOME: tmpdir(), TEST_DAEMON_MAIN: daemonMain };
  const child = spawn(process.execPath, [shimFile, ...args], { cwd, env: { ...base, ...env }, stdio: "pipe" });
  const messages = () =>
    shim.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, never>);
  const shim: Shim = {
    process: child,
    stdout: "",
    stderr: "",
    send: (message) => child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`),
    answer: async (id) => {
      const found = () => messages().find((message) => message["id"] === id);
      await until(() => found() !== undefined || child.exitCode !== null);
      return found() ?? Promise.reject(new Error(`no answer; stderr: ${shim.stderr}`));
    },
    exit: once(child, "exit").then(([code]) => code as number | null),
  };
  child.stdout.on("data", (chunk: Buffer) => (shim.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (shim.stderr += chunk.toString()));
  child.stdin.on("error", () => {});
  shims.push(shim);
  return shim;
}

const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } };
const initialize = { id: 1, method: "initialize", params };
const callTool = (id: number, name: string, input = {}) => ({
  id,
  method: "tools/call",
  params: { name, arguments: input },
});

scenario("mcp-server", "The first client starts the daemon", async () => {
  const first = start();
  first.send(initialize);
  expect(await first.answer(1)).toMatchObject({ result: { serverInfo: { name: "specloop" } } });
  const second = start({ env: { CLAUDE_CODE_SESSION_ID: "session-7" } });
  second.send(initialize);
  second.send(callTool(2, "note_author"));
  expect(await second.answer(2)).toMatchObject({
    result: { structuredContent: { kind: "agent", name: "raw", session: "session-7" } },
  });
  await expect.poll(daemons).toHaveLength(1);
  first.process.stdin?.end();
  expect(await first.exit).toBe(0);
  second.send(callTool(3, "note_echo", { text: "the daemon lives on" }));
  expect(await second.answer(3)).toMatchObject({ result: { structuredContent: { text: "the daemon lives on" } } });
});

test("clients that start at once share one daemon", async () => {
  const racing = Array.from({ length: 4 }, () => start());
  for (const shim of racing) shim.send(initialize);
  for (const shim of racing) expect(await shim.answer(1)).toHaveProperty("result");
  const connected = racing.map((shim) => shim.process.exitCode);
  expect(connected).toEqual([null, null, null, null]);
  await expect.poll(daemons).toHaveLength(1);
});

scenario("mcp-server", "The shim writes nothing but JSON-RPC to stdout", async () => {
  const shim = start({ args: ["--toolset", "full", "--client", "my-editor"] });
  shim.send(initialize);
  await shim.answer(1);
  shim.process.stdin?.write("this is noise\n");
  shim.send(callTool(2, "note_author"));
  shim.send(callTool(3, "note_history"));
  expect(await shim.answer(2)).toMatchObject({ result: { structuredContent: { name: "my-editor" } } });
  expect(await shim.answer(3)).toMatchObject({ result: { structuredContent: { entries: [] } } });
  const pid = await theDaemon();
  process.kill(pid, "SIGKILL");
  await shim.exit;
  const lines = shim.stdout.split("\n").filter(Boolean);
  for (const line of lines) expect(JSON.parse(line)).toHaveProperty("jsonrpc", "2.0");
  expect(lines).toHaveLength(4);
  // The daemon of these tests gives another version than this package has.
  expect(shim.stderr).toMatch(/the daemon is version 0\.0\.1/);
});

scenario("mcp-server", "The shim ends with 1 when the daemon dies", async () => {
  const shim = start();
  shim.send(initialize);
  await shim.answer(1);
  const pid = await theDaemon();
  process.kill(pid, "SIGKILL");
  expect(await shim.exit).toBe(1);
  expect(shim.stderr).toContain("the daemon went away");
  // What the dead daemon left behind does not stop the next one.
  const next = start();
  next.send(initialize);
  expect(await next.answer(1)).toHaveProperty("result");
});

test("what was piped in is answered although stdin ends at once", async () => {
  const shim = start();
  shim.send(initialize);
  shim.send(callTool(2, "note_echo", { text: "piped" }));
  shim.process.stdin?.end();
  expect(await shim.exit).toBe(0);
  expect(await shim.answer(2)).toMatchObject({ result: { structuredContent: { text: "piped" } } });
});

test("large messages pass both ways", async () => {
  const shim = start();
  shim.send(initialize);
  await shim.answer(1);
  const text = "ü".repeat(400_000);
  shim.send(callTool(2, "note_echo", { text, times: 4 }));
  expect(await shim.answer(2)).toMatchObject({ result: { structuredContent: { text: text.repeat(4) } } });
});

test("from a linked worktree and a folder inside, the main worktree's daemon is reached", async () => {
  const worktree = join(repository.path, "..", `${repository.path.split("/").at(-1)}-worktree`);
  await repository.git("worktree", "add", "--quiet", worktree);
  await mkdir(join(worktree, "deep", "er"), { recursive: true });
  const inMain = start();
  inMain.send(initialize);
  await inMain.answer(1);
  for (const where of [
    { cwd: join(worktree, "deep", "er") },
    { args: ["--repo", worktree], cwd: tmpdir() },
    { env: { CLAUDE_PROJECT_DIR: worktree }, cwd: tmpdir() },
  ]) {
    const shim = start(where);
    shim.send(initialize);
    expect(await shim.answer(1)).toHaveProperty("result");
  }
  await expect.poll(daemons).toHaveLength(1);
  await rm(worktree, { recursive: true, force: true });
});

test("the socket may be chosen by the environment", async () => {
  await using doors = await openDoors();
  const shim = start({ env: { WORKFLOW_ORCHESTRATOR_SOCKET: doors.socketPath } });
  shim.send(initialize);
  expect(await shim.answer(1)).toMatchObject({ result: { serverInfo: { version: "1.2.3" } } });
  expect(await daemons()).toHaveLength(0);
});

test("what prevents the shim is one sentence and an exit code", async () => {
  const nowhere = await realpath(await mkdtemp(join(tmpdir(), "specloop-nowhere-")));
  const brokenMain = join(nowhere, "main.ts");
  await writeFile(brokenMain, 'process.stderr.write("the disk is full\\n"); process.exitCode = 74;\n');
  const cases: [Where, number, RegExp, number?][] = [
    [{ args: ["--repo", nowhere] }, 66, /is not inside a git repository\. Run `git init` there/],
    [{ args: ["--repo", join(nowhere, "missing")], cwd: nowhere }, 66, /not inside a git repository/],
    [{ args: ["--toolset", "every"] }, 64, /--toolset is default or full/],
    [{ args: ["--nonsense"] }, 64, /Unknown option '--nonsense'.*specloop mcp --help/],
    [
      { env: { TEST_DAEMON_MAIN: brokenMain } },
      70,
      /did not start\. It ended with code 74\. It said: the disk is full/,
    ],
    [{ args: ["--help"] }, 0, /--toolset <name>/, 5],
  ];
  for (const [where, code, sentence, lines = 1] of cases) {
    const shim = start(where);
    expect(await shim.exit).toBe(code);
    expect(shim.stderr).toMatch(sentence);
    expect(shim.stdout).toBe("");
    expect(shim.stderr.trim().split("\n")).toHaveLength(lines);
  }
  await rm(nowhere, { recursive: true, force: true });
});

test("imports nothing but Node's own modules and foundation files that do the same", async () => {
  const src = resolve(import.meta.dirname, "../../src");
  const seen = new Set<string>();
  const visit = async (file: string): Promise<void> => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = await readFile(file, "utf8");
    for (const [, name] of text.matchAll(/^import (?!type\b).*? from "([^"]+)";$/gms)) {
      if (name?.startsWith("node:")) continue;
      expect(name, file).toMatch(/^\.\.?\//);
      await visit(resolve(file, "..", name ?? ""));
    }
  };
  await visit(join(src, "cli/shim.ts"));
  const files = [...seen].map((file) => file.slice(src.length + 1));
  expect(files.filter((file) => !file.startsWith("foundation/error-rows/")).toSorted()).toEqual([
    "cli/daemon-environment.ts",
    "cli/shim.ts",
    "foundation/errors.ts",
    "foundation/paths.ts",
    "foundation/rendezvous.ts",
  ]);
});
