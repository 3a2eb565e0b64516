import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DocumentEdit } from "../../src/adapters/markdown/index.ts";
import { mergeStale } from "../../src/document-manager/write/merge-stale.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, openRoom, type Room } from "./room.ts";

const path = "openspec/changes/a/tasks.md";
const base =
  "## 1. First\n\n- [ ] 1.1 One\n- [ ] 1.2 Two\n- [ ] 1.3 Three\n\n## 2. Second\n\nText\n\nmore\n\n## 3. Third\n\nEnd\n";
const tick = (task: string): DocumentEdit => ({ kind: "set_task", task, done: true });
const section = (name: string, content: string): DocumentEdit => ({ kind: "replace_section", section: name, content });
const merge = (current: string, ...edits: DocumentEdit[]) => mergeStale({ base, current, edits, path });

async function update(room: Room, edit: DocumentEdit, baseRevision: string) {
  return room.manager.update({ files: [{ path, edits: [edit], baseRevision }], reason: "Edit", principal: agent });
}

scenario("documents", "A stale edit is merged where it cannot touch what changed", async () => {
  await using repository = await temporaryRepository({ [path]: base, ".gitignore": ".specloop/\n" });
  await using room = await openRoom(repository.path);
  const { revision } = await room.manager.read(path);
  expect(await update(room, section("2. Second", "Theirs"), revision)).toMatchObject({ status: "committed" });
  const merged = await update(room, section("3. Third", "Ours"), revision);
  expect(merged).toMatchObject({ status: "committed", message: expect.stringContaining("Merged with what changed") });
  const text = readFileSync(join(repository.path, path), "utf8");
  expect(text).toBe(base.replace("Text\n\nmore", "Theirs").replace("End", "Ours"));
  expect(merged.files[0]?.revision).toBe(await repository.git("rev-parse", `HEAD:${path}`));
  expect(merged.files[0]?.diff).not.toContain("+Theirs");
  const refused = update(room, section("2. Second", "Mine"), revision);
  await expect(refused).rejects.toMatchObject({ code: "stale_revision", details: { content: text } });
});

test("a hundred stale edits of neighbouring tasks at the same moment are all there", async () => {
  const tasks = Array.from({ length: 100 }, (_, index) => `- [ ] 1.${index + 1} Task\n`).join("");
  await using repository = await temporaryRepository({ [path]: `## 1. All\n\n${tasks}`, ".gitignore": ".specloop/\n" });
  await using room = await openRoom(repository.path);
  const { revision } = await room.manager.read(path);
  const all = Array.from({ length: 100 }, (_, index) => update(room, tick(`1.${index + 1}`), revision));
  expect((await Promise.all(all)).filter(({ status }) => status !== "committed")).toEqual([]);
  expect(readFileSync(join(repository.path, path), "utf8")).toBe(`## 1. All\n\n${tasks.replaceAll("[ ]", "[x]")}`);
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe("2");
});

test("an untouched line has to stand between, or the replaced lines have to be as they were", () => {
  const above = base.replace("Text", "Changed");
  expect(merge(above, section("3. Third", "Ours"))).toBe(above.replace("End", "Ours"));
  expect(merge(above, { kind: "replace_text", find: "more", replace: "ours" })).toBe(above.replace("more", "ours"));
  // The line itself, and a line that goes with its neighbour.
  expect(merge(above, { kind: "replace_text", find: "Text", replace: "ours" })).toBe(null);
  expect(merge(base.replace("1.2 Two", "1.2 Zwei"), tick("1.2"))).toBe(null);
  expect(merge(base.replace("- [ ] 1.2 Two\n", ""), tick("1.2"))).toBe(null);
  expect(merge(base.replace("1.2 Two", "1.2 Zwei"), tick("1.1"))).toBe(
    base.replace("1.2 Two", "1.2 Zwei").replace("[ ] 1.1", "[x] 1.1"),
  );
  expect(merge(`${base}\nadded\n`, { kind: "append_to_section", section: "3. Third", content: "ours" })).toBe(null);
});

test("line ends, byte order mark and a missing last line end stay", () => {
  const crlf = `\uFEFF${base.replaceAll("\n", "\r\n")}`.slice(0, -2);
  const current = crlf.replace("Text", "Changed");
  const merged = mergeStale({ base: crlf, current, edits: [section("1. First", "ours")], path });
  expect(merged).toBe(current.replace(/- \[ \] 1\.1[^]*Three/, "ours"));
});

test("a fence that was opened meanwhile is no place to merge into", () => {
  const current = base.replace("Text\n", "Text\n\n```\nnot closed\n");
  expect(merge(current, section("3. Third", "### Part\n\ntext"))).toBe(null);
});

test("what both sides did apart from each other is there, and nothing else (generated)", () => {
  const blocks = fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 4, maxLength: 12 });
  fc.assert(
    fc.property(blocks, fc.nat(), fc.nat(), (names, first, second) => {
      const document = names.map((name, index) => `## ${index}\n\n${name}\n\n${name}${name}\n\n`).join("");
      const [mine, theirs] = [first % names.length, second % names.length];
      const current = document.replace(`## ${theirs}\n\n${names[theirs]}\n`, `## ${theirs}\n\ntheirs\n`);
      const edits: DocumentEdit[] = [{ kind: "replace_section", section: String(mine), content: "ours" }];
      const merged = mergeStale({ base: document, current, edits, path });
      if (mine === theirs) return merged === null;
      const section = `## ${mine}\n\n${names[mine]}\n\n${names[mine]}${names[mine]}\n`;
      return merged === current.replace(section, `## ${mine}\n\nours\n`);
    }),
    { numRuns: 300 },
  );
});
