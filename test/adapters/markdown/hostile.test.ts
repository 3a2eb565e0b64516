import { expect } from "vitest";
import {
  applyEdit,
  readFrontMatter,
  scanSections,
  scanTasks,
  type DocumentEdit,
} from "../../../src/adapters/markdown/index.ts";
import { scanBlocks } from "../../../src/adapters/markdown/scan.ts";
import { SpecloopError } from "../../../src/foundation/errors.ts";
import { scenario } from "../../helpers/scenario.ts";

/** What is hard to scan, as long as wanted. The one with a long heading took 97 s once. */
function hostile(size: number): string[] {
  const repeated = [
    "a\n",
    "a\r",
    "\n",
    "# \n",
    "# a\n###### b\n",
    "- ",
    "* ",
    "1. ",
    "> ",
    ">\n",
    "- a\n",
    "- - - - - - - a\n",
  ];
  const more = [
    "- [ ] a\n",
    "-[]\n",
    "|a\n",
    "|a|\n|-|\n",
    "<a>\n",
    "<!--\n",
    "```\n",
    "a\n=\n",
    "\t\n",
    "[",
    "`",
    "#",
    "|",
    "---\n",
  ];
  return [
    ...[...repeated, ...more].map((piece) => piece.repeat(size / piece.length)),
    `# ${"x".repeat(size / 2)}\n${"## a\n".repeat(size / 10)}`,
    `${"- ".repeat(size / 2)}x`,
    `- [${" ".repeat(size)}`,
    `|a|b|\n|-|-|\n${"|\\|".repeat(size / 3)}`,
    `${"  ".repeat(40)}- a\n`.repeat(size / 84),
  ];
}

const EDITS: DocumentEdit[] = [
  { kind: "rename_section", section: "zz", to: "y" },
  { kind: "replace_item", target: "zz", content: "y" },
  { kind: "set_task", task: "zz", done: true },
  { kind: "set_row", target: "zz", value: { a: "1" } },
  { kind: "replace_code", target: "zz", content: "" },
  { kind: "modify_scenario", target: "zz", content: "- x" },
  { kind: "append_to_section", section: "a", content: "x" },
];

scenario(
  "documents",
  "Hostile documents are scanned in linear time",
  () => {
    // The time limit is the assertion: at a megabyte any quadratic step takes minutes.
    for (const text of hostile(1_000_000)) {
      scanSections(text);
      scanTasks(text);
      scanBlocks(text);
    }
    for (const text of hostile(50_000)) {
      for (const edit of EDITS) {
        try {
          applyEdit(text, edit, "a.md");
        } catch (error) {
          if (!(error instanceof SpecloopError)) throw error;
          expect(JSON.stringify([error.message, error.details]).length).toBeLessThan(50_000);
        }
      }
    }
  },
  120_000,
);

scenario("documents", "Code in front matter is never run", () => {
  const globals = globalThis as { ranFrontMatter?: boolean };
  for (const language of ["js", "javascript", "coffee", " js", "json"]) {
    const text = `---${language}\n(globalThis.ranFrontMatter = true, { a: 1 })\n---\n# Body\n`;
    expect(readFrontMatter(text, "a.md").data).toEqual({});
    applyEdit(text, { kind: "rename_section", section: "Body", to: "Text" }, "a.md");
    applyEdit(text, { kind: "set_front_matter", key: "a", value: 1 }, "a.md");
  }
  const keys = Array.from({ length: 50_000 }, (_, index) => `k${index}: 1`).join("\n");
  const bombs = [
    "a: !!js/function 'function () { globalThis.ranFrontMatter = true }'\nb: [",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
    keys,
    `a: ${"[".repeat(5000)}`,
    "a: {".repeat(5000),
    Array.from({ length: 3000 }, (_, depth) => `${" ".repeat(depth % 100)}k${depth}:`).join("\n"),
  ];
  for (const yaml of bombs) {
    const text = `---\n${yaml}\n---\n# Body\n`;
    expect(() => readFrontMatter(text, "a.md")).toThrow(expect.objectContaining({ code: "bad_front_matter" }));
    expect(() => applyEdit(text, { kind: "delete_front_matter", key: "a" }, "a.md")).toThrow(
      expect.objectContaining({ code: "bad_front_matter" }),
    );
  }
  expect(globals.ranFrontMatter).toBeUndefined();
});
