import { z } from "zod";
import { findSection, type DocumentEdit } from "../adapters/markdown/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { defineTool, type Tool } from "../foundation/tool.ts";
import type { DocumentManager } from "./manager.ts";

/** Characters of content in one answer. */
const PAGE_CHARACTERS = 20_000;
const PAGE_ENTRIES = 20;

export function tools(manager: DocumentManager): Tool[] {
  return [readTool(manager), updateTool(manager), historyTool(manager)];
}

function readTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "doc_read",
    title: "Read a document",
    description: "A document's text, headings, front matter and revision. Pass the revision to doc_update.",
    input: z.object({
      path: z.string().describe("Relative to the repository"),
      section: z.string().optional().describe("Only this one: heading, or A > B"),
      cursor: z.string().optional(),
    }),
    output: z.object({
      path: z.string(),
      revision: z.string(),
      content: z.string(),
      headings: z.array(z.string()),
      frontMatter: z.record(z.string(), z.unknown()),
      tasks: z.object({ done: z.int(), total: z.int() }),
      problems: z.array(z.string()),
      nextCursor: z.string().optional(),
    }),
    effect: "read",
    toolset: "default",
  }).handle({
    run: async ({ path, section, cursor }) => {
      const view = await manager.read(path);
      const span = section === undefined ? null : findSection(view.content, { section }, view.path);
      const text = span ? view.content.slice(span.start, span.end) : view.content;
      const from = offsetOf(cursor);
      const to = from + PAGE_CHARACTERS;
      return {
        path: view.path,
        revision: view.revision,
        content: text.slice(from, to),
        headings: view.sections.filter(({ level }) => level > 0).map((each) => each.path.join(" > ")),
        frontMatter: view.frontMatter,
        tasks: { done: view.tasks.filter(({ done }) => done).length, total: view.tasks.length },
        problems: view.problems.map(({ message }) => message),
        ...(to < text.length ? { nextCursor: String(to) } : {}),
      };
    },
    render: ({ path, revision, content, tasks, problems, nextCursor }) => {
      const counted = tasks.total > 0 ? ` · ${tasks.done}/${tasks.total} tasks done` : "";
      const more = nextCursor === undefined ? "" : `\n\n(continues: cursor ${nextCursor})`;
      const notes = problems.map((problem) => `! ${problem}\n`).join("");
      return `${path} · revision ${revision}${counted}\n${notes}\n${content}${more}`;
    },
  });
}

/** Flat instead of a union of six shapes: a third of the tokens, and small models fill it in more surely. */
const editSchema = z.object({
  kind: z.enum(["replace_section", "append_to_section", "set_task", "set_front_matter", "replace_text", "write"]),
  section: z.string().optional().describe("Heading, or A > B"),
  occurrence: z.int().min(1).optional(),
  content: z.string().optional().describe("For sections and write"),
  task: z.string().optional().describe("Number or text"),
  done: z.boolean().optional(),
  key: z.string().optional(),
  value: z.unknown().optional(),
  find: z.string().optional().describe("Exact text, occurs once"),
  replace: z.string().optional(),
});

function updateTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "doc_update",
    title: "Edit a document",
    description:
      "Edits a document in place and commits only it. Specs and other sensitive paths are proposed on a branch for a person. kind says which fields are needed; write makes a new file or replaces all.",
    input: z.object({
      path: z.string(),
      edits: z.array(editSchema).min(1).max(50),
      reason: z.string().min(1).max(2000).describe("Commit message"),
      baseRevision: z.string().optional().describe("From doc_read; refused if outdated"),
      change: z.string().optional().describe("Change id"),
      idempotencyKey: z.string().min(1).max(200).optional(),
    }),
    output: z.object({
      status: z.enum(["committed", "commit_pending", "proposed", "unchanged"]),
      commit: z.string().nullable(),
      branch: z.string().nullable(),
      path: z.string(),
      revision: z.string(),
      diff: z.string(),
      message: z.string(),
    }),
    effect: "write",
    toolset: "default",
  }).handle({
    run: async ({ path, edits, reason, baseRevision, change, idempotencyKey }, { principal }) => {
      const result = await manager.update({
        files: [{ path, edits: edits.map(toEdit), ...(baseRevision === undefined ? {} : { baseRevision }) }],
        reason,
        principal,
        ...(change === undefined ? {} : { origin: { change } }),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      });
      const { status, commit, branch, files, message } = result;
      return {
        status,
        commit,
        branch,
        path: files[0]?.path ?? path,
        revision: files[0]?.revision ?? "",
        diff: files[0]?.diff ?? "",
        message,
      };
    },
    render: ({ status, revision, diff, message }) => {
      const shown = diff === "" ? "" : `\n\n\`\`\`diff\n${diff}\n\`\`\``;
      return `${status}: ${message}\nrevision ${revision}${shown}`;
    },
  });
}

function toEdit(edit: z.output<typeof editSchema>): DocumentEdit {
  const { kind, occurrence } = edit;
  const text = (name: "section" | "content" | "task" | "key" | "find" | "replace") => edit[name] ?? missing(kind, name);
  if (kind === "write") return { kind, content: text("content") };
  if (kind === "replace_text") return { kind, find: text("find"), replace: text("replace") };
  if (kind === "set_task") return { kind, task: text("task"), done: edit.done ?? true };
  if (kind === "set_front_matter")
    return { kind, key: text("key"), value: edit.value === undefined ? missing(kind, "value") : edit.value };
  return { kind, section: text("section"), occurrence, content: text("content") };
}

function missing(kind: string, name: string): never {
  throw new SpecloopError("bad_input", `An edit of kind ${kind} needs "${name}".`, { target: `edits.${name}` });
}

function historyTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "doc_history",
    title: "Look back at a document",
    description: "Who changed a document, when and why, newest first.",
    input: z.object({
      path: z.string(),
      limit: z.int().min(1).max(100).default(PAGE_ENTRIES),
      cursor: z.string().optional(),
    }),
    output: z.object({
      path: z.string(),
      entries: z.array(
        z.object({
          commit: z.string(),
          author: z.string(),
          at: z.number().describe("Epoch milliseconds"),
          subject: z.string(),
          trailers: z.record(z.string(), z.string()),
        }),
      ),
      nextCursor: z.string().optional(),
    }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ path, limit, cursor }) => {
      const from = offsetOf(cursor);
      const found = await manager.history(path, Math.min(from + limit + 1, 1000));
      const entries = found
        .slice(from, from + limit)
        .map(({ commit, author, at, subject, trailers }) => ({ commit, author, at, subject, trailers }));
      return { path, entries, ...(found.length > from + limit ? { nextCursor: String(from + limit) } : {}) };
    },
    render: ({ path, entries, nextCursor }) => {
      const lines = entries.map(({ commit, author, at, subject, trailers }) => {
        const by = trailers["Specloop-Principal"] ?? author;
        return `- ${commit.slice(0, 10)} ${new Date(at).toISOString()} ${by}: ${subject}`;
      });
      const more = nextCursor === undefined ? [] : [`(continues: cursor ${nextCursor})`];
      return [`History of ${path}`, ...lines, ...more].join("\n");
    },
  });
}

function offsetOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  if (!/^\d{1,9}$/.test(cursor))
    throw new SpecloopError("bad_input", `"${cursor}" is not a cursor.`, { target: "cursor" });
  return Number(cursor);
}
