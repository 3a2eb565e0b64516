import { expect, test } from "vitest";
import { applyEdit, type DocumentEdit } from "../../../src/adapters/markdown/index.ts";

const LIST = "# L\n\n- one\n- two\n  - inner\n- [ ] three\n\n## N\n\n1. first\n\n2. second\n";
const TASKS = "## 1. A\n\n- [x] 1.1 First\n- [ ] 1.2 Second\n  - [ ] 1.2.1 Inner\n\n## 2. B\n\ntext\n";
const TABLE = "# T\n\n| name | size |\n|------|------|\n| a    | 1    |\n| `b`  | 2    |\n\nend\n";
const CODE = "# C\n\n```ts\nold\n```\n\n- item\n  ```sh\n  run\n  ```\n";
const SECTIONS = "# T\n\nintro\n\n## A\n\na\n\n### S\n\ns\n\n## B ##\n\nb\n\nC\n--\n\nc\n";
const FRONT = "---\n# about a\na: 1 # one\nb:\n  - x\n  - y\n# about c\nc: |\n  text\nd: {k: v}\n---\n\nbody\n";

test.each<[string, string, DocumentEdit, string]>([
  // Sections.
  [
    "insert before",
    SECTIONS,
    { kind: "insert_section", before: "A", content: "## N\n\nn\n" },
    SECTIONS.replace("## A", "## N\n\nn\n\n## A"),
  ],
  [
    "insert after, in front of an underlined heading",
    SECTIONS,
    { kind: "insert_section", after: "B", content: "## N\nn" },
    SECTIONS.replace("C\n--", "## N\nn\n\nC\n--"),
  ],
  ["insert at the end", SECTIONS, { kind: "insert_section", after: "C", content: "## N" }, `${SECTIONS}\n## N\n`],
  ["rename", SECTIONS, { kind: "rename_section", section: "S", to: "### Z z" }, SECTIONS.replace("### S", "### Z z")],
  [
    "rename a closed one",
    SECTIONS,
    { kind: "rename_section", section: "B", to: "Z" },
    SECTIONS.replace("B ##", "Z ##"),
  ],
  [
    "rename an underlined one",
    SECTIONS,
    { kind: "rename_section", section: "C", to: "Z" },
    SECTIONS.replace("C\n--", "Z\n--"),
  ],
  ["rename an empty one", "#\n\na\n", { kind: "rename_section", section: "", to: "Z" }, "# Z\n\na\n"],
  [
    "move before",
    SECTIONS,
    { kind: "move_section", section: "B", before: "A" },
    "# T\n\nintro\n\n## B ##\n\nb\n\n## A\n\na\n\n### S\n\ns\n\nC\n--\n\nc\n",
  ],
  [
    "move to the end",
    SECTIONS,
    { kind: "move_section", section: "A", after: "C" },
    "# T\n\nintro\n\n## B ##\n\nb\n\nC\n--\n\nc\n\n## A\n\na\n\n### S\n\ns\n",
  ],
  [
    "move below another section",
    SECTIONS,
    { kind: "move_section", section: "S", after: "B" },
    "# T\n\nintro\n\n## A\n\na\n\n## B ##\n\nb\n\n### S\n\ns\n\nC\n--\n\nc\n",
  ],
  ["move where it is", SECTIONS, { kind: "move_section", section: "B", after: "A" }, SECTIONS],
  [
    "delete with subsections",
    SECTIONS,
    { kind: "delete_section", section: "A" },
    SECTIONS.replace(/## A[^]*?(?=## B)/, ""),
  ],
  ["delete the last", SECTIONS, { kind: "delete_section", section: "C" }, SECTIONS.replace("\nC\n--\n\nc\n", "")],
  // List items.
  [
    "replace an item, not what is inside",
    LIST,
    { kind: "replace_item", target: "two", content: "zwei\nx" },
    LIST.replace("two", "zwei\n  x"),
  ],
  [
    "replace an item that is a task",
    LIST,
    { kind: "replace_item", target: "three", content: "drei" },
    LIST.replace("three", "drei"),
  ],
  [
    "replace the n-th item",
    LIST,
    { kind: "replace_item", section: "N", occurrence: 2, content: "b" },
    LIST.replace("second", "b"),
  ],
  ["by its beginning", LIST, { kind: "replace_item", target: "inn", content: "b" }, LIST.replace("inner", "b")],
  [
    "insert an item",
    LIST,
    { kind: "add_item", after: "two", content: "- new" },
    LIST.replace("inner\n", "inner\n- new\n"),
  ],
  [
    "insert in front of an inner one",
    LIST,
    { kind: "add_item", before: "inner", content: "new" },
    LIST.replace("  - inner", "  - new\n  - inner"),
  ],
  [
    "append a numbered item to a loose list",
    LIST,
    { kind: "add_item", section: "N", content: "third" },
    `${LIST}\n3. third\n`,
  ],
  ["append to a list without a line end", "- a\n- b", { kind: "add_item", content: "c" }, "- a\n- b\n- c"],
  ["begin a list", "# A\n\ntext\n", { kind: "add_item", section: "A", content: "c" }, "# A\n\ntext\n\n- c\n"],
  [
    "delete an item with what is inside",
    LIST,
    { kind: "delete_item", target: "two" },
    LIST.replace("- two\n  - inner\n", ""),
  ],
  ["delete an item of a loose list", LIST, { kind: "delete_item", target: "first" }, LIST.replace("1. first\n\n", "")],
  [
    "delete the last item of a loose list",
    LIST,
    { kind: "delete_item", target: "second" },
    LIST.replace("\n2. second\n", ""),
  ],
  // Tasks.
  [
    "reword, number kept",
    TASKS,
    { kind: "reword_task", task: "1.2", content: "Zweitens" },
    TASKS.replace("Second", "Zweitens"),
  ],
  [
    "reword, new number",
    TASKS,
    { kind: "reword_task", task: "Second", content: "1.3 Third" },
    TASKS.replace("1.2 Second", "1.3 Third"),
  ],
  [
    "add behind a task and what is inside it",
    TASKS,
    { kind: "add_task", after: "1.2", content: "1.3 Third" },
    TASKS.replace("Inner\n", "Inner\n- [ ] 1.3 Third\n"),
  ],
  [
    "add in front",
    TASKS,
    { kind: "add_task", before: "1.1", content: "1.0 Zero", done: true },
    TASKS.replace("- [x] 1.1", "- [x] 1.0 Zero\n- [x] 1.1"),
  ],
  [
    "add to a group",
    TASKS,
    { kind: "add_task", section: "1. A", content: "1.3 Third" },
    TASKS.replace("Inner\n", "Inner\n- [ ] 1.3 Third\n"),
  ],
  [
    "add to a section without tasks",
    TASKS,
    { kind: "add_task", section: "2. B", content: "2.1 New" },
    `${TASKS}\n- [ ] 2.1 New\n`,
  ],
  [
    "delete with what is inside",
    TASKS,
    { kind: "delete_task", task: "1.2" },
    TASKS.replace(/- \[ \] 1\.2 Second\n.*\n/, ""),
  ],
  // Tables.
  [
    "set cells, width kept",
    TABLE,
    { kind: "set_row", target: "a", value: { size: "10" } },
    TABLE.replace("1    ", "10   "),
  ],
  [
    "set a cell that is too wide, pipe escaped",
    TABLE,
    { kind: "set_row", target: "b", value: { size: "two|three" } },
    TABLE.replace("| 2    |", "| two\\|three |"),
  ],
  [
    "a row by another column",
    TABLE,
    { kind: "set_row", key: "size", target: "2", value: { name: "c" } },
    TABLE.replace("`b`", "c  "),
  ],
  [
    "add a row",
    TABLE,
    { kind: "add_row", value: { name: "c", size: "3" } },
    TABLE.replace("2    |\n", "2    |\n| c    | 3    |\n"),
  ],
  [
    "add a row in front, by order",
    TABLE,
    { kind: "add_row", before: "a", value: ["c", "3"] },
    TABLE.replace("| a ", "| c    | 3    |\n| a "),
  ],
  [
    "add to a table without rows or line end",
    "|a|b|\n|-|-|",
    { kind: "add_row", value: ["1", "2"] },
    "|a|b|\n|-|-|\n| 1 | 2 |",
  ],
  ["delete a row", TABLE, { kind: "delete_row", target: "b" }, TABLE.replace("| `b`  | 2    |\n", "")],
  // Code.
  [
    "a block by its language",
    CODE,
    { kind: "replace_code", target: "ts", content: "new\n# x\n" },
    CODE.replace("old", "new\n# x"),
  ],
  [
    "a block in a list",
    CODE,
    { kind: "replace_code", target: "sh", content: "go\n\nx" },
    CODE.replace("  run", "  go\n\n  x"),
  ],
  ["emptied", CODE, { kind: "replace_code", occurrence: 1, content: "" }, CODE.replace("old\n", "")],
  // Front matter.
  ["the key with its comment", FRONT, { kind: "delete_front_matter", key: "a" }, FRONT.replace("a: 1 # one\n", "")],
  ["a list", FRONT, { kind: "delete_front_matter", key: "b" }, FRONT.replace("b:\n  - x\n  - y\n", "")],
  ["a block of text", FRONT, { kind: "delete_front_matter", key: "c" }, FRONT.replace("c: |\n  text\n", "")],
  ["the last key", "---\na: 1\n---\n\nbody\n", { kind: "delete_front_matter", key: "a" }, "body\n"],
])("%s", (_name, text, edit, expected) => {
  expect(applyEdit(text, edit, "a.md")).toBe(expected);
});

test("cells are told by their place where two columns have one name", () => {
  const text = "| a | a |\n|---|---|\n| 1 | 2 |\n";
  expect(applyEdit(text, { kind: "set_row", target: "1", value: ["1", "3"] }, "a.md")).toBe(text.replace("2", "3"));
  expect(() => applyEdit(text, { kind: "set_row", target: "1", value: { a: "3" } }, "a.md")).toThrow(
    expect.objectContaining({ code: "ambiguous_target" }),
  );
});

test.each<[string, string, DocumentEdit, string]>([
  ["a section with another level", SECTIONS, { kind: "insert_section", before: "A", content: "### N" }, "bad_input"],
  ["a section beside nothing", SECTIONS, { kind: "insert_section", content: "## N" }, "bad_input"],
  [
    "a section on two sides",
    SECTIONS,
    { kind: "insert_section", before: "A", after: "B", content: "## N" },
    "bad_input",
  ],
  ["a section into itself", SECTIONS, { kind: "move_section", section: "A", after: "S" }, "bad_input"],
  ["a section above its own level", SECTIONS, { kind: "move_section", section: "B", after: "S" }, "bad_input"],
  ["a heading of two lines", SECTIONS, { kind: "rename_section", section: "B", to: "a\nb" }, "bad_input"],
  ["an item with an open fence", LIST, { kind: "replace_item", target: "one", content: "a\n\n# b\n```" }, ""],
  ["an item that two fit", "- a\n- a\n", { kind: "replace_item", target: "a", content: "b" }, "ambiguous_target"],
  ["an item that is not there", LIST, { kind: "delete_item", target: "zzz" }, "unknown_section"],
  ["an item on the line of another one", "- - a\n- b\n", { kind: "delete_item", target: "a" }, "bad_input"],
  ["a task of two lines", TASKS, { kind: "reword_task", task: "1.1", content: "a\nb" }, "bad_input"],
  ["a cell of two lines", TABLE, { kind: "set_row", target: "a", value: { size: "1\n2" } }, "bad_input"],
  ["a column that is not there", TABLE, { kind: "set_row", target: "a", value: { no: "1" } }, "unknown_section"],
  ["a row that is not there", TABLE, { kind: "delete_row", target: "z" }, "unknown_section"],
  ["a row with too few cells", TABLE, { kind: "add_row", value: ["1"] }, "bad_input"],
  ["code that closes its block", CODE, { kind: "replace_code", target: "ts", content: "a\n```\nb" }, "bad_input"],
  ["code of two blocks", CODE, { kind: "replace_code", content: "a" }, "ambiguous_target"],
  ["a key that is not there", FRONT, { kind: "delete_front_matter", key: "z" }, "unknown_section"],
  ["a key in braces", "---\n{a: 1, b: 2}\n---\n", { kind: "delete_front_matter", key: "a" }, "bad_front_matter"],
])("refuses %s", (_name, text, edit, code) => {
  if (code === "") return expect(() => applyEdit(text, edit, "a.md")).not.toThrow();
  expect(() => applyEdit(text, edit, "a.md")).toThrow(expect.objectContaining({ code }));
});
