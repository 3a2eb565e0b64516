import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, openRoom, system, type Room } from "./room.ts";

const one = "openspec/changes/a/proposal.md";
const added = "openspec/changes/a/design.md";
const files = { [one]: "## Why\n\nold\n", "specloop.yaml": "loop: {}\n", ".gitignore": ".specloop/\n" };

async function edit(room: Room): Promise<string> {
  const { commit } = await room.manager.update({
    files: [
      { path: one, edits: [{ kind: "replace_section", section: "Why", content: "new" }] },
      { path: added, edits: [{ kind: "write", content: "# Design\n" }] },
    ],
    reason: "Try it",
    principal: agent,
  });
  return commit ?? "";
}

scenario("documents", "One of our commits is undone by a commit", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const commit = await edit(room);
  const result = await room.manager.revert({
    commit,
    reason: "It did not help",
    principal: system,
    origin: { cycle: "cy-1" },
  });
  expect(result).toMatchObject({ status: "committed" });
  expect(await repository.git("diff", "--name-only", "HEAD~2", "HEAD")).toBe("");
  expect(await repository.git("status", "--porcelain")).toBe("");
  const [entry] = await room.manager.history(one, 1);
  expect(entry).toMatchObject({
    subject: 'Revert "Try it"',
    trailers: { "Specloop-Reason": "It did not help", "Specloop-Cycle": "cy-1" },
  });
  expect(entry?.body).toContain(`This reverts commit ${commit}.`);
});

scenario("documents", "A commit whose documents changed since is not undone", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const commit = await edit(room);
  await repository.write(one, "## Why\n\na person's\n");
  const uncommitted = room.manager.revert({ commit, reason: "r", principal: system });
  await expect(uncommitted).rejects.toMatchObject({ code: "stale_revision", target: one });
  await repository.commitAll("By a person");
  await expect(room.manager.revert({ commit, reason: "r", principal: system })).rejects.toMatchObject({
    code: "stale_revision",
  });
  expect(await readFile(join(repository.path, one), "utf8")).toBe("## Why\n\na person's\n");
});

test("only commits of ours are undone", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  for (const commit of ["HEAD", "0".repeat(40), "no-such"]) {
    await expect(room.manager.revert({ commit, reason: "r", principal: system })).rejects.toMatchObject({
      code: "bad_input",
    });
  }
  await expect(room.manager.revert({ commit: "--all", reason: "r", principal: system })).rejects.toMatchObject({
    code: "bad_input",
  });
});

test("an agent's undoing of a sensitive document waits on a branch; the system's does not", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const edits = [{ kind: "write" as const, content: "loop:\n  enabled: true\n" }];
  const { commit } = await room.manager.update({
    files: [{ path: "specloop.yaml", edits }],
    reason: "Approved",
    principal: system,
    approved: true,
  });
  const proposed = await room.manager.revert({ commit: commit ?? "", reason: "r", principal: agent });
  expect(proposed).toMatchObject({ status: "proposed" });
  expect(await repository.git("show", `${proposed.branch}:specloop.yaml`)).toBe("loop: {}");
  expect(await room.manager.revert({ commit: commit ?? "", reason: "r", principal: system })).toMatchObject({
    status: "committed",
  });
  expect(await readFile(join(repository.path, "specloop.yaml"), "utf8")).toBe("loop: {}\n");
});
