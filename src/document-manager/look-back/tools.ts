import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import { offsetOf } from "../cursor.ts";
import type { DocumentManager } from "../manager.ts";
import { NOW } from "./compare.ts";

const PAGE_ENTRIES = 20;
const path = z.string();
const trailers = z.record(z.string(), z.string());

/** Tools that look back at documents. */
export function tools(manager: DocumentManager): Tool[] {
  return [historyTool(manager), blameTool(manager), diffTool(manager), undoTool(manager)];
}

function historyTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "doc_history",
    title: "Look back at a document",
    description: "Who changed a document, or one section or requirement of it, when and why, newest first.",
    input: z.object({
      path,
      section: z.string().optional().describe("Heading, or A > B: only commits that touched it"),
      limit: z.int().min(1).max(100).default(PAGE_ENTRIES),
      cursor: z.string().optional(),
    }),
    output: z.object({
      path,
      entries: z.array(
        z.object({
          commit: z.string(),
          author: z.string(),
          at: z.number().describe("Epoch milliseconds"),
          subject: z.string(),
          trailers,
          what: z.enum(["added", "changed", "renamed", "removed"]).optional().describe("Of the section"),
          section: z.string().optional().describe("Its heading path at that time"),
        }),
      ),
      nextCursor: z.string().optional(),
    }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ path, section, limit, cursor }) => {
      const from = offsetOf(cursor);
      const count = Math.min(from + limit + 1, 1000);
      const found =
        section === undefined ? await manager.history(path, count) : await manager.sectionHistory(path, section, count);
      const entries = found.slice(from, from + limit).map((entry) => {
        const { commit, author, at, subject, trailers } = entry;
        const of = "what" in entry ? { what: entry.what, section: entry.section } : {};
        return { commit, author, at, subject, trailers, ...of };
      });
      return { path, entries, ...(found.length > from + limit ? { nextCursor: String(from + limit) } : {}) };
    },
    render: ({ path, entries, nextCursor }) => {
      const lines = entries.map(({ commit, author, at, subject, trailers, what }) => {
        const by = trailers["Specloop-Principal"] ?? author;
        return `- ${commit.slice(0, 10)} ${new Date(at).toISOString()} ${by}: ${what ? `(${what}) ` : ""}${subject}`;
      });
      const more = nextCursor === undefined ? [] : [`(continues: cursor ${nextCursor})`];
      return [`History of ${path}`, ...lines, ...more].join("\n");
    },
  });
}

function blameTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "doc_blame",
    title: "Who wrote a sentence",
    description: "The commits that wrote a text or lines of a document: who, when, why, for which change or question.",
    input: z.object({
      path,
      text: z.string().max(20_000).optional().describe("Occurs once"),
      startLine: z.int().min(1).optional(),
      endLine: z.int().min(1).optional(),
    }),
    output: z.object({
      path,
      parts: z.array(
        z.object({
          startLine: z.int(),
          endLine: z.int(),
          text: z.string(),
          commit: z.string().nullable().describe("Null: not committed yet"),
          author: z.string().nullable(),
          at: z.number().nullable(),
          subject: z.string().nullable(),
          trailers,
        }),
      ),
    }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ path, text, startLine, endLine }) => {
      if (text !== undefined) return { path, parts: await manager.blame(path, { text }) };
      if (startLine === undefined) {
        throw new SpecloopError("bad_input", "Name a text of the document, or its lines.", { target: "text" });
      }
      return { path, parts: await manager.blame(path, { startLine, endLine: endLine ?? startLine }) };
    },
    render: ({ path, parts }) => {
      const lines = parts.map(({ startLine, endLine, commit, author, at, subject, trailers }) => {
        const where = startLine === endLine ? `line ${startLine}` : `lines ${startLine}-${endLine}`;
        if (commit === null || at === null) return `- ${where}: not committed yet`;
        const by = trailers["Specloop-Principal"] ?? author ?? "";
        const day = new Date(at).toISOString().slice(0, 10);
        return `- ${where}: ${commit.slice(0, 10)} ${day} ${by}: ${subject ?? ""}`;
      });
      return [path, ...lines].join("\n");
    },
  });
}

function diffTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "doc_diff",
    title: "Compare two states of a document",
    description: "Unified diff of a document between two commits or revisions; now is the working tree.",
    input: z.object({ path, from: z.string().default("HEAD"), to: z.string().default(NOW) }),
    output: z.object({ path, from: z.string(), to: z.string(), diff: z.string() }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: ({ path, from, to }) => manager.compare(path, from, to),
    render: ({ path, from, to, diff }) =>
      diff === "" ? `${path} is the same in ${from} and ${to}.` : `\`\`\`diff\n${diff}\n\`\`\``,
  });
}

function undoTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "doc_undo",
    title: "Take an edit back",
    description:
      "Undoes one edit (its Specloop-Edit id) or a whole commit of specloop by a new commit; what others wrote since stays.",
    input: z.object({ target: z.string().describe("Edit id or commit"), reason: z.string().optional() }),
    output: z.object({
      status: z.enum(["committed", "commit_pending", "proposed", "unchanged", "written"]),
      commit: z.string().optional(),
      branch: z.string().optional(),
      files: z.array(z.object({ path, diff: z.string() })),
      message: z.string(),
    }),
    effect: "write",
    toolset: "full",
  }).handle({
    run: async ({ target, reason }, { principal }) => {
      const { status, commit, branch, files, message } = await manager.undo({ target, reason, principal });
      const shown = files.map(({ path, diff }) => ({ path, diff }));
      return { status, ...(commit && { commit }), ...(branch && { branch }), files: shown, message };
    },
    render: ({ status, files, message }) => {
      const diffs = files.filter(({ diff }) => diff !== "").map(({ diff }) => `\n\n\`\`\`diff\n${diff}\n\`\`\``);
      return `${status}: ${message}${diffs.join("")}`;
    },
  });
}
