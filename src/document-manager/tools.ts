import { z } from "zod";
import { findSection, type DocumentEdit } from "../adapters/markdown/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { defineTool, type Tool } from "../foundation/tool.ts";
import { tools as backupTools } from "./backup/tools.ts";
import { offsetOf } from "./cursor.ts";
import { tools as lookBackTools } from "./look-back/tools.ts";
import type { DocumentManager } from "./manager.ts";

/** Characters of content in one answer. */
const PAGE_CHARACTERS = 20_000;

export function tools(manager: DocumentManager): Tool[] {
  return [readTool(manager), updateTool(manager), ...lookBackTools(manager), ...backupTools(manager)];
}

function readTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "doc_read",
    title: "Read a document",
    description: "A document's text, headings and revision (for doc_update).",
    input: z.object({
      path: z.string(),
      section: z.string().optional().describe("Heading, or A > B"),
      cursor: z.string().optional(),
    }),
    output: z.object({
      path: z.string(),
      revision: z.string(),
      content: z.string(),
      headings: z.array(z.string()),
      problems: z.array(z.string()).optional(),
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
      const to = pageEnd(text, from);
      return {
        path: view.path,
        revision: view.revision,
        content: text.slice(from, to),
        headings: view.sections.filter(({ level }) => level > 0).map((each) => each.path.join(" > ")),
        ...(view.problems.length > 0 ? { problems: view.problems.map(({ message }) => message) } : {}),
        ...(to < text.length ? { nextCursor: String(to) } : {}),
      };
    },
    render: ({ path, revision, content, headings, problems = [], nextCursor }) => {
      const more = nextCursor === undefined ? "" : `\n\n(continues: cursor ${nextCursor})`;
      const notes = problems.map((problem) => `! ${problem}\n`).join("");
      // The text shows its headings by itself, unless it is only a part.
      const outline = headings.length > 0 && more !== "" ? `headings: ${headings.join("; ")}\n` : "";
      return `${path} · revision ${revision}\n${outline}${notes}\n${content}${more}`;
    },
  });
}

/** Flat instead of a union of six shapes: a third of the tokens, and small models fill it in more surely. */
const editSchema = z.object({
  kind: z.enum(["replace_section", "append_to_section", "set_task", "set_front_matter", "replace_text", "write"]),
  section: z.string().optional(),
  occurrence: z.number().optional(),
  content: z.string().optional(),
  task: z.string().optional().describe("Number or text"),
  done: z.boolean().optional(),
  key: z.string().optional(),
  value: z.unknown().optional(),
  find: z.string().optional(),
  replace: z.string().optional(),
});

function updateTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "doc_update",
    title: "Edit a document",
    description:
      "Edits a document in place and commits only it; sensitive paths are proposed on a branch for a person. find must occur once; write makes a file or replaces all.",
    input: z.object({
      path: z.string(),
      edits: z.array(editSchema),
      reason: z.string().describe("Commit message"),
      baseRevision: z.string().optional(),
      change: z.string().optional(),
      idempotencyKey: z.string().optional(),
    }),
    output: z.object({
      status: z.enum(["committed", "commit_pending", "proposed", "written", "unchanged"]),
      commit: z.string().optional(),
      branch: z.string().optional(),
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
      const { revision = "", diff = "" } = files[0] ?? {};
      return { status, ...(commit && { commit }), ...(branch && { branch }), revision, diff, message };
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

/** A page never ends inside a character: half of a surrogate pair is no text. */
function pageEnd(text: string, from: number): number {
  const to = from + PAGE_CHARACTERS;
  return /[\uD800-\uDBFF]/.test(text.charAt(to - 1)) ? to - 1 : to;
}
