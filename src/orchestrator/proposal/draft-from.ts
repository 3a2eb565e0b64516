import { sha256 } from "../../foundation/hash.ts";
import type { ChangeDraft } from "../../adapters/openspec/index.ts";
import { splitLines } from "../../adapters/openspec/index.ts";
import { draftDeltas, type MainRequirement } from "./deltas.ts";
import type { ProposalInput } from "./input.ts";

const MAX_ID = 60;
/** Letters that do not come apart into a Latin one and a mark. */
const LETTERS: Record<string, string> = { ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l" };

/**
 * A complete draft from what is given; fields win over `content`, which is markdown: its sections Why, What Changes, Impact, Tasks (with
 * level-three headings as groups) and Design are used where they exist, else all of it is the reason. Without delta
 * specs the change declares that it alters no requirement, which OpenSpec then accepts.
 */
export function draftFrom(input: ProposalInput, main: MainRequirement): ChangeDraft {
  const { title, id, content = "", specs = {}, deltas = [] } = input;
  const sections = sectionsOf(content);
  const section = (name: string) => sections.get(name) ?? "";
  const design = input.design ?? section("design");
  const files = Object.entries(specs).map(([capability, text]) => [
    `specs/${capability}/spec.md`,
    `${text.trimEnd()}\n`,
  ]);
  const changesSpecs = files.length > 0 || deltas.length > 0;
  return {
    id: id ?? idFrom(title),
    title,
    why: textOr(input.why ?? "", section("why"), section(""), title),
    whatChanges: given(input.whatChanges) ?? itemsOr(section("what changes"), title),
    impact:
      given(input.impact) ??
      itemsOr(section("impact"), changesSpecs ? "See the specs." : "No requirement changes; see the tasks."),
    ...(design.trim() === "" ? {} : { design }),
    tasks: input.tasks ? groupsOf(input.tasks) : tasksOf(section("tasks"), title),
    deltas: draftDeltas(deltas, main),
    skipSpecs: !changesSpecs,
    extraFiles: Object.fromEntries(files) as Record<string, string>,
  };
}

function given(items: string[] | undefined): string[] | undefined {
  const said = items?.filter((item) => item.trim() !== "") ?? [];
  return said.length > 0 ? said : undefined;
}

/** Tasks from a list in which a line that ends in a colon begins a group. */
function groupsOf(lines: string[]): ChangeDraft["tasks"] {
  const groups: ChangeDraft["tasks"] = [];
  for (const line of lines.map((text) => text.trim()).filter((text) => text !== "")) {
    const last = groups.at(-1);
    if (line.endsWith(":")) groups.push({ group: line.slice(0, -1), items: [] });
    else if (last) last.items.push(...itemsOf(line));
    else groups.push({ group: "Implementation", items: itemsOf(line) });
  }
  return groups.filter(({ items }) => items.length > 0);
}

function tasksOf(text: string, fallback: string): ChangeDraft["tasks"] {
  const groups: ChangeDraft["tasks"] = [];
  for (const part of text.split(/^(?=###\s)/m)) {
    const heading = /^###\s+(?:\d+\.\s+)?(.+)$/m.exec(part);
    const items = itemsOf(heading ? part.slice(part.indexOf("\n") + 1) : part);
    if (items.length > 0) groups.push({ group: heading?.[1]?.trim() ?? "Implementation", items });
  }
  return groups.length > 0 ? groups : [{ group: "Implementation", items: [fallback] }];
}

/** The first text that says something. */
function textOr(...texts: string[]): string {
  return texts.find((text) => text.trim() !== "") ?? "";
}

function itemsOr(text: string, fallback: string): string[] {
  const items = itemsOf(text);
  return items.length > 0 ? items : [fallback];
}

/** Lower-case words of the title; a hash where it has no Latin letters. */
function idFrom(title: string): string {
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
  const items = [...text.matchAll(/^[^\S\r\n]*(?:[-*+]|\d{1,9}[.)])\s+(?:\[.?\]\s+)?(.+)$/gm)].map((match) =>
    match[1]!.trim(),
  );
  const lines = items.length > 0 ? items : text.split(/\n\s*\n/).map((paragraph) => paragraph.trim());
  return lines
    .map((line) => line.replace(/^\d+(?:\.\d+)+\s+/, ""))
    .filter((line) => line !== "" && !line.startsWith("#"));
}
