import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { edit, files, fresh, other, path, text } from "./neighbour.ts";
import { agent, openRoom } from "./room.ts";

type Begin = (repository: TemporaryRepository) => Promise<unknown>;
const quietly = (work: Promise<unknown>) => work.catch(() => {});

/** What git can be in the middle of, and how a person ends it. */
const OPERATIONS: [string, Begin, string[]][] = [
  ["a merge", (repository) => quietly(repository.git("merge", "side")), ["merge", "--abort"]],
  ["a rebase", (repository) => quietly(repository.git("rebase", "side")), ["rebase", "--abort"]],
  ["a cherry-pick", (repository) => quietly(repository.git("cherry-pick", "side")), ["cherry-pick", "--abort"]],
  [
    "a revert",
    async (repository) => {
      await repository.write(other, "newer\n");
      await repository.commitAll("Newer");
      await quietly(repository.git("revert", "HEAD~1"));
    },
    ["revert", "--abort"],
  ],
  ["a bisect", (repository) => repository.git("bisect", "start"), ["bisect", "reset"]],
  [
    "an am",
    async (repository) => {
      await repository.write("../side.mbox", `${await repository.git("format-patch", "-1", "side", "--stdout")}\n`);
      await quietly(repository.git("am", "../side.mbox"));
    },
    ["am", "--abort"],
  ],
];

test.each(OPERATIONS)("during %s an edit is kept, and made when it is over", async (_name, begin, end) => {
  await using repository = await temporaryRepository(files);
  await repository.git("switch", "--quiet", "--create", "side");
  await repository.write(other, "side\n");
  await repository.commitAll("Side");
  await repository.git("switch", "--quiet", "main");
  await repository.write(other, "main\n");
  await repository.commitAll("Main");
  await begin(repository);
  const head = await repository.git("rev-parse", "HEAD");
  await using room = await openRoom(repository.path);
  expect(await edit(room)).toBe("commit_pending");
  expect(await text(repository)).toBe(files[path]);
  expect(await repository.git("rev-parse", "HEAD")).toBe(head);
  await repository.git(...end);
  await room.manager.retryPending();
  expect(await text(repository)).toContain("new");
  expect(await repository.git("log", "-1", "--format=%s")).toBe("Say why");
  expect(await repository.git("status", "--porcelain")).toBe("");
});

scenario(
  "documents",
  "An edit behind one whose commit waits is written in its order and committed with it",
  async () => {
    await using repository = await temporaryRepository(files);
    const lock = join(repository.path, ".git/index.lock");
    writeFileSync(lock, "");
    await using room = await openRoom(repository.path, { git: { lockWaitMs: 50 } });
    expect(await edit(room, path, "first")).toBe("commit_pending");
    const { revision } = await room.manager.read(path);
    const edits = [{ kind: "append_to_section" as const, section: "Why", content: "second" }];
    const more = { files: [{ path, edits, baseRevision: revision }], reason: "Say more", principal: agent };
    expect(await room.manager.update(more)).toMatchObject({ status: "commit_pending" });
    expect(await text(repository)).toContain("first\n\nsecond");
    rmSync(lock);
    await room.manager.retryPending();
    expect(await repository.git("status", "--porcelain")).toBe("");
    expect(await repository.git("rev-list", "--count", "HEAD")).toBe("2");
    expect((await room.manager.history(path, 5)).map(({ subject }) => subject)).toEqual([
      "Say more",
      "Say why",
      "Begin",
    ]);
  },
);

scenario("documents", "A document that git does not know is written and left for its first commit", async () => {
  await using repository = await temporaryRepository(files);
  await repository.write(fresh, "## Why\n\nmine\n");
  await using room = await openRoom(repository.path);
  const edits = [{ kind: "replace_section" as const, section: "Why", content: "ours" }];
  const request = { files: [{ path: fresh, edits }], reason: "Say why", principal: agent };
  const result = await room.manager.update(request);
  expect(result).toMatchObject({ status: "written", commit: null, message: expect.stringContaining("not committed") });
  expect(await text(repository, fresh)).toBe("## Why\n\nours\n");
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe("1");
  expect(await repository.git("status", "--porcelain", "--untracked-files=all")).toBe(`?? ${fresh}`);
});

test("in a linked worktree the edit goes to the branch of that worktree", async () => {
  await using repository = await temporaryRepository(files);
  await using place = await temporaryRepository();
  const linked = join(place.path, "linked");
  await repository.git("worktree", "add", "--quiet", "-b", "side", linked);
  await using room = await openRoom(linked);
  expect(await edit(room)).toBe("committed");
  expect(await repository.git("log", "-1", "--format=%s", "side")).toBe("Say why");
  expect(await repository.git("log", "-1", "--format=%s", "main")).toBe("Begin");
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test("a document that Git LFS keeps is not proposed on a branch", async () => {
  const spec = "openspec/specs/x/spec.md";
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n";
  await using repository = await temporaryRepository({ ...files, [spec]: pointer });
  await using room = await openRoom(repository.path);
  const edits = [{ kind: "replace_text" as const, find: "size 3", replace: "size 4" }];
  const failure = room.manager.update({ files: [{ path: spec, edits }], reason: "x", principal: agent });
  await expect(failure).rejects.toMatchObject({ code: "unsupported" });
});
