import { expect, test } from "vitest";
import { tools } from "../../src/document-manager/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { agent, openRoom, type Room } from "./room.ts";

const doc = "openspec/changes/a/design.md";
const begin = "# Design\n\n## Context\n\nThe store is slow.\n\n## Decision\n\nWe cache.\n";
const files = { [doc]: begin, ".gitignore": ".specloop/\n" };

async function call(room: Room, name: string, input: object) {
  const tool = tools(room.manager).find((each) => each.name === name);
  if (!tool) throw new Error(`no tool ${name}`);
  return tool.run(input, { principal: agent, signal: new AbortController().signal });
}

async function edit(room: Room, find: string, replace: string, origin: { change?: string } = {}) {
  return room.manager.update({
    files: [{ path: doc, edits: [{ kind: "replace_text", find, replace }] }],
    reason: `Say ${replace}`,
    principal: agent,
    origin,
  });
}

scenario("documents", "One section is looked back at", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const first = await edit(room, "We cache.", "We cache for an hour.");
  await edit(room, "The store is slow.", "The store is very slow.");
  const second = await edit(room, "an hour", "a day", { change: "cache-longer" });
  const { entries } = await call(room, "doc_history", { path: doc, section: "Decision" });
  expect(entries).toMatchObject([
    { commit: second.commit, what: "changed", trailers: { "Specloop-Change": "cache-longer" } },
    { commit: first.commit, what: "changed", subject: "Say We cache for an hour." },
    { what: "added", subject: "Begin" },
  ]);
});

scenario("documents", "A section was renamed on the way", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  await edit(room, "## Decision", "## Decisions");
  await edit(room, "We cache.", "We cache twice.");
  const entries = await room.manager.sectionHistory(doc, "Decisions", 10);
  expect(entries.map(({ what, section }) => [what, section])).toEqual([
    ["changed", "Design > Decisions"],
    ["renamed", "Design > Decisions"],
    ["added", "Design > Decision"],
  ]);
});

test("a section that came and went and came again is told of each time", async () => {
  await using repository = await temporaryRepository({ ...files, [doc]: "# Design\n\ntext\n" });
  const texts = [begin, "# Design\n\ntext\n", begin];
  for (const [index, text] of texts.entries()) {
    await repository.write(doc, text);
    await repository.commitAll(`Step ${index}`);
  }
  await using room = await openRoom(repository.path);
  const entries = await room.manager.sectionHistory(doc, "Decision", 10);
  expect(entries.map(({ what, subject }) => `${what} ${subject}`)).toEqual([
    "added Step 2",
    "removed Step 1",
    "added Step 0",
  ]);
  await expect(room.manager.sectionHistory(doc, "Nothing", 10)).rejects.toMatchObject({ code: "unknown_section" });
});

scenario("documents", "Somebody asks who wrote a sentence", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const { commit } = await edit(room, "We cache.", "We cache for an hour.", { change: "cache-longer" });
  await repository.write(doc, `${begin.replace("We cache.", "We cache for an hour.")}\nNot committed.\n`);
  expect(await room.manager.blame(doc, { text: "cache for an hour" })).toMatchObject([
    {
      startLine: 9,
      endLine: 9,
      commit,
      subject: "Say We cache for an hour.",
      trailers: { "Specloop-Change": "cache-longer", "Specloop-Principal": "agent:claude-code" },
    },
  ]);
  const all = await room.manager.blame(doc, { startLine: 1, endLine: 11 });
  expect(all.map(({ startLine, endLine, commit: id }) => [startLine, endLine, id === null])).toEqual([
    [1, 8, false],
    [9, 9, false],
    [10, 11, true],
  ]);
});

test("blame refuses a text that is not there, stands twice, or is empty, and lines that are not there", async () => {
  await using repository = await temporaryRepository({ ...files, [doc]: "one\r\ntwo\r\none\r\n" });
  await using room = await openRoom(repository.path);
  const refused = (wanted: Parameters<typeof room.manager.blame>[1]) => room.manager.blame(doc, wanted);
  await expect(refused({ text: "three" })).rejects.toMatchObject({ code: "unknown_section" });
  await expect(refused({ text: "one" })).rejects.toMatchObject({
    code: "ambiguous_target",
    details: { places: [{ line: 1 }, { line: 3 }] },
  });
  await expect(refused({ text: " " })).rejects.toMatchObject({ code: "bad_input" });
  await expect(refused({ startLine: 9, endLine: 9 })).rejects.toMatchObject({ code: "bad_input" });
  await expect(refused({ startLine: 2, endLine: 1 })).rejects.toMatchObject({ code: "bad_input" });
  expect(await refused({ text: "two" })).toMatchObject([{ startLine: 2, text: "two" }]);
  await repository.write("openspec/new.md", "# New\n");
  expect(await room.manager.blame("openspec/new.md", { text: "New" })).toMatchObject([{ commit: null }]);
});

scenario("documents", "Two states are compared", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const before = await room.manager.read(doc);
  const { commit } = await edit(room, "We cache.", "We cache for an hour.");
  const { diff } = await call(room, "doc_diff", { path: doc, from: before.revision });
  expect(diff).toContain("-We cache.\n+We cache for an hour.");
  expect((await call(room, "doc_diff", { path: doc, from: `${commit}~1`, to: commit }))["diff"]).toBe(diff);
  expect((await call(room, "doc_diff", { path: doc }))["diff"]).toBe("");
  await expect(call(room, "doc_diff", { path: doc, from: "nowhere" })).rejects.toMatchObject({ code: "not_found" });
  await expect(call(room, "doc_diff", { path: doc, from: "--output=x" })).rejects.toMatchObject({ code: "bad_input" });
});
