import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import { delta, done, planned, refusal, requirement, SPEC_PATH, worldOf } from "./fixture.ts";
import { person, treeOf } from "./world.ts";

const read = (repository: { path: string }, path: string) => readFileSync(join(repository.path, path), "utf8");

scenario("archive", "A finished change is archived with one command", async () => {
  const repository = await planned(
    done("add-out", delta("ADDED", requirement("Sign out", "The system SHALL let people out."))),
  );
  await repository.write("README.md", "mine\n");
  await repository.git("add", "README.md");
  const world = await worldOf(repository);
  const [result] = await world.archives.archive({ ids: ["add-out"], principal: person });
  expect(result).toMatchObject({ status: "archived", savedTexts: 0, specs: [{ path: SPEC_PATH, what: "changed" }] });
  const [name] = (await readdir(join(repository.path, "openspec/changes/archive"))).filter(
    (entry) => entry !== ".gitkeep",
  );
  expect(name).toMatch(/^\d{4}-\d\d-\d\d-add-out$/);
  expect(read(repository, SPEC_PATH)).toContain("The system SHALL let people out.");
  expect(read(repository, SPEC_PATH)).toContain("The system SHALL let people sign in.");
  // One commit with the move and the spec; what the person had staged is still staged and nothing else is dirty.
  expect(await repository.git("status", "--porcelain")).toBe("A  README.md");
  const changed = await repository.git("show", "--format=%s", "--name-status", "-M100%", "HEAD");
  expect(changed.split("\n")[0]).toBe("Archive add-out");
  expect(changed).toContain(`R100\topenspec/changes/add-out/proposal.md\topenspec/changes/archive/${name}/proposal.md`);
  expect(await repository.git("log", "-1", "--format=%(trailers:key=Specloop-Change,valueonly)")).toContain("add-out");
  expect(world.told("change.archived")).toMatchObject([{ changeId: "add-out", archivedAs: name, savedTexts: 0 }]);
  expect(await world.orchestrator.get("add-out")).toMatchObject({ stage: "archived" });
});

test("what nobody committed of a change is committed before it is archived", async () => {
  const repository = await planned();
  for (const [path, content] of Object.entries(done("add-out", delta("ADDED", requirement("Sign out")))))
    await repository.write(path, content);
  const world = await worldOf(repository);
  await world.archives.archive({ ids: ["add-out"], principal: person });
  expect((await repository.git("log", "--format=%s")).split("\n")).toEqual([
    "Archive add-out",
    "Record add-out before it is archived",
    "Begin",
  ]);
  expect(await repository.git("status", "--porcelain")).toBe("");
});

scenario("archive", "Several changes are archived in order up to the first doubt", async () => {
  const repository = await planned({
    ...done("one", delta("ADDED", requirement("One"))),
    ...done("two", delta("MODIFIED", requirement("Not there"))),
    ...done("three", delta("ADDED", requirement("Three"))),
  });
  const world = await worldOf(repository);
  const all = world.archives.archive({ ids: ["one", "two", "three"], principal: person });
  await expect(all).rejects.toMatchObject({
    code: "archive_refused",
    target: "two",
    details: { done: [{ change: "one", status: "archived" }], left: ["three"], reasons: [{ code: "target_missing" }] },
  });
  expect((await readdir(join(repository.path, "openspec/changes"))).toSorted()).toEqual(["archive", "three", "two"]);
  expect(await repository.git("status", "--porcelain")).toBe("");
});

scenario("archive", "A change with open tasks is refused unless that is allowed", async () => {
  const files = done("add-out", delta("ADDED", requirement("Sign out")));
  const repository = await planned({ ...files, "openspec/changes/add-out/tasks.md": "- [x] 1.1 a\n- [ ] 1.2 b\n" });
  const world = await worldOf(repository);
  const before = await treeOf(repository.path);
  expect(await refusal(world, "add-out")).toMatchObject([{ code: "open_tasks", message: "1 task is open of 2." }]);
  expect(await treeOf(repository.path)).toEqual(before);
  expect(world.told("change.archive_refused")).toMatchObject([{ changeId: "add-out", code: "open_tasks" }]);
  const request = { ids: ["add-out"], principal: person, allowOpenTasks: true };
  expect(await world.archives.archive(request)).toMatchObject([{ status: "archived" }]);
});

scenario("archive", "A delta against a text that moved is refused", async () => {
  const modified = (sentence: string) => delta("MODIFIED", requirement("Sign in", sentence));
  const repository = await planned({
    ...done("encrypt", modified("The system SHALL let people sign in.\nThe system SHALL encrypt the session.")),
    ...done("limit", modified("The system SHALL let people sign in three times an hour.")),
  });
  const world = await worldOf(repository);
  await world.archives.archive({ ids: ["encrypt"], principal: person });
  const before = await treeOf(repository.path);
  const reasons = await refusal(world, "limit");
  expect(reasons[0]?.code).toBe("base_moved");
  expect(await treeOf(repository.path)).toEqual(before);
  // The two sentences stand in one place, so a person says how they go together; such a delta has nothing stale.
  await repository.write(
    "openspec/changes/limit/specs/auth/spec.md",
    modified("The system SHALL let people sign in three times an hour.\nThe system SHALL encrypt the session."),
  );
  const [result] = await world.archives.archive({ ids: ["limit"], principal: person });
  expect(result).toMatchObject({ status: "archived", savedTexts: 1 });
  expect(read(repository, SPEC_PATH)).toContain("three times an hour.\nThe system SHALL encrypt the session.");
  expect(world.told("change.archived").at(-1)).toMatchObject({ changeId: "limit", savedTexts: 1 });
});

scenario("archive", "An archive can be tried without doing it", async () => {
  const repository = await planned(done("add-out", delta("ADDED", requirement("Sign out"))));
  const world = await worldOf(repository);
  const before = await treeOf(repository.path);
  const [result] = await world.archives.archive({ ids: ["add-out"], principal: person, dryRun: true });
  expect(result).toMatchObject({
    status: "would_archive",
    commit: null,
    specs: [{ path: SPEC_PATH, what: "changed" }],
  });
  expect(await treeOf(repository.path)).toEqual(before);
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe("1");
});

test("a change that touches no requirement, a nested capability and an id that begins with a date", async () => {
  const skip = {
    "openspec/changes/chore/.openspec.yaml": "schema: spec-driven\nskip_specs: true\n",
    "openspec/changes/chore/proposal.md": "# Chore\n\n## Why\n\nBecause.\n\n## What Changes\n\n- It\n",
    "openspec/changes/chore/tasks.md": "- [x] 1.1 a\n",
  };
  const nested = Object.fromEntries(
    Object.entries(done("2026-01-02-deep", delta("ADDED", requirement("Deep")))).map(([path, content]) => [
      path.replace("specs/auth/", "specs/web/login/"),
      content,
    ]),
  );
  const repository = await planned({ ...skip, ...nested });
  const world = await worldOf(repository);
  const results = await world.archives.archive({ ids: ["chore", "2026-01-02-deep"], principal: person });
  expect(results).toMatchObject([
    { specs: [] },
    {
      path: "openspec/changes/archive/2026-01-02-deep",
      specs: [{ path: "openspec/specs/web/login/spec.md", what: "created" }],
    },
  ]);
  expect(await repository.git("status", "--porcelain")).toBe("");
});
