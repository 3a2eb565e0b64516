import { join } from "node:path";
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, openRoom, type Room } from "./room.ts";

const path = (index: number) => `openspec/changes/c${index}/proposal.md`;

scenario("documents", "Two worktrees take a hundred edits each at once and lose none", async () => {
  const files = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [path(index), "## Why\n\nstart\n"]));
  await using repository = await temporaryRepository({ ...files, ".gitignore": ".specloop/\n" });
  await using place = await temporaryRepository();
  const linked = join(place.path, "linked");
  await repository.git("worktree", "add", "--quiet", "-b", "side", linked);
  await using main = await openRoom(repository.path, { git: { lockWaitMs: 10_000 } });
  await using side = await openRoom(linked, { git: { lockWaitMs: 10_000 } });
  const edits = (room: Room, name: string) =>
    Array.from({ length: 100 }, (_, index) =>
      room.manager.update({
        files: [
          {
            path: path(index % 5),
            edits: [{ kind: "append_to_section", section: "Why", content: `- ${name} ${index}.` }],
          },
        ],
        reason: `Say ${index}`,
        principal: agent,
      }),
    );
  const results = await Promise.all([...edits(main, "main"), ...edits(side, "side")]);
  expect(results.filter(({ status }) => status !== "committed")).toEqual([]);
  for (const [folder, branch] of [
    [repository.path, "main"],
    [linked, "side"],
  ] as const) {
    const text = [0, 1, 2, 3, 4].map((index) => readFileSync(join(folder, path(index)), "utf8")).join("");
    const missing = Array.from({ length: 100 }, (_, index) => `- ${branch} ${index}.`).filter(
      (line) => !text.includes(line),
    );
    expect(missing).toEqual([]);
    const committed = await repository.git("show", ...[0, 1, 2, 3, 4].map((index) => `${branch}:${path(index)}`));
    expect(text.trimEnd()).toBe(committed.trimEnd());
  }
  expect(await repository.git("fsck", "--no-dangling")).toBe("");
});
