import { z } from "zod";
import { findSection } from "../adapters/markdown/index.ts";
import { defineTool, type Tool } from "../foundation/tool.ts";
import { tools as backupTools } from "./backup/tools.ts";
import { offsetOf } from "./cursor.ts";
import { tools as lookBackTools } from "./look-back/tools.ts";
import type { DocumentManager } from "./manager.ts";
import type { DocumentView } from "./types.ts";
import { updateTool } from "./update-tool.ts";

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
        headings: outlineOf(view.sections),
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

const MAX_HEADINGS = 1000;
const MAX_HEADING = 200;

/** Heading paths, bounded: below one heading as long as the document a thousand paths would be a thousand documents. */
function outlineOf(sections: DocumentView["sections"]): string[] {
  const named = sections.filter(({ level }) => level > 0);
  const shown = named.slice(0, MAX_HEADINGS).map(({ path }) => path.map(cutHeading).join(" > "));
  return named.length > MAX_HEADINGS ? [...shown, `… ${named.length - MAX_HEADINGS} more`] : shown;
}

function cutHeading(heading: string): string {
  return heading.length > MAX_HEADING ? `${heading.slice(0, MAX_HEADING)}…` : heading;
}

/** A page never ends inside a character: half of a surrogate pair is no text. */
function pageEnd(text: string, from: number): number {
  const to = from + PAGE_CHARACTERS;
  return /[\uD800-\uDBFF]/.test(text.charAt(to - 1)) ? to - 1 : to;
}
