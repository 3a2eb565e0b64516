// The running daemon as its clients meet it: over the socket, through the shim, over HTTP; its start and its memory.
import { readFileSync } from "node:fs";
import { connectStdio } from "../src/adapters/mcp-client/index.ts";
import { connectControl } from "../src/server/control-client.ts";
import { cleanEnvironment, MAIN, startDaemon } from "../test/helpers/command.ts";
import { temporaryRepository } from "../test/helpers/repository.ts";

const CHANGES = 1000;

export async function run(): Promise<void> {
  await smallRepository();
  await manyChanges();
}

async function smallRepository(): Promise<void> {
  await using repository = await temporaryRepository(files(1));
  const from = performance.now();
  await using daemon = await startDaemon(repository.path);
  print("start of the daemon until it is ready, 1 change", [performance.now() - from]);
  await using client = await connectControl(daemon.status.socket, { kind: "agent", name: "bench" });
  const ask = () => client.call("question_ask", { text: "Requirement 0 of capability 0?" });
  for (let warm = 0; warm < 500; warm++) await ask();
  const { output } = await ask();
  if (!output["cached"]) throw new Error("the question is not answered from the cache");
  print("ask, cached, over the socket, one after the other", await each(3000, ask));
  print("ask, cached, 100 at once over one socket", await atOnce(100, ask));
  print("ask, cached, 1,000 at once over one socket", await atOnce(1000, ask));
  print("cold tools/list through the shim, daemon up", await each(10, () => listTools(repository.path)));
  print("specloop status, whole command", await each(5, () => connectionless(repository.path)));
  await daemon.end("SIGTERM");
  const started = performance.now();
  await listTools(repository.path);
  print("cold tools/list through the shim, daemon down", [performance.now() - started]);
  const { pid } = JSON.parse(readFileSync(`${repository.path}/.specloop/daemon.json`, "utf8")) as { pid: number };
  process.kill(pid, "SIGTERM");
}

async function manyChanges(): Promise<void> {
  await using repository = await temporaryRepository(files(CHANGES));
  const from = performance.now();
  await using daemon = await startDaemon(repository.path);
  print(`start of the daemon until it is ready, ${CHANGES} changes`, [performance.now() - from]);
  await using client = await connectControl(daemon.status.socket, { kind: "agent", name: "bench" });
  const times: number[] = [];
  for (let turn = 0; turn < 10; turn++) times.push(await saveToShown(repository, client, turn));
  print(`save to state shown, ${CHANGES} changes`, times);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  console.log(`memory of the daemon, ${CHANGES} changes, idle: ${residentMegabytes(daemon.status.pid)} MB resident`);
}

async function saveToShown(
  repository: { write(path: string, content: string): Promise<void> },
  client: { call(name: string, input: unknown): Promise<{ output: Record<string, unknown> }> },
  turn: number,
): Promise<number> {
  const id = `change-${turn}`;
  const from = performance.now();
  await repository.write(`openspec/changes/${id}/tasks.md`, tasks(3));
  for (;;) {
    const { output } = await client.call("change_get", { id });
    if ((output["tasks"] as { done: number }).done === 3) return performance.now() - from;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function listTools(repository: string): Promise<void> {
  const target = {
    client: "bench",
    command: process.execPath,
    args: [MAIN, "mcp", "--repo", repository],
    cwd: repository,
    env: cleanEnvironment(),
  };
  await using connection = await connectStdio(target);
  await connection.listTools();
}

async function connectionless(repository: string): Promise<void> {
  const { specloop } = await import("../test/helpers/command.ts");
  await specloop(["status", "--repo", repository, "--json"]);
}

function files(changes: number): Record<string, string> {
  const all: Record<string, string> = { "openspec/config.yaml": "schema: spec-driven\n" };
  for (let index = 0; index < 20; index++) {
    const name = `Requirement ${index} of capability ${index}`;
    all[`openspec/specs/capability-${index}/spec.md`] =
      `# Capability ${index}\n\n## Purpose\nWhat capability ${index} is for, said in more than fifty characters.\n\n## Requirements\n\n### Requirement: ${name}\nThe program SHALL do ${index}.\n\n#### Scenario: It does\n- **WHEN** asked\n- **THEN** it does ${index}\n`;
  }
  for (let index = 0; index < changes; index++) {
    const folder = `openspec/changes/change-${index}`;
    all[`${folder}/proposal.md`] = `# Change ${index}\n\n## Why\nBecause of ${index}.\n\n## What Changes\n- ${index}\n`;
    all[`${folder}/tasks.md`] = tasks(0);
    all[`${folder}/specs/new-${index}/spec.md`] =
      `## ADDED Requirements\n\n### Requirement: New ${index}\nThe program SHALL do it.\n\n#### Scenario: s\n- **WHEN** a\n- **THEN** b\n`;
  }
  return all;
}

function tasks(done: number): string {
  return `## 1. Do\n${[1, 2, 3].map((number) => `- [${number <= done ? "x" : " "}] 1.${number} Step ${number}\n`).join("")}`;
}

async function each(times: number, work: () => Promise<unknown>): Promise<number[]> {
  const taken: number[] = [];
  for (let turn = 0; turn < times; turn++) {
    const from = performance.now();
    await work();
    taken.push(performance.now() - from);
  }
  return taken;
}

function atOnce(count: number, work: () => Promise<unknown>): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const from = performance.now();
      await work();
      return performance.now() - from;
    }),
  );
}

function residentMegabytes(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kilobytes) / 1024);
}

function print(what: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(2);
  const mean = (times.reduce((sum, time) => sum + time, 0) / times.length).toFixed(2);
  console.log(
    times.length === 1
      ? `${what}: ${mean} ms`
      : `${what}: mean ${mean}, p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)} ms (${times.length})`,
  );
}
