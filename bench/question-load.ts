// Questions under load: a thousand at once through fifty MCP clients, kill -9 in the middle, a hundred thousand pending.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { openSqliteStore } from "../src/adapters/store/index.ts";
import type { QuestionTables } from "../src/question-router/index.ts";
import { insertQuestion } from "../src/question-router/insert.ts";
import { cleanEnvironment, MAIN, type RunningDaemon, startDaemon } from "../test/helpers/command.ts";
import { temporaryRepository, type TemporaryRepository } from "../test/helpers/repository.ts";
import { DOCUMENTS } from "../test/question-router/harness.ts";
import {
  askAll,
  type Asked,
  type McpClient,
  mixedQuestions,
  openClients,
} from "../test/question-router/many-clients.ts";

const CLIENTS = 50;
const QUESTIONS = 1000;
const PENDING = 100_000;
const execute = promisify(execFile);

export async function run(): Promise<void> {
  await burst();
  await killed();
  await manyPending();
}

async function burst(): Promise<void> {
  await using repository = await temporaryRepository(DOCUMENTS);
  await using daemon = await startDaemon(repository.path);
  const clients = await openClients(daemon, CLIENTS);
  await askAll(clients, mixedQuestions(200, "warm"));
  const cpu = cpuMs(daemon);
  const [asked, beside] = await Promise.all([askAll(clients, mixedQuestions(QUESTIONS)), cachedBeside(clients[0]!)]);
  const used = cpuMs(daemon) - cpu;
  print(
    `${QUESTIONS} mixed questions at once through ${CLIENTS} MCP clients`,
    asked.map(({ ms }) => ms),
  );
  for (const way of ["socket", "HTTP"] as const) {
    const mine = asked.filter((_, index) => clients[index % CLIENTS]!.way === way);
    print(
      `  of these over ${way}`,
      mine.map(({ ms }) => ms),
    );
  }
  print("  a cached question, one after the other, beside the burst", beside);
  console.log(
    `  CPU of the daemon: ${(used / (QUESTIONS + beside.length)).toFixed(2)} ms an ask; ${memory(daemon)} MB resident`,
  );
  console.log(`  ${lost(asked)} lost, ${checked(repository.path)}`);
  for (const client of clients) await client[Symbol.asyncDispose]();
}

/** Whether who asks what is known is served while everybody else asks something new. */
async function cachedBeside(client: McpClient): Promise<number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < 20; turn += 1) {
    const started = performance.now();
    await client.call("question_ask", { text: "Within how many days is a returned bicycle refunded?", waitMs: 0 });
    times.push(performance.now() - started);
  }
  return times;
}

async function killed(): Promise<void> {
  await using repository = await temporaryRepository(DOCUMENTS);
  let texts = mixedQuestions(QUESTIONS);
  const heard: Asked[] = [];
  for (let round = 0; texts.length > 0; round += 1) {
    await using daemon = await startDaemon(repository.path);
    const clients = await openClients(daemon, CLIENTS);
    const asking = askAll(clients, texts);
    if (round < 3) {
      const before = rowsOf(repository.path);
      const state = { over: false };
      void asking.finally(() => (state.over = true));
      while (!state.over && rowsOf(repository.path) < before + 100) await wait(20);
      await daemon.end("SIGKILL");
    }
    const asked = await asking;
    for (const client of clients) await client[Symbol.asyncDispose]();
    heard.push(...asked.filter(({ questionId }) => questionId !== null));
    texts = asked.filter(({ questionId }) => questionId === null).map(({ text }) => text);
    console.log(`  round ${round}: ${asked.length - texts.length} acknowledged, ${texts.length} to be repeated`);
  }
  const ids = idsOf(repository.path);
  const gone = heard.filter(({ questionId }) => !ids.has(questionId!)).length;
  console.log(`kill -9 three times: ${heard.length} acknowledged, ${gone} of them gone, ${checked(repository.path)}`);
}

async function manyPending(): Promise<void> {
  await using repository = await temporaryRepository(DOCUMENTS);
  {
    await using daemon = await startDaemon(repository.path);
    await daemon.end("SIGTERM");
  }
  await fill(repository);
  const from = performance.now();
  await using daemon = await startDaemon(repository.path);
  console.log(
    `start with ${PENDING} pending questions: ${(performance.now() - from).toFixed(0)} ms; ${memory(daemon)} MB`,
  );
  const [client] = await openClients(daemon, 1);
  const times: number[] = [];
  let [read, cursor]: [number, string | undefined] = [0, undefined];
  const peak = { mb: 0 };
  do {
    const started = performance.now();
    const page: Record<string, unknown> = await client!.call("question_list", {
      status: "pending",
      limit: 100,
      cursor,
    });
    times.push(performance.now() - started);
    read += (page["questions"] as unknown[]).length;
    cursor = page["nextCursor"] as string | undefined;
    peak.mb = Math.max(peak.mb, memory(daemon));
  } while (cursor !== undefined);
  print(`${read} pending questions in ${times.length} pages of 100 over MCP`, times);
  print("  the first hundred pages", times.slice(0, 100));
  print("  the last hundred pages", times.slice(-100));
  console.log(`  ${peak.mb} MB resident at most`);
  await timed("  specloop questions, whole command", ["questions"], repository.path);
  await timed(
    "  specloop questions --status pending --limit 100",
    ["questions", "--status", "pending", "--limit", "100"],
    repository.path,
  );
  const asked = performance.now();
  await client!.call("question_ask", { text: "Who repairs tandem of all tandems?", waitMs: 0 });
  console.log(`  one more question: ${(performance.now() - asked).toFixed(1)} ms`);
  await client![Symbol.asyncDispose]();
}

async function fill(repository: TemporaryRepository): Promise<void> {
  await using store = openSqliteStore(join(repository.path, ".specloop/core.db"), "full");
  const from = Date.now() - PENDING;
  for (let at = 0; at < PENDING; at += 5000) {
    await store.as<QuestionTables>().write(async (tx) => {
      for (let turn = at; turn < at + 5000; turn += 1) {
        const base = {
          id: `q-load${turn}`,
          text: `Who repairs tandem number ${turn}?`,
          kind: "fact" as const,
          change: null,
        };
        const question = {
          ...base,
          key: `load-${turn}`,
          asker: "agent:load",
          askedAt: from + turn,
          expiresAt: Date.now() + 1e9,
        };
        await insertQuestion(tx, question, { status: "pending", closedAt: null, answerId: null });
      }
    });
  }
}

async function timed(what: string, args: string[], cwd: string): Promise<void> {
  const started = performance.now();
  await execute(process.execPath, [MAIN, ...args], { cwd, env: cleanEnvironment() as NodeJS.ProcessEnv });
  console.log(`${what}: ${(performance.now() - started).toFixed(0)} ms`);
}

function lost(asked: Asked[]): number {
  const failed = asked.filter(({ questionId }) => questionId === null);
  if (failed[0]) console.log(`  first problem: ${failed[0].problem}`);
  return failed.length;
}

/** What is wrong with the rows, counted. */
function checked(repository: string): string {
  using database = new DatabaseSync(join(repository, ".specloop/core.db"), { readOnly: true });
  const count = (sql: string) => (database.prepare(sql).get() as { n: number }).n;
  const twice = count("SELECT count(*) AS n FROM (SELECT key FROM questions GROUP BY key HAVING count(*) > 1)");
  const answered = count(
    "SELECT count(*) AS n FROM (SELECT question_id FROM answers GROUP BY question_id HAVING count(*) > 1)",
  );
  return `${count("SELECT count(*) AS n FROM questions")} rows, ${twice} kept twice, ${answered} answered twice`;
}

function rowsOf(repository: string): number {
  return idsOf(repository).size;
}

function idsOf(repository: string): Set<string> {
  using database = new DatabaseSync(join(repository, ".specloop/core.db"), { readOnly: true });
  return new Set((database.prepare("SELECT id FROM questions").all() as { id: string }[]).map(({ id }) => id));
}

/** Milliseconds of processor time that the daemon used so far: fields 14 and 15 of /proc/PID/stat, in hundredths. */
function cpuMs({ status }: RunningDaemon): number {
  const fields = readFileSync(`/proc/${status.pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function memory({ status }: RunningDaemon): number {
  const [, pages] = readFileSync(`/proc/${status.pid}/statm`, "utf8").split(" ");
  return Math.round((Number(pages) * 4096) / 1_048_576);
}

function print(what: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
  console.log(
    `${what}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, slowest ${at(1)} ms (n=${times.length})`,
  );
}
