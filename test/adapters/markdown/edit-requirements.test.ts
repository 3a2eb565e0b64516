import { expect, test } from "vitest";
import { applyEdit, type DocumentEdit } from "../../../src/adapters/markdown/index.ts";

const SPEC = `# Fast Specification

## Purpose
Say what is fast.

## Requirements

### Requirement: Answer fast
It SHALL answer fast.

#### Scenario: A question
- **WHEN** asked
- **THEN** answered

#### Scenario: Two questions
- **WHEN** asked twice
- **THEN** answered twice

### Requirement: Stay small
It SHALL stay small.

#### Scenario: Small
- **WHEN** measured
- **THEN** small
`;
const BLOCK = "### Requirement: New\nIt SHALL be new.\n\n#### Scenario: N\n- **WHEN** a\n- **THEN** b";
const DELTA = `## ADDED Requirements\n\n${BLOCK}\n\n## MODIFIED Requirements\n\n${BLOCK.replaceAll("New", "Old")}\n`;
const DELTA_PATH = "openspec/changes/x/specs/fast/spec.md";

const MAIN_PATH = "openspec/specs/fast/spec.md";

test.each<[string, DocumentEdit, string]>([
  ["add", { kind: "add_requirement", content: BLOCK }, `${SPEC}\n${BLOCK}\n`],
  [
    "add before",
    { kind: "add_requirement", before: "Stay small", content: BLOCK },
    SPEC.replace("### Requirement: Stay", `${BLOCK}\n\n### Requirement: Stay`),
  ],
  [
    "add after",
    { kind: "add_requirement", after: "Answer fast", target: "New", content: BLOCK.replace(/.*\n/, "") },
    SPEC.replace("### Requirement: Stay", `${BLOCK}\n\n### Requirement: Stay`),
  ],
  [
    "modify",
    { kind: "modify_requirement", target: "Stay small", content: BLOCK.replace("New", "Stay small") },
    SPEC.replace(/### Requirement: Stay[^]*/, `${BLOCK.replace("New", "Stay small")}\n`),
  ],
  [
    "remove",
    { kind: "remove_requirement", target: "Answer fast" },
    SPEC.replace(/### Requirement: Answer[^]*?(?=### Requirement: Stay)/, ""),
  ],
  [
    "remove the last",
    { kind: "remove_requirement", target: "Stay small" },
    SPEC.replace(/\n### Requirement: Stay[^]*/, ""),
  ],
  [
    "rename",
    { kind: "rename_requirement", target: "Requirement: Stay small", to: "Stay tiny" },
    SPEC.replace("Stay small", "Stay tiny"),
  ],
  [
    "add a scenario",
    { kind: "add_scenario", section: "Answer fast", target: "Three", content: "- **WHEN** x\n- **THEN** y" },
    SPEC.replace("twice\n\n### ", "twice\n\n#### Scenario: Three\n- **WHEN** x\n- **THEN** y\n\n### "),
  ],
  [
    "add a scenario before",
    { kind: "add_scenario", section: "Answer fast", before: "Two questions", content: "#### Scenario: Three\n- x" },
    SPEC.replace("#### Scenario: Two", "#### Scenario: Three\n- x\n\n#### Scenario: Two"),
  ],
  [
    "modify a scenario",
    { kind: "modify_scenario", target: "Small", content: "- **THEN** tiny" },
    SPEC.replace("- **WHEN** measured\n- **THEN** small", "- **THEN** tiny"),
  ],
  [
    "remove a scenario",
    { kind: "remove_scenario", target: "A question" },
    SPEC.replace(/#### Scenario: A q[^]*?(?=####)/, ""),
  ],
  [
    "remove the last scenario of a requirement",
    { kind: "remove_scenario", target: "Two questions" },
    SPEC.replace(/#### Scenario: Two[^]*?(?=### Req)/, ""),
  ],
  [
    "rename a scenario",
    { kind: "rename_scenario", target: "Small", to: "Tiny" },
    SPEC.replace("Scenario: Small", "Scenario: Tiny"),
  ],
])("main spec: %s", (_name, edit, expected) => {
  expect(applyEdit(SPEC, edit, MAIN_PATH)).toBe(expected);
});

const REMOVED = "## REMOVED Requirements\n\n### Requirement: Gone\n**Reason**: too slow\n";
const RENAMED = "## RENAMED Requirements\n\n- FROM: `### Requirement: A`\n- TO: `### Requirement: B`\n";

test.each<[string, string, DocumentEdit, string]>([
  ["add to an empty document", "", { kind: "add_requirement", content: BLOCK }, `## ADDED Requirements\n\n${BLOCK}\n`],
  [
    "add to its section",
    DELTA,
    { kind: "add_requirement", target: "Two", content: "It SHALL.\n\n#### Scenario: s\n- x" },
    DELTA.replace("\n\n## MOD", "\n\n### Requirement: Two\nIt SHALL.\n\n#### Scenario: s\n- x\n\n## MOD"),
  ],
  [
    "modify what it adds",
    DELTA,
    { kind: "modify_requirement", target: "New", content: "It MUST." },
    DELTA.replace(BLOCK, "### Requirement: New\nIt MUST."),
  ],
  [
    "modify what it does not have yet",
    REMOVED,
    { kind: "modify_requirement", target: "New", content: BLOCK },
    `## MODIFIED Requirements\n\n${BLOCK}\n\n${REMOVED}`,
  ],
  [
    "remove, with the reason",
    DELTA,
    { kind: "remove_requirement", target: "Gone", content: "too slow" },
    `${DELTA}\n${REMOVED}`,
  ],
  ["remove what it adds", DELTA, { kind: "remove_requirement", target: "New" }, DELTA.replace(/^[^]*?(?=## MOD)/, "")],
  [
    "remove what it modifies",
    DELTA,
    { kind: "remove_requirement", target: "Old", content: "**Reason**: x" },
    `## ADDED Requirements\n\n${BLOCK}\n\n## REMOVED Requirements\n\n### Requirement: Old\n**Reason**: x\n`,
  ],
  ["rename", REMOVED, { kind: "rename_requirement", target: "A", to: "B" }, `${REMOVED}\n${RENAMED}`],
  [
    "rename one more",
    RENAMED,
    { kind: "rename_requirement", target: "C", to: "D" },
    `${RENAMED}- FROM: \`### Requirement: C\`\n- TO: \`### Requirement: D\`\n`,
  ],
  [
    "rename again",
    RENAMED,
    { kind: "rename_requirement", target: "B", to: "D" },
    RENAMED.replace("Requirement: B", "Requirement: D"),
  ],
  [
    "rename what it adds",
    DELTA,
    { kind: "rename_requirement", target: "New", to: "Newer" },
    DELTA.replace("Requirement: New", "Requirement: Newer"),
  ],
  [
    "rename what it modifies",
    DELTA,
    { kind: "rename_requirement", target: "Old", to: "B" },
    `${DELTA.replace("Requirement: Old", "Requirement: B")}\n${RENAMED.replace("Requirement: A", "Requirement: Old")}`,
  ],
])("delta: %s", (_name, text, edit, expected) => {
  expect(applyEdit(text, edit, DELTA_PATH)).toBe(expected);
});

test("a delta removes with a reason, and never what it removes or renames already", () => {
  const refused = (text: string, edit: DocumentEdit) =>
    expect(() => applyEdit(text, edit, DELTA_PATH)).toThrow(expect.objectContaining({ code: "bad_input" }));
  refused(DELTA, { kind: "remove_requirement", target: "Gone" });
  refused(REMOVED, { kind: "remove_requirement", target: "Gone", content: "x" });
  refused(REMOVED, { kind: "modify_requirement", target: "Gone", content: "It SHALL." });
  refused(RENAMED, { kind: "rename_requirement", target: "A", to: "C" });
  refused(DELTA, { kind: "rename_requirement", target: "A", to: "New" });
});

test("a scenario of a requirement that the delta does not hold is refused with the way to do it", () => {
  const edit: DocumentEdit = { kind: "add_scenario", section: "Other", target: "s", content: "- x" };
  expect(() => applyEdit(DELTA, edit, DELTA_PATH)).toThrow(
    expect.objectContaining({ code: "unknown_section", fix: expect.stringContaining("modify_requirement") }),
  );
});

test.each<[string, string, DocumentEdit, string]>([
  [
    "a requirement that is there",
    SPEC,
    { kind: "add_requirement", target: "stay  small", content: "It SHALL." },
    "bad_input",
  ],
  ["a requirement in other case", SPEC, { kind: "remove_requirement", target: "stay small" }, "unknown_section"],
  ["two requirements as one", SPEC, { kind: "add_requirement", content: `${BLOCK}\n\n${BLOCK}` }, "bad_input"],
  [
    "a requirement that leaves its section",
    SPEC,
    { kind: "add_requirement", content: `${BLOCK}\n\n## Notes` },
    "bad_input",
  ],
  [
    "a scenario with a name that is taken",
    SPEC,
    { kind: "rename_scenario", target: "A question", to: "Two questions" },
    "bad_input",
  ],
  [
    "a scenario without steps",
    SPEC,
    { kind: "add_scenario", section: "Stay small", content: "#### Scenario: x" },
    "bad_input",
  ],
  [
    "two scenarios as one",
    SPEC,
    { kind: "modify_scenario", target: "Small", content: "- a\n\n#### Scenario: b\n- c" },
    "bad_input",
  ],
])("refuses %s", (_name, text, edit, code) => {
  expect(() => applyEdit(text, edit, "a.md")).toThrow(expect.objectContaining({ code }));
});
