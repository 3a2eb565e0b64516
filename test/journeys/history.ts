import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { TemporaryRepository } from "../helpers/repository.ts";
import type { Agent, Reply } from "./agents.ts";

const DOCUMENTS = 5;
const documentOf = (index: number) => `openspec/changes/c${index % DOCUMENTS}/design.md`;

/** One call of the drill: what was asked, and what the client heard; null when it heard nothing. */
interface Call {
  id: string;
  tool: "doc_update" | "question_ask" | "answer_submit";
  input: Record<string, unknown>;
  reply: Reply | null;
}

/** Files of a repository in which every change has a design that notes are appended to. */
export function drillFiles(): Record<string, string> {
  const files = Array.from({ length: DOCUMENTS }, (_, index) => [
    [`openspec/changes/c${index}/proposal.md`, `# Change ${index}\n\n## Why\nBecause it is missing.\n`],
    [documentOf(index), "# Design\n\n## Notes\n\n- first\n\n## End\n\nThe end.\n"],
  ]).flat();
  return Object.fromEntries([["openspec/config.yaml", "schema: spec-driven\n"], ...files]);
}

/** Remembers every call and what was heard, and compares both with what a repository and its daemon hold afterwards. */
export class History {
  readonly calls: Call[] = [];
  #next = 1;

  /** Makes `count` calls of all kinds at once; `questions` are those that may be answered. Resolves when all are settled. */
  async begin(agents: Agent[], count: number, questions: string[]): Promise<void> {
    const calls = Array.from({ length: count }, (_, index) => this.#plan(index, questions));
    this.calls.push(...calls);
    await Promise.all(calls.map((call, index) => this.#make(call, agents[index % agents.length]!)));
  }

  get heard(): Call[] {
    return this.calls.filter(({ reply }) => reply?.ok);
  }

  /** Repeats, with the same key, the edits of which nothing was heard. */
  async repeatUnheard(agent: Agent): Promise<void> {
    const unheard = this.calls.filter(({ reply, tool }) => reply === null && tool === "doc_update");
    for (const call of unheard) await this.#make(call, agent);
  }

  /** What was acknowledged is there once, what was not at most once, and nothing is there that nobody asked for. */
  async check(repository: TemporaryRepository, agent: Agent): Promise<void> {
    expect(await repository.git("fsck", "--full", "--strict", "--no-dangling")).toBe("");
    expect(await repository.git("status", "--porcelain")).toBe("");
    expect(this.calls.filter(({ reply }) => reply && !reply.ok).map(({ id, reply }) => [id, reply])).toEqual([]);
    await this.#checkDocuments(repository);
    await this.#checkQuestions(agent);
  }

  async #checkDocuments(repository: TemporaryRepository): Promise<void> {
    const messages = (await repository.git("log", "--format=%b%x00%s%x00")).split("\0");
    // Edits that waited together share a commit, which lists their reasons; alone an edit's reason is the subject.
    const told = messages.flatMap((message) => message.match(/Note n\d+/g) ?? []);
    const subjects = [...new Set(told)];
    const texts = await Promise.all(
      Array.from({ length: DOCUMENTS }, (_, index) => readFile(join(repository.path, documentOf(index)), "utf8")),
    );
    for (const text of texts)
      expect(text).toMatch(/^# Design\n\n## Notes\n\n- first\n(?:- n\d+\n)*\n## End\n\nThe end\.\n$/);
    const notes = texts.join("\n").match(/n\d+/g) ?? [];
    expect(new Set(notes).size).toBe(notes.length);
    const edited = (await repository.git("log", "--format=%(trailers:key=Specloop-Edit,valueonly)")).split("\n");
    expect(edited.filter((id) => id !== "").length).toBe(notes.length);
    expect([...subjects].sort()).toEqual(notes.map((note) => `Note ${note}`).sort());
    const edits = this.calls.filter(({ tool }) => tool === "doc_update").map(({ id }) => id);
    expect(edits).toEqual(expect.arrayContaining(notes));
    const acknowledged = this.heard.filter(({ tool }) => tool === "doc_update").map(({ id }) => id);
    expect(notes).toEqual(expect.arrayContaining(acknowledged));
  }

  async #checkQuestions(agent: Agent): Promise<void> {
    for (const { tool, input, reply } of this.heard) {
      if (tool === "question_ask") {
        const found = await agent.call("question_get", { questionId: reply!.output["questionId"] });
        expect(found.output, found.message).toMatchObject({ text: input["text"], status: "pending" });
      }
      if (tool === "answer_submit") {
        const found = await agent.call("question_get", { questionId: input["questionId"] });
        expect(found.output, found.message).toMatchObject({ status: "answered", answer: { text: input["text"] } });
      }
    }
  }

  #plan(index: number, questions: string[]): Call {
    const id = `n${this.#next++}`;
    const questionId = questions.pop();
    if (index % 3 === 1)
      return { id, tool: "question_ask", input: { text: `Zyxwv ${id} qrstu?`, waitMs: 0 }, reply: null };
    if (index % 3 === 2 && questionId !== undefined)
      return { id, tool: "answer_submit", input: { questionId, text: `The answer ${id}.` }, reply: null };
    const edits = [{ kind: "append_to_section", section: "Notes", content: `- ${id}` }];
    const input = { path: documentOf(this.#next), edits, reason: `Note ${id}`, idempotencyKey: `key-${id}` };
    return { id, tool: "doc_update", input, reply: null };
  }

  async #make(call: Call, agent: Agent): Promise<void> {
    call.reply = await agent.call(call.tool, call.input).catch(() => null);
  }
}
