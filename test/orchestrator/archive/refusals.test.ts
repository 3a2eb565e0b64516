import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import type { TemporaryRepository } from "../../helpers/repository.ts";
import { SPEC } from "../setup.ts";
import { DONE, delta, done, planned, refusal, requirement, SPEC_PATH, worldOf } from "./fixture.ts";
import { fakeOpenspec, person, treeOf, type WorldOptions } from "./world.ts";

const ADD = done("out", delta("ADDED", requirement("Sign out")));
const LOCK = "openspec/changes/archive/.openspec-archive.lock";

/** Refused for these reasons, with every byte, the index and HEAD as they were. */
async function expectRefused(
  repository: TemporaryRepository,
  codes: string[],
  given: WorldOptions = {},
): Promise<void> {
  const world = await worldOf(repository, given);
  const state = async () => [
    await treeOf(repository.path),
    await repository.git("status", "--porcelain"),
    await repository.git("rev-parse", "HEAD"),
  ];
  const before = await state();
  const reasons = await refusal(world, "out");
  expect(reasons.map(({ code }) => code)).toEqual(codes);
  for (const { message } of reasons) expect(message).not.toMatch(/undefined|\[object/);
  expect(await state()).toEqual(before);
}

test("a change without deltas, which OpenSpec's command would archive without a word", async () => {
  const { "openspec/changes/out/specs/auth/spec.md": _delta, ...rest } = ADD;
  await expectRefused(await planned(rest), ["invalid_change"]);
});

test("a modification that OpenSpec would refuse, conflict markers, a broken delta", async () => {
  await expectRefused(await planned(done("out", delta("MODIFIED", requirement("Nobody has it")))), ["target_missing"]);
  const markers = `${delta("ADDED", requirement("X"))}\n<<<<<<< a\nthe\n=======\nthat\n>>>>>>> b\n`;
  await expectRefused(await planned(done("out", markers)), ["conflict_markers"]);
});

scenario("archive", "Text that the merge would drop in silence stops the archive", async () => {
  const orphan = `${delta("ADDED", requirement("X"))}\n## Notes\n\n${requirement("Orphan")}`;
  await expectRefused(await planned(done("out", orphan)), ["text_not_applied"]);
  const tail = SPEC.replace("#### Scenario: good", "#### Scenario: good").concat(
    "\n### Background\nThe table of rights.\n",
  );
  const removing = done(
    "out",
    `${delta("REMOVED", "### Requirement: Sign in\n**Reason**: gone\n")}\n${delta("ADDED", requirement("Y"))}`,
  );
  await expectRefused(await planned({ ...removing, [SPEC_PATH]: tail }), ["text_would_go_along"]);
});

scenario("archive", "A lock that was left behind stops the archive", async () => {
  const repository = await planned(ADD);
  await repository.write(LOCK, JSON.stringify({ pid: 2 ** 22 + 1, nonce: "x" }));
  await expectRefused(repository, ["archive_locked"]);
  expect(existsSync(join(repository.path, LOCK))).toBe(true);
  // One that is made in this moment is not filled yet.
  await repository.write(LOCK, "");
  const [reason] = await refusal(await worldOf(repository), "out");
  expect(reason).toMatchObject({ code: "archive_locked", message: "Another archive runs." });
});

test("a folder of that name is in the archive already", async () => {
  const today = new Date().toLocaleDateString("sv-SE");
  const taken = { [`openspec/changes/archive/${today}-out/proposal.md`]: "# Old\n" };
  await expectRefused(await planned({ ...ADD, ...taken }), ["archive_target_exists"]);
});

test("a main spec that is not committed, and one that is staged", async () => {
  const repository = await planned(ADD);
  await repository.write(SPEC_PATH, `${SPEC}\nmine\n`);
  await expectRefused(repository, ["uncommitted_spec"]);
  await repository.git("add", "--all");
  await expectRefused(repository, ["uncommitted_spec"]);
});

test("a capability behind a symbolic link", async () => {
  const repository = await planned(ADD);
  await rename(join(repository.path, "openspec/specs/auth"), join(repository.path, "elsewhere"));
  await symlink("../../elsewhere", join(repository.path, "openspec/specs/auth"));
  await repository.commitAll("Link");
  await expectRefused(repository, ["linked_spec"]);
});

test("git in the middle of a merge, and a detached HEAD", async () => {
  const repository = await planned(ADD);
  await repository.git("checkout", "--quiet", "--detach");
  await expectRefused(repository, ["git_busy"]);
  await repository.git("checkout", "--quiet", "main");
  await repository.write(".git/MERGE_HEAD", `${await repository.git("rev-parse", "HEAD")}\n`);
  await expectRefused(repository, ["git_busy"]);
});

test("an archive that git ignores", async () => {
  await expectRefused(await planned({ ...ADD, ".gitignore": ".specloop/\nopenspec/changes/archive/\n" }), ["ignored"]);
});

test("a hook of the person that refuses the commit", async () => {
  const repository = await planned(ADD);
  await mkdir(join(repository.path, ".git/hooks"), { recursive: true });
  writeFileSync(join(repository.path, ".git/hooks/pre-commit"), "#!/bin/sh\necho not today >&2\nexit 1\n", {
    mode: 0o755,
  });
  await expectRefused(repository, ["git_failed"]);
});

test("no OpenSpec at all says how to get it", async () => {
  const repository = await planned(ADD);
  const world = await worldOf(repository, { path: "/nowhere" });
  const before = await treeOf(repository.path);
  expect(await refusal(world, "out")).toMatchObject([
    { code: "no_validator", fix: expect.stringContaining("npm install") },
  ]);
  expect(await treeOf(repository.path)).toEqual(before);
});

const VERDICT = `if [ "$1" = validate ]; then echo '{"items":[{"id":"out","issues":[]}]}'; exit 0; fi
if [ "$1" = --version ]; then echo 9.9.9; exit 0; fi
to=openspec/changes/archive/2026-01-01-out; mkdir -p openspec/changes/archive openspec/specs/auth
say() { echo '{"archive":{"change":"out","archivedAs":"2026-01-01-out","specsUpdated":true,"totals":{"added":1}}}'; }`;

scenario("archive", "An OpenSpec that drops text is caught", async () => {
  const cases: [string, string[]][] = [
    // Says that all went well, and lost the requirement that was there.
    [
      `mv openspec/changes/out $to; cat $to/specs/auth/spec.md >openspec/specs/auth/spec.md; say`,
      ["text_lost", "text_lost", "text_lost"],
    ],
    // Moves the change and forgets the spec.
    [`mv openspec/changes/out $to; say`, ["text_lost"]],
    // Cuts a line out of what it moves.
    [`mv openspec/changes/out $to; : >$to/proposal.md; say`, ["files_differ", "text_lost"]],
    // Garbage, and silence.
    [`mv openspec/changes/out $to; echo '<html>'`, ["openspec_unreadable"]],
    [`exit 0`, ["openspec_unreadable"]],
    [`echo '{"archive":{"archivedAs":"../../../etc"}}'`, ["archive_refused"]],
  ];
  for (const [script, codes] of cases) {
    const repository = await planned(ADD);
    const path = await fakeOpenspec(
      join(repository.path, "..", `${repository.path.split("/").at(-1)}-bin`),
      `${VERDICT}\n${script}`,
    );
    await expectRefused(repository, codes, { path });
  }
});

scenario("archive", "What a person saves in the middle stands", async () => {
  const repository = await planned({ ...ADD, "openspec/changes/out/tasks.md": DONE });
  const mine = `${SPEC}\nsaved in the middle\n`;
  const world = await worldOf(repository, {
    onStep: (step) => step === "recorded" && writeFileSync(join(repository.path, SPEC_PATH), mine),
  });
  expect((await refusal(world, "out")).map(({ code }) => code)).toEqual(["saved_meanwhile"]);
  expect(readFileSync(join(repository.path, SPEC_PATH), "utf8")).toBe(mine);
  expect(await repository.git("status", "--porcelain")).toBe(` M ${SPEC_PATH}`);
  expect(existsSync(join(repository.path, "openspec/changes/out/proposal.md"))).toBe(true);
});

test.each(["aside", "spec", "moved"] as const)(
  "a save at the step %s stands, and the rest is taken back",
  async (at) => {
    const repository = await planned(ADD);
    const place = at === "aside" ? SPEC_PATH : "openspec/changes/out/proposal.md";
    const world = await worldOf(repository, {
      onStep: (step) => {
        if (step !== at) return;
        // After the move an editor that still has the file under its old name makes the folder anew.
        if (at === "moved") throw new Error("the disk is gone");
        writeFileSync(join(repository.path, place), "mine\n");
      },
    });
    expect(await refusal(world, "out")).not.toEqual([]);
    if (at !== "moved") expect(readFileSync(join(repository.path, place), "utf8")).toBe("mine\n");
    const status = await repository.git("status", "--porcelain");
    expect(status).toBe(at === "moved" ? "" : ` M ${place}`);
  },
);

test("two archives at once are one after the other", async () => {
  const repository = await planned(ADD);
  const world = await worldOf(repository);
  const both = await Promise.allSettled([1, 2].map(() => world.archives.archive({ ids: ["out"], principal: person })));
  expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  expect((await repository.git("log", "--format=%s")).split("\n")).toEqual(["Archive out", "Begin"]);
});

test("texts that git does not show are neither dropped nor taken along", async () => {
  const second = SPEC_PATH.replace("auth", "audit");
  const third = SPEC_PATH.replace("auth", "billing");
  const added = delta("ADDED", requirement("Sign out"));
  const folder = "openspec/changes/out";
  const repository = await planned({
    ...ADD,
    [second]: SPEC,
    [third]: SPEC,
    [`${folder}/specs/audit/spec.md`]: added,
    [`${folder}/specs/billing/spec.md`]: added,
    [`${folder}/notes.md`]: "in the last commit\n",
  });
  const latin = Buffer.concat([readFileSync(join(repository.path, third)), Buffer.from("\ncaf\xe9\n", "latin1")]);
  writeFileSync(join(repository.path, third), latin);
  await repository.git("commit", "-qam", "Another encoding");
  // A sparse checkout, a spec that git takes for unchanged, a file in three versions, one that only the index has.
  await repository.git("update-index", "--skip-worktree", SPEC_PATH, `${folder}/notes.md`);
  for (const path of [SPEC_PATH, `${folder}/notes.md`]) rmSync(join(repository.path, path));
  await repository.git("update-index", "--assume-unchanged", second);
  await repository.write(second, SPEC.replace("sign in", "sign in, in my own words"));
  await repository.write(`${folder}/design.md`, "staged\n");
  await repository.write(`${folder}/more.md`, "only staged\n");
  await repository.git("add", folder);
  await repository.write(`${folder}/design.md`, "in the tree\n");
  rmSync(join(repository.path, `${folder}/more.md`));
  execFileSync("git", ["init", "-q", join(repository.path, folder, "vendor")]);
  writeFileSync(join(repository.path, folder, "vendor/a.txt"), "a\n");
  const world = await worldOf(repository);
  const before = [await treeOf(repository.path), await repository.git("ls-files", "--stage")];
  const reasons = await refusal(world, "out");
  const codes = reasons.map(({ code, target }) => `${code} ${target?.replace(`${folder}/`, "")}`).toSorted();
  expect(codes.filter((code) => !code.startsWith("target_missing"))).toEqual([
    `nested_repository vendor/`,
    `not_checked_out notes.md`,
    `not_checked_out ${SPEC_PATH}`,
    `not_text ${third}`,
    `partly_staged design.md`,
    `partly_staged more.md`,
    `uncommitted_change ${second}`,
  ]);
  expect([await treeOf(repository.path), await repository.git("ls-files", "--stage")]).toEqual(before);
});

test("an archive branch on which somebody else committed is not made anew", async () => {
  const repository = await planned(ADD);
  const world = await worldOf(repository);
  const request = { ids: ["out"], principal: { kind: "agent", name: "claude-code" } as const };
  const [first] = await world.archives.archive(request);
  expect((await world.archives.archive(request))[0]).toMatchObject({ status: "proposed", branch: first!.branch });
  await repository.git("switch", "-q", first!.branch!);
  await repository.write("mine.txt", "mine\n");
  await repository.git("add", "mine.txt");
  await repository.git("commit", "-qm", "Mine");
  await repository.git("switch", "-q", "-");
  await expect(world.archives.archive(request)).rejects.toMatchObject({
    details: { reasons: [{ code: "branch_in_use" }] },
  });
  expect(await repository.git("log", "-1", "--format=%s", first!.branch!)).toBe("Mine");
});
