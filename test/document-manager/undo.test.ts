import { expect, test } from "vitest";
import { scenario } from "../helpers/scenario.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { agent, openRoom, type Room } from "./room.ts";

const doc = "openspec/changes/a/design.md";
const begin = "# Design\n\nOne.\n\nTwo.\n\nThree.\n\nFour.\n\nFive.\n\nSix.\n\nSeven.\n\nEight.\n";
const files = { [doc]: begin, ".gitignore": ".specloop/\n" };

async function edit(room: Room, find: string, replace: string): Promise<{ commit: string; id: string }> {
  const { commit } = await room.manager.update({
    files: [{ path: doc, edits: [{ kind: "replace_text", find, replace }] }],
    reason: `Say ${replace}`,
    principal: agent,
  });
  const [entry] = await room.git.history({ revision: commit!, limit: 1 });
  return { commit: commit!, id: entry!.trailers["Specloop-Edit"]! };
}

scenario("documents", "An edit is taken back after the document went on", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const wrong = await edit(room, "Two.", "Zwei.");
  await edit(room, "Eight.", "Acht.");
  const undone = await room.manager.undo({ target: wrong.id, principal: agent });
  expect(undone.status).toBe("committed");
  expect((await room.manager.read(doc)).content).toBe(begin.replace("Eight.", "Acht."));
  const [entry] = await room.git.history({ path: doc, limit: 1 });
  expect(entry?.subject).toBe('Undo "Say Zwei."');
});

scenario("documents", "The lines of an edit were changed since", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const wrong = await edit(room, "Two.", "Zwei.");
  await edit(room, "Zwei.", "Deux.");
  const before = await repository.git("rev-parse", "HEAD");
  const refused = room.manager.undo({ target: wrong.id, principal: agent });
  await expect(refused).rejects.toMatchObject({ code: "stale_revision", target: doc });
  expect(await repository.git("rev-parse", "HEAD")).toBe(before);
});

test("edits that added, removed or ended a document without line end are taken back to the byte", async () => {
  for (const [text, find, replace] of [
    ["a\nb\nc", "c", "c\nd"],
    ["a\nb\nc\n", "b\n", ""],
    ["a\r\nb\r\nc\r\n", "b", "b\nx"],
    ["\uFEFFa\nb\n", "a", "x"],
  ] as const) {
    await using repository = await temporaryRepository({ ...files, [doc]: text });
    await using room = await openRoom(repository.path);
    const { id } = await edit(room, find, replace);
    await room.manager.undo({ target: id, principal: agent });
    expect((await room.git.read("HEAD", doc))?.toString("utf8")).toBe(text);
  }
});

test("a commit goes back as a whole; what is unknown is refused", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const { commit } = await edit(room, "Two.", "Zwei.");
  await room.manager.undo({ target: commit, reason: "No German", principal: agent });
  expect((await room.manager.read(doc)).content).toBe(begin);
  await expect(room.manager.undo({ target: "e-0000", principal: agent })).rejects.toMatchObject({ code: "not_found" });
  await expect(room.manager.undo({ target: "HEAD~9", principal: agent })).rejects.toMatchObject({ code: "bad_input" });
});

test("an edit that made a document is taken back by removing it", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const path = "openspec/changes/a/new.md";
  const { commit } = await room.manager.update({
    files: [{ path, edits: [{ kind: "write", content: "# New\n" }] }],
    reason: "Begin it",
    principal: agent,
  });
  const [entry] = await room.git.history({ revision: commit!, limit: 1 });
  await room.manager.undo({ target: entry!.trailers["Specloop-Edit"]!, principal: agent });
  await expect(room.manager.read(path)).rejects.toMatchObject({ code: "unknown_document" });
});

test("an edit that made a document in a shared commit is taken back alone", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const made = "openspec/changes/a/notes.md";
  const results = await Promise.all([
    room.manager.update({
      files: [{ path: doc, edits: [{ kind: "replace_text", find: "Two.", replace: "Zwei." }] }],
      reason: "Say Zwei",
      principal: agent,
    }),
    room.manager.update({
      files: [{ path: made, edits: [{ kind: "write", content: "# Notes\n" }] }],
      reason: "Begin notes",
      principal: { kind: "person", name: "Ada Example" },
    }),
  ]);
  expect(new Set(results.map(({ commit }) => commit)).size).toBe(1);
  const [entry] = await room.git.history({ revision: results[0]!.commit!, limit: 1 });
  const id = entry!.edits.find((one) => one["Specloop-Reason"] === "Begin notes")!["Specloop-Edit"]!;
  await room.manager.undo({ target: id, principal: { kind: "person", name: "Ada Example" } });
  expect(await room.git.read("HEAD", made)).toBeNull();
  expect((await room.manager.read(doc)).content).toContain("Zwei.");
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test("an edit that made a document which another one of the same commit changed is not taken back alone", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const made = "openspec/changes/a/notes.md";
  const [, first] = await Promise.all([
    room.manager.update({
      files: [{ path: doc, edits: [{ kind: "replace_text", find: "Two.", replace: "Zwei." }] }],
      reason: "Say Zwei",
      principal: agent,
    }),
    room.manager.update({
      files: [{ path: made, edits: [{ kind: "write", content: "# Notes\n" }] }],
      reason: "Begin notes",
      principal: agent,
    }),
    room.manager.update({
      files: [{ path: made, edits: [{ kind: "replace_text", find: "# Notes\n", replace: "# Notes\n\nMore.\n" }] }],
      reason: "Say more",
      principal: { kind: "person", name: "Ada Example" },
    }),
  ]);
  const [entry] = await room.git.history({ revision: first.commit!, limit: 1 });
  const id = entry!.edits.find((one) => one["Specloop-Reason"] === "Begin notes")!["Specloop-Edit"]!;
  const undone = room.manager.undo({ target: id, principal: agent });
  await expect(undone).rejects.toMatchObject({ code: "stale_revision", target: made });
  expect((await room.manager.read(made)).content).toContain("More.");
});

test("an edit with changes far from each other is taken back in all its places, also around later edits", async () => {
  await using repository = await temporaryRepository({ ...files, [doc]: begin + begin.replaceAll(".", "!") });
  await using room = await openRoom(repository.path);
  const result = await room.manager.update({
    files: [
      {
        path: doc,
        edits: [
          { kind: "replace_text", find: "One.", replace: "Eins." },
          { kind: "replace_text", find: "Eight!", replace: "Acht!" },
        ],
      },
    ],
    reason: "Say it otherwise",
    principal: agent,
  });
  const [entry] = await room.git.history({ revision: result.commit!, limit: 1 });
  await edit(room, "Six.", "Sechs.");
  await room.manager.undo({ target: entry!.trailers["Specloop-Edit"]!, principal: agent });
  const now = (await room.git.read("HEAD", doc))?.toString("utf8");
  expect(now).toBe((begin + begin.replaceAll(".", "!")).replace("Six.", "Sechs."));
});
