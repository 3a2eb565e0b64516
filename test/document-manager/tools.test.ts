import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { unifiedDiff } from "../../src/document-manager/diff.ts";
import { tools } from "../../src/document-manager/index.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, openRoom, type Room } from "./room.ts";

const doc = "openspec/changes/a/tasks.md";
const text = `---\nowner: ada\n---\n# Tasks\n\n## 1. Build\n\n- [x] 1.1 First\n- [ ] 1.2 Second\n\n## Notes\n\n${"x".repeat(30_000)}\n`;
const files = { [doc]: text, ".gitignore": ".specloop/\n" };

async function call(room: Room, name: string, input: object) {
  const tool = tools(room.manager).find((each) => each.name === name);
  if (!tool) throw new Error(`no tool ${name}`);
  const output = await tool.run(input, { principal: agent, signal: new AbortController().signal });
  return { output, text: tool.render(output) };
}

test("doc_read gives text page by page, and headings", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const { output, text: shown } = await call(room, "doc_read", { path: doc });
  expect(output).toMatchObject({
    headings: ["Tasks", "Tasks > 1. Build", "Tasks > Notes"],
    nextCursor: "20000",
  });
  expect(shown).toContain(`revision ${String(output["revision"])}`);
  expect(shown).toContain("headings: Tasks; Tasks > 1. Build");
  const rest = await call(room, "doc_read", { path: doc, cursor: "20000" });
  expect(`${String(output["content"])}${String(rest.output["content"])}`).toBe(text);
  const section = await call(room, "doc_read", { path: doc, section: "1. Build" });
  expect(section.output["content"]).toBe("## 1. Build\n\n- [x] 1.1 First\n- [ ] 1.2 Second\n\n");
  await expect(call(room, "doc_read", { path: doc, cursor: "-1" })).rejects.toMatchObject({ code: "bad_input" });
  await expect(call(room, "doc_read", { path: doc, section: "No" })).rejects.toMatchObject({ code: "unknown_section" });
});

test("doc_read never ends a page inside a character", async () => {
  const long = `${"x".repeat(19_999)}😀 end\n`;
  await using repository = await temporaryRepository({ ...files, [doc]: long });
  await using room = await openRoom(repository.path);
  const { output } = await call(room, "doc_read", { path: doc });
  expect(output).toMatchObject({ content: "x".repeat(19_999), nextCursor: "19999" });
  expect((await call(room, "doc_read", { path: doc, cursor: "19999" })).output["content"]).toBe("😀 end\n");
});

test("doc_read of a document with broken front matter says so and gives the rest", async () => {
  await using repository = await temporaryRepository({ ...files, [doc]: "---\na: [\n---\n# Tasks\n" });
  await using room = await openRoom(repository.path);
  const { output, text: shown } = await call(room, "doc_read", { path: doc });
  expect(output).toMatchObject({
    headings: ["Tasks"],
    problems: [expect.stringContaining("front matter")],
  });
  expect(shown).toContain("! The front matter");
});

test("doc_update edits, and doc_history shows it", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const { revision } = (await call(room, "doc_read", { path: doc })).output;
  const edits = [
    { kind: "set_task", task: "1.2", done: true },
    { kind: "set_front_matter", key: "owner", value: "agent" },
  ];
  const update = await call(room, "doc_update", {
    path: doc,
    edits,
    reason: "Done",
    baseRevision: revision,
    change: "a",
  });
  expect(update.output).toMatchObject({ status: "committed" });
  expect(update.text).toContain("+- [x] 1.2 Second");
  const history = await call(room, "doc_history", { path: doc, limit: 1 });
  expect(history.output).toMatchObject({
    entries: [{ subject: "Done", trailers: { "Specloop-Change": "a" } }],
    nextCursor: "1",
  });
  expect(history.text).toContain("agent:claude-code: Done");
  const older = await call(room, "doc_history", { path: doc, limit: 1, cursor: "1" });
  expect(older.output).toMatchObject({ entries: [{ subject: "Begin" }] });
});

test.each([
  [{ kind: "replace_section", section: "Notes" }, "content"],
  [{ kind: "replace_text", find: "First" }, "replace"],
  [{ kind: "set_task" }, "task"],
  [{ kind: "set_front_matter", key: "a" }, "value"],
])("doc_update names the field that %j lacks", async (edit, field) => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const failure = call(room, "doc_update", { path: doc, edits: [edit], reason: "r" });
  await expect(failure).rejects.toMatchObject({ code: "bad_input", message: expect.stringContaining(`"${field}"`) });
});

const delta = "openspec/changes/a/specs/fast/spec.md";
const block = (name: string) =>
  `### Requirement: ${name}\nIt SHALL be.\n\n#### Scenario: s\n- **WHEN** a\n- **THEN** b`;

scenario("documents", "A delta says what the change does to a requirement", async () => {
  const main = `# fast Specification\n\n## Purpose\nSay what is fast, in more than fifty characters of text.\n\n## Requirements\n\n${block("Old")}\n\n${block("Gone")}\n\n${block("Named")}\n`;
  const planning = {
    "openspec/config.yaml": "schema: spec-driven\n",
    "openspec/specs/fast/spec.md": main,
    "openspec/changes/a/.openspec.yaml": "schema: spec-driven\ncreated: 2026-01-01\n",
    "openspec/changes/a/proposal.md": "## Why\n\nBecause.\n",
    [delta]: "",
  };
  await using repository = await temporaryRepository({ ...files, ...planning });
  await using room = await openRoom(repository.path);
  const edits = [
    { kind: "rename_requirement", target: "Named", to: "Renamed" },
    { kind: "add_requirement", content: block("New") },
    { kind: "remove_requirement", target: "Gone", content: "Nobody uses it." },
    { kind: "modify_requirement", target: "Old", content: block("Old").replace("be.", "be fast.") },
    { kind: "add_scenario", section: "New", target: "Two", content: "- **WHEN** x\n- **THEN** y" },
  ];
  await call(room, "doc_update", { path: delta, edits, reason: "Say what changes" });
  const text = await readFile(join(repository.path, delta), "utf8");
  expect(text.match(/^## .*$/gm)).toEqual([
    "## ADDED Requirements",
    "## MODIFIED Requirements",
    "## REMOVED Requirements",
    "## RENAMED Requirements",
  ]);
  expect(text).toContain("- FROM: `### Requirement: Named`\n- TO: `### Requirement: Renamed`");
  const openspec = resolve(import.meta.dirname, "../../node_modules/@fission-ai/openspec/bin/openspec.js");
  const env = { ...process.env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1" };
  const args = [openspec, "validate", "a", "--strict", "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: repository.path, env });
  expect(JSON.parse(stdout)).toMatchObject({ items: [{ id: "a", valid: true, issues: [] }] });
});

scenario("documents", "Unknown and ambiguous targets are refused with what there is", async () => {
  const twice = "openspec/changes/a/notes.md";
  await using repository = await temporaryRepository({ ...files, [twice]: "# N\n\n- a\n- a\n\n| k |\n|---|\n| x |\n" });
  await using room = await openRoom(repository.path);
  const update = (path: string, edit: object) => call(room, "doc_update", { path, edits: [edit], reason: "r" });
  await expect(update(doc, { kind: "delete_task", task: "1.9" })).rejects.toMatchObject({
    code: "unknown_section",
    details: { candidates: ["1.1 First", "1.2 Second"] },
  });
  await expect(update(twice, { kind: "delete_item", target: "a" })).rejects.toMatchObject({
    code: "ambiguous_target",
    details: {
      places: [
        { item: "a", line: 3 },
        { item: "a", line: 4 },
      ],
    },
  });
  await expect(update(twice, { kind: "delete_row", target: "y" })).rejects.toMatchObject({
    details: { candidates: ["x"] },
  });
  expect(await repository.git("status", "--porcelain")).toBe("");
});

scenario("documents", "One call edits two documents or none", async () => {
  const other = "openspec/changes/a/proposal.md";
  await using repository = await temporaryRepository({ ...files, [other]: "## Why\n\n- one\n" });
  await using room = await openRoom(repository.path);
  const request = (item: object) => ({
    files: [
      { path: doc, edits: [{ kind: "set_task", task: "1.2" }] },
      { path: other, edits: [item] },
    ],
    reason: "Both",
  });
  await expect(call(room, "doc_update", request({ kind: "delete_item", target: "zz" }))).rejects.toMatchObject({
    code: "unknown_section",
  });
  expect(await repository.git("status", "--porcelain")).toBe("");
  const { output } = await call(room, "doc_update", request({ kind: "add_item", content: "two" }));
  expect(output).toMatchObject({ status: "committed", files: [{ path: doc }, { path: other }] });
  const names = await repository.git("show", "--name-only", "--format=", "HEAD");
  expect(names.split("\n").toSorted()).toEqual([other, doc].toSorted());
  await expect(call(room, "doc_update", { path: doc, files: [], reason: "r" })).rejects.toMatchObject({
    code: "bad_input",
  });
  await expect(call(room, "doc_update", { files: [{ path: doc }], reason: "r" })).rejects.toMatchObject({
    target: "files.0.edits",
  });
});

scenario("documents", "A dry run shows the change and writes nothing", async () => {
  await using repository = await temporaryRepository({ ...files, "openspec/specs/x/spec.md": "# X\n" });
  await using room = await openRoom(repository.path);
  const before = await repository.git("rev-parse", "--all");
  const edits = [{ kind: "reword_task", task: "1.2", content: "Later" }];
  const { output, text: shown } = await call(room, "doc_update", { path: doc, edits, reason: "r", dryRun: true });
  expect(output).toMatchObject({ status: "preview", diff: expect.stringContaining("+- [ ] 1.2 Later") });
  expect(shown).toContain("Nothing was written");
  const sensitive = { path: "openspec/specs/x/spec.md", edits: [{ kind: "rename_section", section: "X", to: "Y" }] };
  const proposed = await call(room, "doc_update", { ...sensitive, reason: "r", dryRun: true });
  expect(proposed.output["message"]).toContain("proposed on a branch");
  await expect(
    call(room, "doc_update", { path: doc, edits: [{ kind: "delete_task", task: "9" }], reason: "r", dryRun: true }),
  ).rejects.toMatchObject({ code: "unknown_section" });
  expect(await repository.git("rev-parse", "--all")).toBe(before);
  expect(await repository.git("status", "--porcelain")).toBe("");
  expect(await readFile(join(repository.path, doc), "utf8")).toBe(text);
  expect(room.seen.filter(({ name }) => name === "document.updated")).toEqual([]);
  expect(await room.store.read.selectFrom("document_edits").selectAll().execute()).toEqual([]);
});

scenario("documents", "A wrong combination of fields says what the kind needs", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const cases: [object, string, string][] = [
    [{ kind: "rename_section", section: "Notes" }, 'needs "to"', '"to":"New name"'],
    [{ kind: "insert_section", content: "## X" }, 'needs "before" or "after"', '"after"'],
    [{ kind: "set_row", target: "a" }, 'needs "value"', '"value"'],
    [{ kind: "delete_task", task: "1.1", content: "x" }, 'does not take "content"', '"task"'],
    [{ kind: "set_row", target: "a", value: 3 }, 'cannot use that "value"', '"value"'],
    [
      { kind: "replace_item", target: "a", content: "x", occurrence: 0 },
      'cannot use that "occurrence"',
      "replace_item",
    ],
  ];
  for (const [edit, why, example] of cases) {
    const failure = call(room, "doc_update", { path: doc, edits: [edit], reason: "r" });
    await expect(failure).rejects.toMatchObject({
      code: "bad_input",
      message: expect.stringContaining(why),
      fix: expect.stringContaining(example),
    });
  }
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test("a diff shows what changed and no more, and git applies it", async () => {
  const numbered = Array.from({ length: 40 }, (_, at) => `line ${at}\n`);
  const before = numbered.join("");
  const edited = (edits: Record<number, string>) => numbered.map((line, at) => edits[at] ?? line).join("");
  const cases: [string, number][] = [
    [edited({ 2: "two\n", 30: "" }), 2],
    [edited({ 2: "two\n", 8: "a\nb\n" }), 1],
    [edited({ 0: "", 39: "last" }), 2],
    [edited({ 5: "line 5  \n", 20: "line 20\r\n" }), 2],
    ["other\n", 1],
    [`new\n${before}`, 1],
  ];
  await using repository = await temporaryRepository({ "a.md": before });
  for (const [after, hunks] of cases) {
    const diff = unifiedDiff("a.md", before, after);
    expect(diff.match(/^@@ /gm)).toHaveLength(hunks);
    await repository.write(".specloop/a.patch", `${diff}\n`);
    await repository.git("apply", "--whitespace=nowarn", ".specloop/a.patch");
    expect(await readFile(join(repository.path, "a.md"), "utf8")).toBe(after);
    await repository.write("a.md", before);
  }
});
