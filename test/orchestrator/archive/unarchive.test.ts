import { readFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { archiveNameOf } from "../../../src/orchestrator/proposals.ts";
import { scenario } from "../../helpers/scenario.ts";
import { SPEC } from "../setup.ts";
import { delta, done, planned, requirement, SPEC_PATH, worldOf } from "./fixture.ts";
import { agent, person, treeOf } from "./world.ts";

const ADD = done("out", delta("ADDED", requirement("Sign out")));

scenario("archive", "An archived change is taken back", async () => {
  const repository = await planned(ADD);
  const world = await worldOf(repository);
  const before = await treeOf(repository.path);
  await world.archives.archive({ ids: ["out"], principal: person });
  const result = await world.archives.unarchive({ id: "out", principal: person });
  expect(result).toMatchObject({ status: "unarchived", path: "openspec/changes/out", specs: [{ path: SPEC_PATH }] });
  expect(await treeOf(repository.path)).toEqual(before);
  expect(await repository.git("status", "--porcelain")).toBe("");
  expect(await repository.git("log", "-1", "--format=%s")).toBe("Take out back from the archive");
  expect(await world.orchestrator.get("out")).toMatchObject({ stage: "implemented" });
});

scenario("archive", "Taking back is refused when the specs moved since", async () => {
  const repository = await planned({ ...ADD, ...done("later", delta("ADDED", requirement("Later"))) });
  const world = await worldOf(repository);
  await world.archives.archive({ ids: ["out", "later"], principal: person });
  const before = await treeOf(repository.path);
  const refused = world.archives.unarchive({ id: "out", principal: person });
  await expect(refused).rejects.toMatchObject({
    code: "archive_refused",
    details: { reasons: [{ code: "spec_moved" }] },
  });
  expect(await treeOf(repository.path)).toEqual(before);
  // In the reverse order both go.
  await world.archives.unarchive({ id: "later", principal: person });
  await world.archives.unarchive({ id: "out", principal: person });
  expect(readFileSync(join(repository.path, SPEC_PATH), "utf8")).toBe(SPEC);
});

test("an archive that somebody else made and committed is taken back, one with other edits is not", async () => {
  const repository = await planned(ADD);
  const folder = "openspec/changes/archive/2026-01-01-out";
  const merged = `${SPEC}\n${requirement("Sign out")}`;
  const archive = async (spec: string) => {
    await repository.git("mv", "openspec/changes/out", folder);
    await repository.write(SPEC_PATH, spec);
    await repository.commitAll("Archive by hand");
  };
  await archive(merged.replace("The system SHALL let people sign in.", "The system SHALL let people sign in twice."));
  const world = await worldOf(repository);
  const refused = world.archives.unarchive({ id: "out", principal: person });
  await expect(refused).rejects.toMatchObject({ details: { reasons: [{ code: "not_alone" }] } });
  await repository.git("reset", "--quiet", "--hard", "HEAD~1");
  await archive(merged);
  expect(await world.archives.unarchive({ id: "out", principal: person })).toMatchObject({ status: "unarchived" });
  expect(readFileSync(join(repository.path, SPEC_PATH), "utf8")).toBe(SPEC);
});

test("a capability that the archive made goes again, one that was retired comes back", async () => {
  const fresh = Object.fromEntries(
    Object.entries(done("out", delta("ADDED", requirement("New")))).map(([path, text]) => [
      path.replace("specs/auth/", "specs/fresh/"),
      text,
    ]),
  );
  const retiring = {
    ...done("retire", delta("REMOVED", "### Requirement: Sign in\n**Reason**: nobody signs in\n")),
    "openspec/changes/retire/.openspec.yaml": "schema: spec-driven\nretire_capabilities: true\n",
  };
  const repository = await planned({ ...fresh, ...retiring });
  const world = await worldOf(repository);
  const before = await treeOf(repository.path);
  const results = await world.archives.archive({ ids: ["out", "retire"], principal: person });
  expect(results.map(({ specs }) => specs)).toEqual([
    [{ path: "openspec/specs/fresh/spec.md", what: "created" }],
    [{ path: SPEC_PATH, what: "removed" }],
  ]);
  expect(await readdir(join(repository.path, "openspec/specs"))).toEqual(["fresh"]);
  await world.archives.unarchive({ id: "retire", principal: person });
  await world.archives.unarchive({ id: "out", principal: person });
  expect(await treeOf(repository.path)).toEqual(before);
});

test("what is not archived, or has a change of that name beside it, is not taken back", async () => {
  const repository = await planned({ ...ADD, "openspec/changes/archive/2026-01-01-old/proposal.md": "# Old\n" });
  const world = await worldOf(repository);
  const reasons = (id: string) =>
    world.archives.unarchive({ id, principal: person }).then(
      () => [],
      (error: { details: { reasons: { code: string }[] } }) => error.details.reasons.map(({ code }) => code),
    );
  expect(await reasons("out")).toEqual(["not_archived"]);
  await expect(world.archives.unarchive({ id: "nope", principal: person })).rejects.toMatchObject({
    code: "unknown_change",
  });
  expect(await world.archives.unarchive({ id: "old", principal: person })).toMatchObject({ specs: [] });
});

test("a change that is named by its folder in the archive gets its own name back", async () => {
  const dated = Object.fromEntries(
    Object.entries(ADD).map(([path, text]) => [path.replace("/out/", "/2026-02-02-out/"), text]),
  );
  for (const files of [ADD, dated]) {
    const repository = await planned(files);
    const world = await worldOf(repository);
    const id = files === dated ? "2026-02-02-out" : "out";
    const before = await treeOf(repository.path);
    const [archived] = await world.archives.archive({ ids: [id], principal: person });
    const folder = archived!.path.slice(archived!.path.lastIndexOf("/") + 1);
    const result = await world.archives.unarchive({ id: folder, principal: person });
    expect(result).toMatchObject({ change: id, path: `openspec/changes/${id}` });
    expect(await treeOf(repository.path)).toEqual(before);
    expect(await repository.git("log", "-1", "--format=%s")).toBe(`Take ${id} back from the archive`);
  }
});

test("an id that was archived twice means the newest one", () => {
  const archived = ["2026-03-03-old", "2025-01-01-old", "2025-01-01-older"];
  expect(archiveNameOf("old", archived)).toBe("2026-03-03-old");
  expect(archiveNameOf("2025-01-01-old", archived)).toBe("2025-01-01-old");
  expect(archiveNameOf("ol", archived)).toBeNull();
});

scenario("archive", "An agent's archive waits on a branch", async () => {
  const repository = await planned(ADD);
  await repository.write("mine.txt", "staged\n");
  await repository.git("add", "mine.txt");
  const world = await worldOf(repository);
  const before = await treeOf(repository.path);
  const [result] = await world.archives.archive({ ids: ["out"], principal: agent });
  expect(result).toMatchObject({ status: "proposed", branch: "specloop/archive-out", approval: null });
  expect(await treeOf(repository.path)).toEqual(before);
  expect(await repository.git("status", "--porcelain")).toBe("A  mine.txt");
  expect(world.told("change.archived")).toEqual([]);
  // A merge is the approval.
  await repository.git("merge", "--quiet", "--ff-only", "specloop/archive-out");
  await world.orchestrator.settled();
  await expect.poll(() => world.told("change.archived"), { timeout: 10_000 }).toMatchObject([{ changeId: "out" }]);
  expect(readFileSync(join(repository.path, SPEC_PATH), "utf8")).toContain("Sign out");
  expect(await world.orchestrator.get("out")).toMatchObject({ stage: "archived" });
});

test("an agent cannot archive what is not committed, because nobody could approve exactly that", async () => {
  const repository = await planned(ADD);
  await repository.write("openspec/changes/out/proposal.md", "# Other\n\n## Why\n\nBecause.\n");
  const world = await worldOf(repository);
  const refused = world.archives.archive({ ids: ["out"], principal: agent });
  await expect(refused).rejects.toMatchObject({ details: { reasons: [{ code: "uncommitted_change" }] } });
  expect(await repository.git("branch", "--list", "specloop/*")).toBe("");
});

scenario("archive", "A person's yes carries an agent's archive out", async () => {
  const repository = await planned(ADD);
  await repository.write("mine.txt", "staged\n");
  await repository.git("add", "mine.txt");
  const world = await worldOf(repository, { approvals: true });
  const ask = async () => (await world.archives.archive({ ids: ["out"], principal: agent }))[0]!.approval!;
  const yes = (id: string) => world.approvals.decide({ id, decision: "approve", principal: person });
  // An edit after the request makes the yes worthless: nothing is archived.
  const first = await ask();
  await repository.write("openspec/changes/out/proposal.md", "# Out\n\n## Why\n\nFor another reason.\n");
  await repository.git("commit", "--quiet", "--message", "Edit", "--", "openspec/changes");
  const before = await treeOf(repository.path);
  await yes(first).catch(() => undefined);
  await expect.poll(async () => (await world.approvals.get(first)).state, { timeout: 10_000 }).toBe("void");
  expect(await treeOf(repository.path)).toEqual(before);
  // The next request is for what is there now; ticking nothing and editing nothing, it is carried out.
  const second = await ask();
  await yes(second);
  await expect.poll(async () => (await world.approvals.get(second)).state, { timeout: 10_000 }).toBe("carried_out");
  expect(world.told("change.archived")).toMatchObject([{ changeId: "out", principal: agent }]);
  expect(await repository.git("log", "-1", "--format=%(trailers:key=Specloop-Approval,valueonly)")).toContain(second);
  expect(readFileSync(join(repository.path, SPEC_PATH), "utf8")).toContain("Sign out");
  expect(await repository.git("status", "--porcelain")).toBe("A  mine.txt");
});

test("where git converts line ends, a branch has what git would commit and the way back is open", async () => {
  const repository = await planned(ADD);
  await repository.git("config", "core.autocrlf", "true");
  await rm(join(repository.path, "openspec"), { recursive: true });
  await repository.git("checkout", "-q", "--", ".");
  const before = await treeOf(repository.path);
  expect(readFileSync(join(repository.path, SPEC_PATH), "utf8")).toContain("\r\n");
  const world = await worldOf(repository);
  const [proposed] = await world.archives.archive({ ids: ["out"], principal: agent });
  expect(await repository.git("show", `${proposed!.branch}:${SPEC_PATH}`)).not.toContain("\r");
  const [archived] = await world.archives.archive({ ids: ["out"], principal: person });
  expect(archived).toMatchObject({ status: "archived" });
  expect(await world.archives.unarchive({ id: "out", principal: person })).toMatchObject({ status: "unarchived" });
  expect(await treeOf(repository.path)).toEqual(before);
  expect(await repository.git("status", "--porcelain")).toBe("");
});
