import { parseDelta, parseSpec, parseTasks } from "../../src/adapters/openspec/index.ts";
import type { OpenspecVersion } from "./openspec-versions.ts";

/** What two readers may differ in, for one text. */
const SUBJECTS = ["added", "modified", "removed", "renamed", "main spec", "tasks"] as const;
type Subject = (typeof SUBJECTS)[number];
type Reading = Record<Subject, string>;

/**
 * Rules of earlier versions that ours, those of 1.13, differ from. A disagreement counts as explained when both readers
 * agree on the text without what the rule is about.
 */
const EXPLANATIONS: Record<Explanation, { without(text: string): string; subjects: readonly Subject[] }> = {
  "code is read": { without: withoutCode, subjects: SUBJECTS },
  "few task marks": { without: withPlainTasks, subjects: ["tasks"] },
  "last section counts": { without: withMergedSections, subjects: ["added", "modified", "removed", "renamed"] },
  "BOM is kept": { without: (text) => text.replace(/^\uFEFF/, ""), subjects: SUBJECTS },
};
export type Explanation = "code is read" | "few task marks" | "last section counts" | "BOM is kept";
export const EXPLANATION_NAMES: readonly Explanation[] = [
  "code is read",
  "few task marks",
  "last section counts",
  "BOM is kept",
];

/** How often both read the same, and why not. */
export interface Agreement {
  texts: number;
  comparisons: number;
  differing: Record<Explanation, number>;
  unexplained: string[];
}

export function compareTexts(texts: [name: string, text: string][], version: OpenspecVersion): Agreement {
  const differing = Object.fromEntries(EXPLANATION_NAMES.map((name) => [name, 0])) as Agreement["differing"];
  const unexplained: string[] = [];
  for (const [name, text] of texts) {
    const [ours, theirs] = [readOurs(text), readTheirs(text, version)];
    for (const subject of SUBJECTS) {
      if (ours[subject] === theirs[subject]) continue;
      const why = EXPLANATION_NAMES.find((explanation) => isExplained(text, subject, { explanation, version }));
      if (why) differing[why] += 1;
      else unexplained.push(`${version.version} ${name}, ${subject}: ${ours[subject]} or ${theirs[subject]}`);
    }
  }
  return { texts: texts.length, comparisons: texts.length * SUBJECTS.length, differing, unexplained };
}

function isExplained(
  text: string,
  subject: Subject,
  { explanation, version }: { explanation: Explanation; version: OpenspecVersion },
): boolean {
  const { without, subjects } = EXPLANATIONS[explanation];
  const plain = without(text);
  return (
    subjects.includes(subject) && plain !== text && readOurs(plain)[subject] === readTheirs(plain, version)[subject]
  );
}

function readOurs(text: string): Reading {
  const { added, modified, removed, renamed } = parseDelta(text);
  const tasks = parseTasks(text);
  return reading({
    added,
    modified,
    removed: removed.map(({ name }) => name),
    renamed,
    spec: parseSpec(text).requirements,
    tasks: [tasks.filter(({ done }) => done).length, tasks.length],
  });
}

function readTheirs(text: string, version: OpenspecVersion): Reading {
  const { total, completed } = version.countTasksFromContent(text);
  const spec = version.extractRequirementsSection(text).bodyBlocks;
  return reading({ ...version.parseDeltaSpec(text), spec, tasks: [completed, total] });
}

interface Block {
  name: string;
  raw: string;
}

function reading(parts: {
  added: Block[];
  modified: Block[];
  removed: string[];
  renamed: { from: string; to: string }[];
  spec: Block[];
  tasks: [number, number];
}): Reading {
  const blocks = (list: Block[]) => JSON.stringify(list.map(({ name, raw }) => [name, raw]));
  return {
    added: blocks(parts.added),
    modified: blocks(parts.modified),
    removed: JSON.stringify(parts.removed),
    renamed: JSON.stringify(parts.renamed.map(({ from, to }) => [from, to])),
    "main spec": blocks(parts.spec),
    tasks: JSON.stringify(parts.tasks),
  };
}

/** Lines of fenced code emptied. */
function withoutCode(text: string): string {
  let fence: string | null = null;
  return text
    .split("\n")
    .map((line) => {
      const mark = /^\s*(`{3,}|~{3,})(.*)$/.exec(line);
      const isInside = fence !== null || mark !== null;
      if (fence === null) fence = mark?.[1] ?? null;
      else if (mark && mark[1]!.startsWith(fence) && mark[2]!.trim() === "") fence = null;
      return isInside ? "" : line;
    })
    .join("\n");
}

/** Every item that 1.13 counts written as `- [ ]` or `- [x]` at the margin. */
function withPlainTasks(text: string): string {
  const lines = text.split("\n");
  for (const { line, done } of parseTasks(text)) lines[line - 1] = done ? "- [x] a" : "- [ ] a";
  return lines.join("\n");
}

/** Sections of the second level with the same title written as one. */
function withMergedSections(text: string): string {
  const sections = new Map<string, string>();
  for (const section of text.split(/^(?=## )/m)) {
    const heading = /^## .*\n?/.exec(section)?.[0] ?? "";
    const key = heading.trim().toLowerCase();
    sections.set(key, sections.has(key) ? `${sections.get(key)}${section.slice(heading.length)}` : section);
  }
  return [...sections.values()].join("");
}
