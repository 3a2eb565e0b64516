import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { startFakeLmStudio } from "../../src/adapters/llm/fake/index.ts";
import { connectControl } from "../../src/server/control-client.ts";
import { specloop, startDaemon, type RunningDaemon } from "../helpers/command.ts";
import { scenario } from "../helpers/scenario.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { openAgent } from "./agents.ts";

const design = "openspec/changes/add-cache/design.md";
const text =
  "# Design\n\n## Context\n\nReads are slow.\n\n## Open Questions\n\n- How long may entries live?\n- Who clears the cache?\n- Which store holds it?\n";
const files = {
  "openspec/config.yaml": "schema: spec-driven\n",
  "openspec/changes/add-cache/proposal.md": "# Cache\n\n## Why\n\nReads are slow.\n\n## What Changes\n\n- Cache\n",
  [design]: text,
  ".gitignore": ".specloop/\n",
};

interface Processed {
  questions: { number: number; state: string; text: string; questionId: string | null; answer: string | null }[];
  suggestions: { questions: string[]; improvements: { where: string; what: string }[] } | null;
  note: string | null;
}

interface World {
  repository: TemporaryRepository;
  daemon: RunningDaemon;
  questions(wish?: Record<string, unknown>): Promise<Processed>;
  document(): Promise<string>;
}

async function open(extra: { yaml?: string; env?: Record<string, string> } = {}): Promise<World> {
  const more: Record<string, string> = extra.yaml === undefined ? {} : { "specloop.yaml": extra.yaml };
  const repository = await temporaryRepository({ ...files, ...more });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  const daemon = await startDaemon(repository.path, extra.env ? { env: extra.env } : {});
  onTestFinished(() => daemon[Symbol.asyncDispose]());
  const client = await connectControl(daemon.status.socket, { kind: "person", name: "Ada Example" });
  onTestFinished(() => client[Symbol.asyncDispose]());
  const questions = async (wish: Record<string, unknown> = {}) => {
    const { output } = await client.call("change_process", { id: "add-cache", ...wish });
    return output as unknown as Processed;
  };
  return { repository, daemon, questions, document: () => readFile(join(repository.path, design), "utf8") };
}

const states = ({ questions }: Processed) => questions.map(({ state }) => state);

/** The daemon hears of an answer by an event and writes it down behind the caller's back. */
async function until(check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error("it did not come to pass in 30 s");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

scenario("changes", "A person answers an open question", async () => {
  const { repository, questions, document } = await open();
  expect(states(await questions())).toEqual(["open", "open", "open"]);
  const args = ["change", "questions", "add-cache", "--answer", "2", "--text", "Nobody; it expires."];
  await specloop(args, { cwd: repository.path });
  expect(states(await questions())).toEqual(["open", "written", "open"]);
  const written = await document();
  expect(written).toMatch(
    /- Who clears the cache\?\n  > \*\*Answer\*\* \(Ada Example, \d{4}-\d\d-\d\d\): Nobody; it expires\.\n- Which store/,
  );
  expect(written.replace(/^ {2}>.*\n/m, "")).toBe(text);
  expect(await repository.git("log", "-1", "--format=%s%n%b")).toContain("Specloop-Change: add-cache");
  expect(await repository.git("status", "--porcelain")).toBe("");
  const shown = await specloop(["change", "questions", "add-cache"], { cwd: repository.path });
  expect(shown.stdout).toContain("How long may entries live?");
  expect(shown.stdout).toContain("written");
});

scenario("changes", "An open question is asked and answered elsewhere", async () => {
  const { repository, questions, document } = await open();
  const asked = await questions({ ask: [1, 3] });
  expect(states(asked)).toEqual(["asked", "open", "asked"]);
  expect(states(await questions({ ask: "all" }))).toEqual(["asked", "asked", "asked"]);
  await specloop(["answer", asked.questions[0]!.questionId!, "An hour."], { cwd: repository.path });
  await until(async () => (await document()).includes("An hour."));
  await using agent = await openAgent(repository.path);
  await agent.call("answer_submit", { questionId: asked.questions[2]!.questionId!, text: "SQLite." });
  await until(async () => states(await questions())[2] === "suggested");
  expect(await document()).not.toContain("SQLite.");
  const refused = await agent.call("change_process", { id: "add-cache", accept: 3 });
  expect(refused.code).toBe("forbidden");
  const direct = { id: "add-cache", answer: { question: 2, text: "Agents do." } };
  expect((await agent.call("change_process", direct)).ok).toBe(true);
  expect(states(await questions())).toEqual(["written", "suggested", "suggested"]);
  expect(await document()).not.toContain("Agents do.");
  const second = (await questions()).questions[1]!.questionId!;
  await specloop(["answer", second, "The person does."], { cwd: repository.path });
  await until(async () => (await document()).includes("The person does."));
  const late = await agent.call("change_process", { id: "add-cache", answer: { question: 1, text: "Two hours." } });
  expect(late.code).toBe("already_answered");
  expect(states(await questions({ accept: 3 }))).toEqual(["written", "written", "written"]);
  expect(await document()).toContain("SQLite.");
  expect(await repository.git("log", "--format=%b", "--", design)).toContain("Specloop-Question: ");
});

scenario("changes", "Open questions are asked by themselves where that is wished", async () => {
  const quiet = await open();
  expect((await specloop(["--json", "questions"], { cwd: quiet.repository.path })).stdout).toContain('"total": 0');
  const yaml = "openspec:\n  processing:\n    ask: new\n    perChange: 2\n";
  const { repository, questions } = await open({ yaml });
  await until(async () => states(await questions()).filter((state) => state === "asked").length === 2);
  await writeFile(join(repository.path, design), text.replace("Which store", "Which good store"));
  await until(async () => (await questions()).questions.some((question) => question.text.includes("good store")));
  expect(states(await questions()).filter((state) => state === "asked")).toHaveLength(2);
});

scenario("changes", "The model suggests questions and improvements", async () => {
  const answer = {
    questions: ["What happens when the cache is full?"],
    improvements: [
      { document: 1, what: "Say how slow reads are." },
      { document: 99, what: "Of no document." },
    ],
    done: true,
  };
  const fake = await startFakeLmStudio({ respond: () => answer });
  onTestFinished(() => fake[Symbol.asyncDispose]());
  const { questions, repository } = await open({ env: { LM_STUDIO_BASE_URL: fake.url } });
  const before = await repository.git("rev-parse", "HEAD");
  const { suggestions } = await questions({ suggest: true });
  expect(suggestions).toMatchObject({
    questions: ["What happens when the cache is full?"],
    improvements: [{ what: "Say how slow reads are." }],
  });
  expect(await repository.git("rev-parse", "HEAD")).toBe(before);
  expect(await repository.git("status", "--porcelain")).toBe("");
});

scenario("changes", "There is no model to suggest anything", async () => {
  const { questions } = await open();
  const { suggestions, note } = await questions({ suggest: true });
  expect(suggestions).toBeNull();
  expect(note).toContain("No suggestions:");
});
