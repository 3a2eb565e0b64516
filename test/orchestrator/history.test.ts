import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openGit } from "../../src/adapters/git/index.ts";
import { Lineage } from "../../src/orchestrator/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { delta, done, planned, requirement, SPEC_PATH, worldOf } from "./archive/fixture.ts";
import { person } from "./archive/world.ts";
import { stateFolder } from "./setup.ts";

const SECOND = requirement("Sign out", "The system SHALL let people out at once.");
const RENAMED = "## RENAMED Requirements\n\n- FROM: `### Requirement: Sign out`\n- TO: `### Requirement: Leave`\n";

/** Added, modified, renamed and removed by one change each, each archived for real. */
const LIFE = {
  ...done("add", delta("ADDED", requirement("Sign out"))),
  ...done("change", delta("MODIFIED", SECOND)),
  ...done("rename", RENAMED),
};
/** Written when the spec has the requirement, as a person would. */
const REMOVE = done("remove", delta("REMOVED", "### Requirement: Leave\n**Reason**: nobody leaves\n"));

scenario("lineage", "A requirement is followed through its changes", async () => {
  const repository = await planned(LIFE);
  const world = await worldOf(repository);
  const lineage = new Lineage({ changes: world.orchestrator, git: world.git });
  const ids = ["add", "change", "rename"];
  await world.archives.archive({ ids, principal: person });
  for (const [path, content] of Object.entries(REMOVE)) await repository.write(path, content);
  await repository.commitAll("Begin the last one");
  await world.orchestrator.refresh();
  const events = async (name: string) =>
    (await lineage.requirement(name)).events.map(({ kind, change, name: now, from }) => [kind, change, now, from]);
  const life = [
    ["renamed", "rename", "Leave", "Sign out"],
    ["modified", "change", "Sign out", null],
    ["added", "add", "Sign out", null],
  ];
  expect(await lineage.requirement("auth/Leave")).toMatchObject({
    requirement: "Leave",
    exists: true,
    truncated: false,
    pending: [{ change: "remove", operation: "REMOVED" }],
    events: [{ author: "Ada Example", email: "ada@example.org", subject: "Archive rename" }, {}, {}],
  });
  expect(await events("auth/Leave")).toEqual(life);
  expect(await events("auth/Sign out")).toEqual(life);
  await world.archives.archive({ ids: ["remove"], principal: person });
  expect(await events("auth/sign  OUT")).toEqual([["removed", "remove", "Leave", null], ...life]);
  expect(await lineage.requirement("auth/Leave")).toMatchObject({ exists: false, pending: [] });
  // An edit of the spec beside every change is an event without one.
  const other = "The system SHALL let people sign in by name.";
  execFileSync("sed", ["-i", `s/The system SHALL let people sign in\\./${other}/`, SPEC_PATH], {
    cwd: repository.path,
  });
  await repository.commitAll("By hand");
  expect(await events("auth/Sign in")).toEqual([
    ["modified", null, "Sign in", null],
    ["added", null, "Sign in", null],
  ]);
  await expect(lineage.requirement("auth/Nobody")).rejects.toMatchObject({ code: "unknown_requirement" });
  await expect(lineage.requirement("auth")).rejects.toMatchObject({ code: "bad_input" });
});

scenario("lineage", "A shallow clone says that it does not know", async () => {
  const repository = await planned(LIFE);
  const world = await worldOf(repository);
  await world.archives.archive({ ids: ["add", "change", "rename"], principal: person });
  const clone = join(await stateFolder(), "clone");
  execFileSync("git", ["clone", "--quiet", "--depth", "2", `file://${repository.path}`, clone]);
  const lineage = new Lineage({ changes: world.orchestrator, git: await openGit(clone) });
  const { events, truncated } = await lineage.requirement("auth/Leave");
  expect(events.map(({ kind }) => kind)).toEqual(["renamed", "known_since"]);
  expect(truncated).toBe(true);
});

test("a merged branch, a rename that no delta tells of, and a requirement that only a change has", async () => {
  const repository = await planned(done("later", delta("ADDED", requirement("Not yet"))));
  await repository.git("checkout", "--quiet", "-b", "side");
  execFileSync("sed", ["-i", "s/### Requirement: Sign in/### Requirement: Log in/", SPEC_PATH], {
    cwd: repository.path,
  });
  await repository.commitAll("Rename by hand");
  await repository.git("checkout", "--quiet", "main");
  await repository.write("README.md", "x\n");
  await repository.commitAll("Other work");
  await repository.git("merge", "--quiet", "--no-edit", "side");
  const world = await worldOf(repository);
  const lineage = new Lineage({ changes: world.orchestrator, git: world.git });
  const { events } = await lineage.requirement("auth/Log in");
  expect(events.map(({ kind, subject }) => [kind, subject])).toEqual([
    ["renamed", "Rename by hand"],
    ["added", "Begin"],
  ]);
  expect(await lineage.requirement("auth/Not yet")).toMatchObject({
    exists: false,
    events: [],
    pending: [{ change: "later" }],
  });
});
