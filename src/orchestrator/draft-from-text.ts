import { sha256 } from "../foundation/hash.ts";
import type { ChangeDraft } from "../adapters/openspec/index.ts";
import { splitLines } from "../adapters/openspec/index.ts";

/** What a caller gives; a title is enough. */
export interface ProposalInput {
  title: string;
  id?: string | undefined;
  content?: string | undefined;
  why?: string | undefined;
  whatChanges?: string[] | undefined;
  impact?: string[] | undefined;
  design?: string | undefined;
  tasks?: ChangeDraft["tasks"] | undefined;
  deltas?: ChangeDraft["deltas"] | undefined;
  goal?: string | undefined;
}

const MAX_ID = 60;
/** Letters that do not come apart into a Latin one and a mark. */
const LETTERS: Record<string, string> = { ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l" };

/**
 * A complete draft from what is given. `content` is markdown: its sections Why, What Changes, Impact, Tasks and Design
 * are used where they exist, else all of it is the reason. Without deltas the change declares that it alters no
 * requirement, which OpenSpec then accepts.
 */
export function draftFrom(input: ProposalInput): ChangeDraft {
  const sections = sectionsOf(input.content ?? "");
  const section = (name: string) => sections.get(name) ?? "";
  const { title, deltas = [], goal } = input;
  const design = textOr(input.design, section("design"), "");
  return {
    id: input.id ?? idFrom(title),
    title,
    why: textOr(input.why, section("why"), section(""), title),
    whatChanges: itemsOr(input.whatChanges, section("what changes"), title),
    impact: itemsOr(input.impact, section("impact"), "No requirement changes; see the tasks."),
    ...(design === "" ? {} : { design }),
    tasks: input.tasks ?? [{ group: "Implementation", items: itemsOr(undefined, section("tasks"), title) }],
    deltas,
    skipSpecs: deltas.length === 0,
    extraFiles: {},
    ...(goal === undefined ? {} : { goal }),
  };
}

/** The first text that says something. */
function textOr(...texts: (string | undefined)[]): string {
  return texts.find((text) => text !== undefined && text.trim() !== "") ?? "";
}

function itemsOr(given: string[] | undefined, text: string, fallback: string): string[] {
  const items = given ?? itemsOf(text);
  return items.length > 0 ? items : [fallback];
}

/** Lower-case words of the title; a hash where it has no Latin letters. */
export function idFrom(title: string): string {
  const plain = title.toLowerCase().replaceAll(/[ßæœøł]/g, (letter) => LETTERS[letter] ?? letter);
  const words =
    plain
      .normalize("NFKD")
      .replaceAll(/\p{M}/gu, "")
      .match(/[a-z0-9]+/g) ?? [];
  let id = "";
  for (const word of words) if (id.length + word.length < MAX_ID) id = id === "" ? word : `${id}-${word}`;
  return id === "" || id === "archive" ? `change-${sha256(title).slice(0, 8)}` : id;
}

/** Text below each level-two heading by its lower-case name; what stands before the first has the empty name. */
function sectionsOf(content: string): Map<string, string> {
  const { text, fenced } = splitLines(content);
  const sections = new Map<string, string>();
  let name = "";
  for (const [index, line] of text.entries()) {
    const heading = fenced[index] ? null : /^##\s+(.+)$/.exec(line);
    if (heading) name = heading[1]!.trim().toLowerCase();
    else if (fenced[index] || !/^#\s/.test(line)) sections.set(name, `${sections.get(name) ?? ""}${line}\n`);
  }
  const known = ["why", "what changes", "impact", "tasks", "design"];
  if (known.some((key) => sections.has(key))) return sections;
  return new Map([["", content.trim()]]);
}

/** List items without marker and box; without a list, paragraphs. */
function itemsOf(text: string): string[] {
  const items = [...text.matchAll(/^\s*(?:[-*+]|\d{1,9}[.)])\s+(?:\[.?\]\s+)?(.+)$/gm)].map((match) =>
    match[1]!.trim(),
  );
  const lines = items.length > 0 ? items : text.split(/\n\s*\n/).map((paragraph) => paragraph.trim());
  return lines
    .map((line) => line.replace(/^\d+(?:\.\d+)+\s+/, ""))
    .filter((line) => line !== "" && !line.startsWith("#"));
}
