import { performance } from "node:perf_hooks";
import { applyEdit, scanSections, scanTasks, type DocumentEdit } from "../src/adapters/markdown/index.ts";

/** Milliseconds that the event loop may stand still are the point of the second table. */
type Row = Record<string, string | number>;

const SIZE = 100_000;
const PATH = "openspec/specs/large/spec.md";

/** Microseconds of each kind of edit on a document of 100 kB, and milliseconds of a scan of a hostile megabyte. */
export async function run(): Promise<{ name: string; rows: Row[] }> {
  const text = largeDocument();
  const rows: Row[] = EDITS.map((edit) => {
    const times = Array.from({ length: 25 }, () => timed(() => applyEdit(text, edit, PATH))).slice(5);
    return {
      what: edit.kind,
      unit: "µs",
      p50: Math.round(at(times, 0.5) * 1000),
      p95: Math.round(at(times, 0.95) * 1000),
    };
  });
  for (const [what, piece] of Object.entries(HOSTILE)) {
    const hostile = piece.repeat(1_000_000 / piece.length);
    const times = Array.from({ length: 5 }, () => timed(() => [scanSections(hostile), scanTasks(hostile)]));
    rows.push({
      what: `1 MB of ${what}`,
      unit: "ms",
      p50: Math.round(at(times, 0.5)),
      p95: Math.round(Math.max(...times)),
    });
  }
  return { name: "edits", rows };
}

const HOSTILE = {
  "one line end per two characters": "a\n",
  "blank lines": "\n",
  "empty headings": "# \n",
  "list items": "- a\n",
  "items in items": "- - - - - - - - a\n",
  "underlined headings": "a\n=\n",
  tasks: "- [ ] a\n",
};

const EDITS: DocumentEdit[] = [
  { kind: "replace_section", section: "Purpose", content: "New." },
  { kind: "append_to_section", section: "Purpose", content: "New." },
  { kind: "insert_section", before: "Parts", content: "## New\n\ntext" },
  { kind: "rename_section", section: "Parts", to: "New" },
  { kind: "move_section", section: "Purpose", after: "Parts" },
  { kind: "delete_section", section: "Parts" },
  { kind: "replace_item", target: "an item", content: "New" },
  { kind: "add_item", after: "an item", content: "New" },
  { kind: "delete_item", target: "an item" },
  { kind: "set_task", task: "9.1", done: true },
  { kind: "add_task", after: "9.1", content: "9.2 New" },
  { kind: "reword_task", task: "9.1", content: "New" },
  { kind: "delete_task", task: "9.1" },
  { kind: "set_row", target: "a", value: { size: "2" } },
  { kind: "add_row", value: { name: "b", size: "2" } },
  { kind: "delete_row", target: "a" },
  { kind: "replace_code", target: "ts", content: "new();" },
  { kind: "add_requirement", target: "New", content: "It SHALL." },
  { kind: "modify_requirement", target: "Number 20", content: "It SHALL." },
  { kind: "remove_requirement", target: "Number 20" },
  { kind: "rename_requirement", target: "Number 20", to: "New" },
  { kind: "add_scenario", section: "Number 20", target: "New", content: "- **WHEN** a" },
  { kind: "modify_scenario", section: "Number 20", target: "Works", content: "- **WHEN** a" },
  { kind: "remove_scenario", section: "Number 20", target: "Works" },
  { kind: "rename_scenario", section: "Number 20", target: "Works", to: "New" },
  { kind: "set_front_matter", key: "owner", value: "ada" },
  { kind: "delete_front_matter", key: "title" },
  { kind: "replace_text", find: "an item", replace: "the item" },
];

function largeDocument(): string {
  const head = "---\ntitle: Large\n---\n# Large Specification\n\n## Purpose\nBe large.\n\n";
  const parts =
    "## Parts\n\n- an item\n- another\n\n- [ ] 9.1 A task\n\n| name | size |\n|------|------|\n| a    | 1    |\n\n```ts\nold();\n```\n\n## Requirements\n";
  const requirement = (number: number) =>
    `\n### Requirement: Number ${number}\nThe system SHALL do what number ${number} says, and say so in a sentence.\n\n#### Scenario: Works\n- **WHEN** somebody asks for number ${number}\n- **THEN** it is done\n`;
  let text = head + parts;
  for (let number = 1; text.length < SIZE; number += 1) text += requirement(number);
  return text;
}

function timed(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function at(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

if (import.meta.main) console.table((await run()).rows);
