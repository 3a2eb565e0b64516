import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { cleanEnvironment, MAIN, startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { type Agent, openAgent } from "./agents.ts";
import { drillFiles, History } from "./history.ts";

const ROUNDS = 3;
const CALLS = 50;

test("kill -9 in the middle of 50 calls loses nothing that was acknowledged and does nothing twice", async () => {
  await using repository = await temporaryRepository(drillFiles());
  const history = new History();
  for (let round = 0; round < ROUNDS; round += 1) await killRound(repository.path, history, round);
  await using _daemon = await startDaemon(repository.path);
  await using agent = await openAgent(repository.path);
  await history.repeatUnheard(agent);
  await history.check(repository, agent);
  expect(existsSync(join(repository.path, ".git/index.lock"))).toBe(false);
  expect(history.calls.length).toBe(ROUNDS * CALLS);
  expect(history.heard.length).toBeGreaterThan(ROUNDS);
  console.info(`${history.calls.length} calls, ${history.heard.length} heard of`);
}, 240_000);

/** Starts a daemon, lets 50 calls run at once and kills it after some of them were answered. */
async function killRound(repository: string, history: History, round: number): Promise<void> {
  await using daemon = await startDaemon(repository);
  const agents = await Promise.all([openAgent(repository), openAgent(repository)]);
  const questions = await askFor(agents[0]!, round);
  const before = history.heard.length;
  const calls = history.begin(agents, CALLS, questions);
  // Edits that wait together are answered together, so the first answers to anything are the middle of the work.
  while (history.heard.length <= before + round) await wait(1);
  await wait(Math.random() * 40);
  await daemon.end("SIGKILL");
  await calls;
  for (const agent of agents) await agent[Symbol.asyncDispose]();
}

/** Pending questions that the round's answers go to. */
async function askFor(agent: Agent, round: number): Promise<string[]> {
  const asked = Array.from({ length: CALLS / 2 }, (_, index) =>
    agent.call("question_ask", { text: `Abcde r${round}i${index} fghij?`, waitMs: 0 }),
  );
  return (await Promise.all(asked)).map(({ output }) => String(output["questionId"]));
}

test("SIGTERM while 200 asks wait: every one gets its pending id, and the daemon ends with 0", async () => {
  await using repository = await temporaryRepository(drillFiles());
  await using daemon = await startDaemon(repository.path);
  const agents = await Promise.all([openAgent(repository.path), openAgent(repository.path)]);
  const asks = Array.from({ length: 200 }, (_, index) =>
    agents[index % 2]!.call("question_ask", { text: `Klmno ${index} pqrst?`, waitMs: 25_000 }),
  );
  await using watcher = await openAgent(repository.path);
  const pending = async () => (await watcher.call("question_list", { status: "pending", limit: 100 })).output;
  await expect.poll(async () => (await pending())["nextCursor"], { timeout: 30_000 }).toBeDefined();
  await wait(1000);
  expect(await daemon.end("SIGTERM")).toBe(0);
  const replies = await Promise.all(asks);
  expect(replies.filter(({ output }) => output["status"] !== "pending")).toEqual([]);
  for (const agent of agents) await agent[Symbol.asyncDispose]();
  await using _again = await startDaemon(repository.path);
  await using agent = await openAgent(repository.path);
  const found = await Promise.all(
    replies.map(({ output }) => agent.call("question_get", { questionId: output["questionId"] })),
  );
  expect(new Set(found.map(({ output }) => output["text"])).size).toBe(200);
});

test("a lock that a killed git left neither holds up the start nor the end, is named, and nothing is lost", async () => {
  await using repository = await temporaryRepository(drillFiles());
  const lock = join(repository.path, ".git/index.lock");
  const note = (id: string) => ({
    path: "openspec/changes/c0/design.md",
    edits: [{ kind: "append_to_section", section: "Notes", content: `- ${id}` }],
    reason: `Note ${id}`,
  });
  {
    await using daemon = await startDaemon(repository.path);
    await using agent = await openAgent(repository.path);
    writeFileSync(lock, "");
    const waiting = agent.call("doc_update", note("n1"));
    await wait(1500);
    expect(await daemon.end("SIGTERM"), "within the 5 s before the last resort").toBe(0);
    expect((await waiting).output).toMatchObject({ status: "commit_pending" });
  }
  await using _daemon = await startDaemon(repository.path);
  await using agent = await openAgent(repository.path);
  expect((await agent.call("doc_read", { path: "openspec/changes/c0/design.md" })).message).toContain("- n1");
  rmSync(lock);
  const newest = () => repository.git("log", "-1", "--format=%s");
  await expect.poll(newest, { timeout: 30_000, interval: 200 }).toBe("Note n1");
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test("Ctrl-C at any moment of the start leaves nothing in the way", async () => {
  await using repository = await temporaryRepository(drillFiles());
  for (const afterMs of [0, 300, 500, 700, 900, 1200]) {
    const args = [MAIN, "up", "--repo", repository.path, "--port", "0"];
    const child = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: "ignore" });
    const exited = once(child, "exit");
    await wait(afterMs);
    child.kill("SIGINT");
    const [code, signal] = (await exited) as [number | null, string | null];
    // Before our code runs the signal ends the process; then the start is cut short; at last it is a plain stop.
    expect([null, 130, 0], `${afterMs} ms: ${code} ${signal}`).toContain(code);
  }
  await using daemon = await startDaemon(repository.path);
  expect(await daemon.end("SIGINT")).toBe(0);
  expect(existsSync(daemon.status.socket)).toBe(false);
});
