import { SpecloopError } from "../../foundation/errors.ts";
import { besideOf, requireText } from "./choose.ts";
import { findSection } from "./find-section.ts";
import { frontMatterRange } from "./front-matter.ts";
import { atxLevel } from "./block-starts.ts";
import { dominantLineEnd } from "./lines.ts";
import type { Section, SectionEdit } from "./port.ts";
import { findHeadings } from "./scan.ts";
import { scanSections } from "./sections.ts";
import {
  blankBefore,
  coreOf,
  insertedBlock,
  joined,
  removedLines,
  spliced,
  trimmedContent,
  type Splice,
} from "./splice.ts";

type Of<Kind extends SectionEdit["kind"]> = Extract<SectionEdit, { kind: Kind }>;

/** A new section in front of another one or behind it, at its level. */
export function insertSection(text: string, edit: Of<"insert_section">, path: string): Splice {
  requireText(edit.content, edit.kind, path);
  const { anchor, side } = anchorOf(text, edit, path);
  const lineEnd = dominantLineEnd(text);
  const body = trimmedContent(edit.content, lineEnd);
  const headings = findHeadings(body, 0);
  const level = anchor.level;
  if (headings[0]?.start !== 0 || headings[0].level !== level || headings.some((heading) => heading.level < level)) {
    throw new SpecloopError(
      "bad_input",
      `A section beside "${anchor.heading}" begins with a heading of level ${level}.`,
      {
        target: path,
        fix: `Begin the content with "${"#".repeat(level)} Heading" and use deeper headings below; append_to_section adds text.`,
      },
    );
  }
  const splice = insertedBlock(text, side === "before" ? anchor.start : anchor.end, body, lineEnd);
  return notSwallowed(text, splice, { added: headings.length, path });
}

/** A section with its subsections in front of another one or behind it; behind a higher one it becomes its last child. */
export function moveSection(text: string, edit: Of<"move_section">, path: string): Splice {
  const section = findSection(text, edit, path);
  const { anchor, side } = anchorOf(text, edit, path);
  const at = side === "before" ? anchor.start : anchor.end;
  if (at > section.start && at < section.end) {
    throw new SpecloopError("bad_input", `"${section.heading}" cannot move into itself.`, { target: path });
  }
  if (side === "before" ? section.level !== anchor.level : section.level < anchor.level) {
    throw new SpecloopError(
      "bad_input",
      `"${section.heading}" has level ${section.level} and "${anchor.heading}" level ${anchor.level}, so sections would come apart.`,
      { target: path, fix: "Name a section of the same level." },
    );
  }
  if (at === section.start || at === section.end) return { start: at, end: at, replacement: "" };
  const core = coreOf(text, section.start, section.end)!;
  const insertion = insertedBlock(text, at, text.slice(core.start, core.end), dominantLineEnd(text));
  return notSwallowed(text, joined(text, [removal(text, section), insertion]), { added: 0, path });
}

export function deleteSection(text: string, edit: Of<"delete_section">, path: string): Splice {
  return removal(text, findSection(text, edit, path));
}

/** The text of the heading alone changes: its marks, also closing ones and underlines, stay. */
export function renameSection(text: string, edit: Of<"rename_section">, path: string): Splice {
  const section = findSection(text, edit, path);
  const to = edit.to.trim().replace(new RegExp(`^#{${section.level}}[ \\t]+`), "");
  const place = headingText(text, section);
  const splice = { ...place, replacement: text[place.start - 1] === "#" ? ` ${to}` : to };
  const found = scanSections(spliced(text, splice)).find(({ start }) => start === section.start);
  if (found?.heading === to && found.level === section.level && !/[\r\n]/.test(to)) return splice;
  throw new SpecloopError("bad_input", `"${edit.to}" cannot be the text of that heading of ${path}.`, {
    target: path,
    fix: "Give one line of text, without # marks at its end.",
  });
}

function anchorOf(text: string, edit: Of<"insert_section"> | Of<"move_section">, path: string) {
  const beside = besideOf(edit, path);
  if (beside) return { side: beside.side, anchor: findSection(text, { section: beside.name }, path) };
  throw new SpecloopError("bad_input", `An edit of kind ${edit.kind} needs "before" or "after".`, {
    target: path,
    fix: 'Name the heading of a section that is there, for example {"after":"Why"}.',
  });
}

/** Behind a code fence or comment that nothing closes a section would be part of it. */
function notSwallowed(text: string, splice: Splice, { added, path }: { added: number; path: string }): Splice {
  const count = (one: string) => findHeadings(one, frontMatterRange(one)?.bodyStart ?? 0).length;
  if (count(spliced(text, splice)) === count(text) + added) return splice;
  throw new SpecloopError("bad_input", `The section would be no section at that place of ${path}.`, {
    target: path,
    fix: "Close the code fence or HTML comment in front of it first, with replace_text.",
  });
}

function removal(text: string, { start, end }: Section): Splice {
  const floor = frontMatterRange(text)?.bodyStart ?? 0;
  if (end >= text.length) return removedLines(text, start, end, floor);
  // An underlined heading must not get the paragraph above as its first line.
  const needsGap = text[end] !== "#" && start > floor && !blankBefore(text, start);
  return { start, end, replacement: needsGap ? dominantLineEnd(text) : "" };
}

/** Where the text of a heading stands, without marks and the spaces around it. */
function headingText(text: string, { start, bodyStart }: Section): { start: number; end: number } {
  const lines = coreOf(text, start, bodyStart)!;
  const line = text.slice(lines.start, lines.end);
  const indent = line.length - line.trimStart().length;
  const level = atxLevel(line.slice(indent).split(/[\r\n]/, 1)[0] ?? "");
  if (level === 0) {
    const above = line.slice(0, Math.max(line.lastIndexOf("\n"), line.lastIndexOf("\r"))).trimEnd();
    return { start: start + indent, end: start + above.length };
  }
  const from = indent + level;
  const rest = line.slice(from);
  const lead = rest.length - rest.trimStart().length;
  const closing = /(?:^|[ \t])#+[ \t]*$/.exec(rest)?.[0].length ?? 0;
  const end = Math.max(lead, rest.slice(0, rest.length - closing).trimEnd().length);
  return { start: start + from + Math.min(lead, end), end: start + from + end };
}
