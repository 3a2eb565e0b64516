import { expect, test } from "vitest";
import { Backups } from "../../src/document-manager/backup/backups.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { scenario } from "../helpers/scenario.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { agent, openRoom } from "./room.ts";

const one = "openspec/changes/a/proposal.md";
const two = "openspec/changes/a/tasks.md";
const long = `# Proposal\n\n${"A sentence that matters.\n".repeat(200)}`;
const files = { [one]: long, [two]: "- [ ] 1.1 First\n", ".gitignore": ".specloop/\n" };
const why = { why: "try something", principal: agent };

scenario("documents", "Several documents change at once", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  await repository.write(two, "- [ ] 1.1 First\n- [ ] 1.2 Not committed\n");
  const status = await repository.git("status", "--porcelain");
  await room.manager.update({
    files: [
      { path: one, edits: [{ kind: "replace_text", find: "# Proposal", replace: "# Title" }] },
      { path: "openspec/changes/a/new.md", edits: [{ kind: "write", content: "new\n" }] },
    ],
    reason: "Rename it",
    principal: agent,
  });
  const [backup, ...others] = await room.manager.backups.list();
  expect(others).toEqual([]);
  expect(backup).toMatchObject({ by: "agent:claude-code", paths: [one] });
  expect(await repository.git("status", "--porcelain")).toBe(status);
  expect(await repository.git("show", `${backup?.commit}:${one}`)).toBe(long.trimEnd());
});

scenario("documents", "A document is replaced by much less", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const { revision: baseRevision } = await room.manager.read(one);
  const shrink = { path: one, edits: [{ kind: "write" as const, content: "# Nothing\n" }], baseRevision };
  await room.manager.update({ files: [shrink], reason: "Empty it", principal: agent });
  const [backup] = await room.manager.backups.list();
  expect(backup?.paths).toEqual([one]);
  const restored = await room.manager.backups.restore({ id: backup!.id, principal: agent });
  expect(restored.status).toBe("committed");
  expect((await room.manager.read(one)).content).toBe(long);
});

scenario("documents", "A backup holds what git never saw", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  await repository.write("openspec/changes/a/draft.md", '# 草稿 with "quotes"\r\nnever committed\r\n');
  const paths = ["openspec/changes/a/draft.md", "openspec/changes/a/missing.md"];
  const backup = await room.manager.backups.take(paths, why);
  await repository.git("clean", "-fdq", "openspec");
  const result = await room.manager.backups.restore({ id: backup!.id, principal: agent });
  expect(result.files.map(({ path }) => path)).toEqual([paths[0]]);
  expect((await room.manager.read(paths[0]!)).content).toBe('# 草稿 with "quotes"\r\nnever committed\r\n');
});

scenario("documents", "Backups grow old", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const backup = await room.manager.backups.take([one], why);
  const later = new Backups(room.git, { ...systemClock, now: () => Date.now() + 31 * 86_400_000 });
  expect(await later.expire(32)).toEqual([]);
  expect(await later.expire(30)).toEqual([backup?.id]);
  expect(await room.manager.backups.list()).toEqual([]);
});

test("a call that is made again leaves no second backup", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const edits = (content: string) => [{ kind: "append_to_section" as const, section: "Proposal", content }];
  const request = {
    files: [
      { path: one, edits: edits("more") },
      { path: "openspec/changes/a/new.md", edits: [{ kind: "write" as const, content: "new\n" }] },
    ],
    reason: "Twice",
    principal: agent,
    idempotencyKey: "k1",
  };
  const first = await room.manager.update(request);
  expect((await room.manager.update(request)).commit).toBe(first.commit);
  expect(await room.manager.backups.list()).toHaveLength(1);
});

test("a backup refuses paths that are no documents, and restoring what is not there", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  await expect(room.manager.backups.take(["../outside.md"], why)).rejects.toMatchObject({ code: "path_outside_root" });
  await expect(room.manager.backups.take([".git/config"], why)).rejects.toMatchObject({ code: "path_protected" });
  expect(await room.manager.backups.take(["openspec/none.md"], why)).toBeNull();
  await expect(room.manager.backups.restore({ id: "b-none", principal: agent })).rejects.toMatchObject({
    code: "not_found",
  });
  const backup = await room.manager.backups.take([one], why);
  const wrong = room.manager.backups.restore({ id: backup!.id, paths: [two], principal: agent });
  await expect(wrong).rejects.toMatchObject({ code: "unknown_document" });
});
