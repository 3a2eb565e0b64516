import { expect, test } from "vitest";
import { tools } from "../../src/document-manager/index.ts";
import { temporaryRepository } from "../helpers/repository.ts";
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
