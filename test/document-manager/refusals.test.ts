import { renameSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, openRoom } from "./room.ts";

const doc = "openspec/changes/a/proposal.md";
const files = { [doc]: "## Why\n\nold\n\n## What\n\nx\n", ".gitignore": ".specloop/\nopenspec/changes/a/ignored.md\n" };
const write = (content: string) => [{ kind: "write" as const, content }];

scenario("documents", "A path that leaves the repository is refused", async () => {
  await using repository = await temporaryRepository(files);
  await using outside = await temporaryRepository({ "secret.md": "secret\n", "x.md": "x\n" });
  await using room = await openRoom(repository.path);
  symlinkSync(join(outside.path, "secret.md"), join(repository.path, "openspec/changes/a/link.md"));
  symlinkSync(outside.path, join(repository.path, "openspec/changes/away"));
  const paths = [
    "../x.md",
    "/etc/hosts.md",
    "openspec/../../x.md",
    "a\0b.md",
    "",
    "openspec/changes/a/link.md",
    "openspec/changes/away/x.md",
  ];
  for (const path of paths) {
    const update = room.manager.update({ files: [{ path, edits: write("x") }], reason: "r", principal: agent });
    await expect(update).rejects.toMatchObject({ code: "path_outside_root" });
    await expect(room.manager.read(path)).rejects.toMatchObject({ code: "path_outside_root" });
  }
  expect(await outside.git("status", "--porcelain")).toBe("");
});

scenario("documents", "State, git and build files are never edited", async () => {
  await using repository = await temporaryRepository({ ...files, "package.json": "{}\n" });
  await using room = await openRoom(repository.path);
  symlinkSync("../../../.git/config", join(repository.path, "openspec/changes/a/config.md"));
  const paths = [
    ".git/config",
    ".GIT/hooks/x.md",
    ".specloop/token",
    ".specloop/x.md",
    ".github/workflows/ci.yml",
    "package.json",
    "src/x.ts",
    ".env",
    "sub/.git/x.md",
    "openspec/changes/a/config.md",
  ];
  for (const path of paths) {
    const update = room.manager.update({
      files: [{ path, edits: write("x") }],
      reason: "r",
      principal: agent,
      approved: true,
    });
    await expect(update, path).rejects.toMatchObject({ code: "path_protected" });
    await expect(room.manager.read(path), path).rejects.toMatchObject({ code: "path_protected" });
  }
});

scenario("documents", "Huge and binary files are refused and left alone", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const huge = join(repository.path, "openspec/changes/a/huge.md");
  writeFileSync(huge, "");
  truncateSync(huge, 8 * 1024 ** 3); // sparse; to read it all would need more memory than there is
  await expect(room.manager.read("openspec/changes/a/huge.md")).rejects.toMatchObject({ code: "document_too_large" });
  const garbage = Buffer.from([0x23, 0x20, 0xff, 0xfe, 0x00, 0x80]);
  await repository.write("openspec/changes/a/garbage.md", garbage);
  await repository.write("openspec/changes/a/nul.md", "a\0b");
  for (const name of ["garbage", "nul"]) {
    const path = `openspec/changes/a/${name}.md`;
    await expect(room.manager.read(path)).rejects.toMatchObject({ code: "document_not_text" });
    const edits = [{ kind: "append_to_section" as const, section: "x", content: "y" }];
    await expect(
      room.manager.update({ files: [{ path, edits }], reason: "r", principal: agent }),
    ).rejects.toMatchObject({ code: "document_not_text" });
  }
  expect(await readFile(join(repository.path, "openspec/changes/a/garbage.md"))).toEqual(garbage);
});

test("no bytes at all make reading fail in another way than it says", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      await repository.write("openspec/changes/a/any.md", bytes);
      const view = await room.manager.read("openspec/changes/a/any.md").catch((error: { code: string }) => error.code);
      if (typeof view === "string") return view === "document_not_text";
      return view.bytes === bytes.length && Buffer.from(bytes).equals(await readFile(join(repository.path, view.path)));
    }),
    { numRuns: 150 },
  );
});

test("an edit that would grow a document over the limit, or hold a NUL, is refused", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path, { options: { maxBytes: 1000 } });
  const edit = (content: string) =>
    room.manager.update({
      files: [{ path: doc, edits: [{ kind: "append_to_section", section: "Why", content }] }],
      reason: "r",
      principal: agent,
    });
  await expect(edit("x".repeat(1000))).rejects.toMatchObject({ code: "document_too_large" });
  await expect(edit("a\0b")).rejects.toMatchObject({ code: "document_not_text" });
});

scenario("documents", "Content cannot swallow the rest of a document", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const edit = (content: string) =>
    room.manager.update({
      files: [{ path: doc, edits: [{ kind: "replace_section", section: "Why", content }] }],
      reason: "r",
      principal: agent,
    });
  for (const content of ["```\nnever closed", "<!-- never closed", "~~~~\n~~~", "text\n## What\n\nelse"]) {
    await expect(edit(content), content).rejects.toMatchObject({ code: "bad_input" });
  }
  expect(await repository.git("status", "--porcelain")).toBe("");
  expect(await edit("```\nclosed\n```\n\n### Deeper\n\nfine")).toMatchObject({ status: "committed" });
});

test("a document that remark cannot parse in time still takes the exact-text edit", async () => {
  await using repository = await temporaryRepository({
    ...files,
    [doc]: `## Why\n\n${"> ".repeat(100_000)}x\n\n## What\n\nold\n`,
  });
  await using room = await openRoom(repository.path);
  const edit = (edit: object) =>
    room.manager.update({ files: [{ path: doc, edits: [edit as never] }], reason: "r", principal: agent });
  await expect(edit({ kind: "replace_section", section: "What", content: "new" })).rejects.toMatchObject({
    code: "document_too_complex",
  });
  expect(await edit({ kind: "replace_text", find: "old", replace: "new" })).toMatchObject({ status: "committed" });
});

test.each([
  ["no file", { files: [] }, "bad_input"],
  ["no edit", { files: [{ path: doc, edits: [] }] }, "bad_input"],
  ["no reason", { reason: " \n" }, "bad_input"],
  [
    "one document twice",
    {
      files: [
        { path: doc, edits: write("a") },
        { path: `openspec/changes/../changes/a/proposal.md`, edits: write("b") },
      ],
    },
    "bad_input",
  ],
  [
    "a document that is not there",
    { files: [{ path: "openspec/changes/a/no.md", edits: [{ kind: "set_task", task: "1", done: true }] }] },
    "unknown_document",
  ],
  [
    "a new document with a revision",
    { files: [{ path: "openspec/changes/a/no.md", edits: write("a"), baseRevision: "abc" }] },
    "unknown_document",
  ],
  ["a folder", { files: [{ path: "openspec/changes/a", edits: write("a") }] }, "path_protected"],
  ["a whole document blindly", { files: [{ path: doc, edits: write("a") }] }, "stale_revision"],
  ["an ignored path", { files: [{ path: "openspec/changes/a/ignored.md", edits: write("a") }] }, "path_protected"],
])("refuses %s", async (_name, wrong, code) => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const request = { files: [{ path: doc, edits: write("a") }], reason: "r", principal: agent, ...wrong } as never;
  await expect(room.manager.update(request)).rejects.toMatchObject({ code });
  expect(await repository.git("status", "--porcelain")).toBe("");
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe("1");
});

test("a folder that is swapped for a link while an edit is made leads nowhere", async () => {
  const before = { "proposal.md": files[doc] };
  await using outside = await temporaryRepository(before);
  await using repository = await temporaryRepository(files);
  const folder = join(repository.path, "openspec/changes/a");
  const swap = (step: string) => {
    if (step !== "intent") return;
    renameSync(folder, `${folder}-moved`);
    symlinkSync(outside.path, folder);
  };
  await using room = await openRoom(repository.path, { onStep: swap });
  const edits = [{ kind: "replace_text" as const, find: "old", replace: "new" }];
  const update = room.manager.update({ files: [{ path: doc, edits }], reason: "r", principal: agent });
  await expect(update).rejects.toMatchObject({ code: "path_outside_root" });
  expect(await outside.git("status", "--porcelain")).toBe("");
  expect(await readFile(`${folder}-moved/proposal.md`, "utf8")).toBe(files[doc]);
});
