import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { DOCUMENTS, agent, startRouter } from "./harness.ts";
import { askAll, type Asked, mixedQuestions, openClients } from "./many-clients.ts";

const CLIENTS = 12;
const QUESTIONS = 240;

scenario(
  "questions",
  "The daemon is killed under load",
  async () => {
    await using repository = await temporaryRepository(DOCUMENTS);
    const heard: Asked[] = [];
    let texts = mixedQuestions(QUESTIONS);
    for (const killed of [true, true, false]) {
      await using daemon = await startDaemon(repository.path);
      const clients = await openClients(daemon, CLIENTS);
      const asking = askAll(clients, texts);
      if (killed) {
        await firstAnswers(repository.path, heard.length + 20);
        await daemon.end("SIGKILL");
      }
      const asked = await asking;
      for (const client of clients) await client[Symbol.asyncDispose]();
      heard.push(...asked.filter(({ questionId }) => questionId !== null));
      texts = asked.filter(({ questionId }) => questionId === null).map(({ text }) => text);
      if (killed) continue;
      expect(asked.flatMap(({ problem }) => problem ?? [])).toEqual([]);
      await daemon.end("SIGTERM");
    }
    expect([texts.length, heard.length]).toEqual([0, QUESTIONS]);
    check(repository.path, heard);
  },
  240_000,
);

/** Waits until so many questions are in the database: the middle of the work. */
async function firstAnswers(repository: string, least: number): Promise<void> {
  for (let turn = 0; turn < 2000; turn += 1) {
    if (rows(repository).length >= least) return;
    await wait(5);
  }
}

function check(repository: string, heard: Asked[]): void {
  const kept = rows(repository);
  const ids = new Set(kept.map(({ id }) => id));
  expect(heard.filter(({ questionId }) => !ids.has(questionId!))).toEqual([]);
  const keys = kept.map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  expect(kept.filter(({ answers }) => answers > 1)).toEqual([]);
  expect(kept.filter(({ status, answers }) => (status === "answered") !== (answers === 1))).toEqual([]);
}

interface Row {
  id: string;
  key: string;
  status: string;
  answers: number;
}

function rows(repository: string): Row[] {
  try {
    using database = new DatabaseSync(join(repository, ".specloop/core.db"), { readOnly: true, timeout: 2000 });
    const sql =
      "SELECT id, key, status, (SELECT count(*) FROM answers WHERE question_id = q.id) AS answers FROM questions q";
    return database.prepare(sql).all() as unknown as Row[];
  } catch {
    // Not there yet.
    return [];
  }
}

test("ten thousand pending questions are read page by page, each once, newest first", async () => {
  await using shop = await startRouter();
  await fillPending(shop, 10_000);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await shop.router.list({ status: "pending", limit: 100, cursor });
    expect(page.total).toBe(10_000);
    seen.push(...page.questions.map(({ questionId }) => questionId));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect([seen.length, new Set(seen).size]).toEqual([10_000, 10_000]);
  expect(seen.slice(0, 2)).toEqual(["q-9999", "q-9998"]);
});

test("ten thousand questions that are due expire in batches, and each is told once", async () => {
  const first = await startRouter();
  await fillPending(first, 2000, Date.now() - 1);
  await using shop = await first.restart();
  expect((await shop.router.list({ status: "pending" })).total).toBe(0);
  expect((await shop.router.list({ status: "expired" })).total).toBe(2000);
});

async function fillPending(shop: Awaited<ReturnType<typeof startRouter>>, count: number, expiresAt = Date.now() + 1e9) {
  const { insertQuestion } = await import("../../src/question-router/insert.ts");
  const askedAt = Date.now() - 1_000_000;
  await shop.core.write(async (tx) => {
    for (let turn = 0; turn < count; turn += 1) {
      const question = { id: `q-${turn}`, text: `Who repairs tandem ${turn}?`, kind: "fact" as const, change: null };
      const more = {
        key: `key-${turn}`,
        asker: `agent:${agent.name}`,
        askedAt: askedAt + Math.floor(turn / 10) * 10 + (turn % 10),
        expiresAt,
      };
      await insertQuestion(tx, { ...question, ...more }, { status: "pending", closedAt: null, answerId: null });
    }
  });
}
