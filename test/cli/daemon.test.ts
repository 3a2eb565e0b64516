import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

const daemonLog = (repository: string) => readFile(join(repository, ".specloop/logs/daemon.log"), "utf8");

const CHANGE = {
  "openspec/config.yaml": "schema: spec-driven\n",
  "openspec/specs/.gitkeep": "",
  "openspec/changes/add-thing/proposal.md":
    "# Add a thing\n\n## Why\nBecause it is missing.\n\n## What Changes\n- A thing\n",
  "openspec/changes/add-thing/tasks.md": "## 1. Do\n- [x] 1.1 First\n- [ ] 1.2 Second\n",
};

scenario("daemon", "Starting says what is watched", async () => {
  await using repository = await temporaryRepository(CHANGE);
  await using daemon = await startDaemon(repository.path);
  const health = await fetch(`${daemon.status.url}/health`);
  expect(await health.json()).toEqual({ status: "ok" });
  const { stdout, code } = await specloop(["status", "--repo", repository.path]);
  expect(code).toBe(0);
  expect(stdout).toContain("openspec");
  expect(stdout).toMatch(/changes +1 \(1 \w+\)/);
  expect(stdout).toContain('"mcpServers"');
  expect(stdout).toContain(`${daemon.status.url}/health`);
});

scenario("daemon", "A second daemon is refused", async () => {
  await using repository = await temporaryRepository(CHANGE);
  await using daemon = await startDaemon(repository.path);
  const second = await specloop(["up", "--repo", repository.path]);
  expect(second.code).toBe(3);
  expect(second.stderr).toContain(String(daemon.status.pid));
});

test("a linked worktree shares the daemon", async () => {
  await using repository = await temporaryRepository(CHANGE);
  const linked = `${repository.path}-linked`;
  await repository.git("worktree", "add", "--quiet", linked);
  try {
    await using _daemon = await startDaemon(repository.path);
    expect((await specloop(["up", "--repo", linked])).code).toBe(3);
    expect((await specloop(["status", "--repo", linked])).code).toBe(0);
  } finally {
    await rm(linked, { recursive: true, force: true });
  }
});

scenario("daemon", "A killed daemon leaves nothing in the way", async () => {
  await using repository = await temporaryRepository(CHANGE);
  const first = await startDaemon(repository.path);
  const asked = await specloop(["ask", "Which colour has the bicycle shed?", "--repo", repository.path, "--json"]);
  const { questionId } = JSON.parse(asked.stdout) as { questionId: string };
  await first.end("SIGKILL");
  expect((await specloop(["status", "--repo", repository.path])).code).toBe(69);
  await using _second = await startDaemon(repository.path);
  const found = await specloop(["questions", questionId, "--repo", repository.path, "--json"]);
  expect(JSON.parse(found.stdout)).toMatchObject({ status: "pending" });
});

scenario("daemon", "Interrupting drains and exits 0", async () => {
  await using repository = await temporaryRepository(CHANGE);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    await using daemon = await startDaemon(repository.path);
    expect(existsSync(join(repository.path, ".specloop/daemon.json"))).toBe(true);
    expect(await daemon.end(signal), daemon.output().stderr).toBe(0);
    expect(existsSync(join(repository.path, ".specloop/daemon.json"))).toBe(false);
    expect(existsSync(daemon.status.socket)).toBe(false);
  }
});

scenario("daemon", "Stopping from another terminal", async () => {
  await using repository = await temporaryRepository(CHANGE);
  await using daemon = await startDaemon(repository.path);
  const exited = once(daemon.process, "exit");
  expect((await specloop(["stop", "--repo", repository.path])).code).toBe(0);
  expect((await exited)[0]).toBe(0);
  const status = await specloop(["status", "--repo", repository.path]);
  expect(status.code).toBe(69);
  expect(status.stderr).toContain("specloop up");
});

scenario("daemon", "Running in the background", async () => {
  await using repository = await temporaryRepository(CHANGE);
  const started = await specloop(["up", "--detached", "--repo", repository.path, "--port", "0", "--json"]);
  expect(started.code, started.stderr).toBe(0);
  const { pid } = JSON.parse(started.stdout) as { pid: number };
  expect(() => process.kill(pid, 0)).not.toThrow();
  expect((await specloop(["stop", "--repo", repository.path])).code).toBe(0);
});

scenario("daemon", "Outside a repository", async () => {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "specloop-no-git-")));
  try {
    for (const command of [["up"], ["status"], ["ask", "Why?"], ["init"]]) {
      const result = await specloop([...command, "--repo", directory]);
      expect(result.code, command.join(" ")).toBe(66);
      expect(result.stderr).toContain("git init");
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});

scenario("daemon", "Without an openspec folder", async () => {
  await using repository = await temporaryRepository({ "README.md": "# Empty\n" });
  await using _daemon = await startDaemon(repository.path);
  const before = await specloop(["status", "--repo", repository.path]);
  expect(before.stdout).toContain("specloop init");
  expect((await specloop(["init", "--repo", repository.path])).code).toBe(0);
  await repository.write("openspec/changes/add-thing/proposal.md", "# Add a thing\n\n## Why\nBecause.\n");
  await expect
    .poll(async () => (await specloop(["changes", "--repo", repository.path])).stdout, {
      timeout: 30_000,
      interval: 500,
    })
    .toContain("add-thing");
});

scenario("daemon", "A port that is taken", async () => {
  await using repository = await temporaryRepository(CHANGE);
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  try {
    const refused = await specloop(["up", "--repo", repository.path, "--port", String(port)]);
    expect(refused.code).toBe(69);
    expect(refused.stderr).toContain(String(port));
    await using daemon = await startDaemon(repository.path, { args: [], env: { SPECLOOP_PORT: String(port) } });
    expect(daemon.status.port).toBeGreaterThan(port);
  } finally {
    taken.close();
  }
});

scenario("daemon", "A configuration that cannot be used", async () => {
  await using repository = await temporaryRepository(CHANGE);
  const cases: [string, RegExp][] = [
    ["questions:\n  - [", /specloop\.yaml:2:/],
    ["quetsions:\n  expireHours: 1\n", /quetsions/],
    ["questions:\n  expireHour: 1\n", /questions/],
    ["questions:\n  expireHours: soon\n", /questions\.expireHours/],
    ["just text\n", /specloop\.yaml/],
  ];
  for (const [content, place] of cases) {
    await repository.write("specloop.yaml", content);
    const result = await specloop(["up", "--repo", repository.path, "--port", "0"]);
    expect(result.code, content).toBe(78);
    expect(result.stderr).toMatch(place);
  }
});

scenario("daemon", "One JSON document", async () => {
  await using repository = await temporaryRepository(CHANGE);
  const failed = await specloop(["changes", "--repo", repository.path, "--json"]);
  expect(failed.code).toBe(69);
  expect(JSON.parse(failed.stdout)).toMatchObject({ error: { code: "daemon_not_running", severity: "error" } });
  await using _daemon = await startDaemon(repository.path);
  for (const args of [
    ["changes"],
    ["questions"],
    ["status"],
    ["doctor"],
    ["loop"],
    ["call", "--list"],
    ["doc", "read", "openspec/changes/add-thing/tasks.md"],
  ]) {
    const { stdout, code } = await specloop([...args, "--repo", repository.path, "--json"]);
    expect(code, args.join(" ")).toBe(0);
    expect(() => JSON.parse(stdout), `${args.join(" ")}: ${stdout}`).not.toThrow();
  }
});

scenario("daemon", "A saved configuration is taken up", async () => {
  await using repository = await temporaryRepository({
    ...CHANGE,
    "docs/long.md": `# Long\n\n${"word ".repeat(1000)}\n`,
  });
  await using daemon = await startDaemon(repository.path);
  const read = () => specloop(["doc", "read", "docs/long.md", "--repo", repository.path, "--json"]);
  expect((await read()).code).toBe(0);
  await repository.write("specloop.yaml", "documents:\n  maxBytes: 1024\n");
  await expect
    .poll(async () => (await read()).stdout, { timeout: 30_000, interval: 500 })
    .toContain("document_too_large");
  await repository.write("specloop.yaml", "documents: [broken\n");
  await expect.poll(() => daemonLog(repository.path), { timeout: 30_000, interval: 200 }).toContain("was not taken up");
  expect((await read()).stdout).toContain("document_too_large");
  expect(daemon.process.exitCode).toBe(null);
});

test("help teaches: it names every command and shows examples; a wrong command exits with 64", async () => {
  const { stdout, code } = await specloop(["--help"]);
  expect(code).toBe(0);
  for (const command of [
    "init",
    "up",
    "mcp",
    "status",
    "stop",
    "doctor",
    "call",
    "ask",
    "questions",
    "answer",
    "changes",
    "doc",
    "loop",
    "demo",
  ]) {
    expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, "m"));
  }
  expect(stdout).toContain("specloop ask");
  expect((await specloop(["frobnicate"])).code).toBe(64);
  expect((await specloop(["ask"])).code).toBe(64);
});
