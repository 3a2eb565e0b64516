import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { MoveStep } from "../../../src/orchestrator/archive/mover.ts";
import { scenario } from "../../helpers/scenario.ts";
import { DONE, delta, planned, requirement, worldOf } from "./fixture.ts";
import { agent, person, treeOf } from "./world.ts";

/** A change with two deltas, so that a crash can fall between two specs; one of them makes a capability. */
const files = {
  "openspec/changes/out/.openspec.yaml": "schema: spec-driven\n",
  "openspec/changes/out/proposal.md": "# Out\n\n## Why\n\nBecause.\n\n## What Changes\n\n- It\n",
  "openspec/changes/out/tasks.md": DONE,
  "openspec/changes/out/specs/auth/spec.md": delta("ADDED", requirement("Sign out")),
  "openspec/changes/out/specs/fresh/spec.md": delta("ADDED", requirement("Fresh")),
};

async function dieAt(repository: { path: string }, step: MoveStep, kind: string, count = 1): Promise<void> {
  const args = [join(import.meta.dirname, "children/crash-child.ts"), repository.path, step, kind, String(count)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  expect({ signal, output }).toEqual({ signal: "SIGKILL", output: "" });
}

/** Before everything is in place nothing has happened; from then on the archive is finished. */
const STEPS: [MoveStep, number, "undone" | "finished"][] = [
  ["intent", 1, "undone"],
  ["recorded", 1, "undone"],
  ["aside", 1, "undone"],
  ["spec", 1, "undone"],
  ["spec", 2, "undone"],
  ["moved", 1, "finished"],
  ["committed", 1, "finished"],
  ["settled", 1, "finished"],
];

test.each(STEPS)("killed at %s %i, an archive is %s at the next start", async (step, count, outcome) => {
  const repository = await planned(files);
  await repository.write("mine.txt", "staged\n");
  await repository.git("add", "mine.txt");
  const before = await treeOf(repository.path);
  await dieAt(repository, step, "archive", count);
  const world = await worldOf(repository);
  if (outcome === "undone") expect(await treeOf(repository.path)).toEqual(before);
  expect(await repository.git("status", "--porcelain")).toBe("A  mine.txt");
  expect(await repository.git("log", "-1", "--format=%s")).toBe(outcome === "finished" ? "Archive out" : "Begin");
  expect(await readdir(join(repository.path, "openspec/changes"))).toEqual(
    outcome === "finished" ? ["archive"] : ["archive", "out"],
  );
  expect(await readdir(join(repository.path, ".specloop/archive"))).toEqual([]);
  // Whatever happened, the next one finds everything in order.
  if (outcome === "undone") await world.archives.archive({ ids: ["out"], principal: person });
  await world.archives.unarchive({ id: "out", principal: person });
  expect(await treeOf(repository.path)).toEqual(before);
});

scenario("archive", "A killed daemon leaves no half archive", async () => {
  const repository = await planned(files);
  const before = await treeOf(repository.path);
  await dieAt(repository, "spec", "archive");
  expect(await treeOf(repository.path)).not.toEqual(before);
  await worldOf(repository);
  expect(await treeOf(repository.path)).toEqual(before);
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test.each<MoveStep>(["aside", "spec", "moved"])("killed at %s, taking back is whole as well", async (step) => {
  const repository = await planned(files);
  const before = await treeOf(repository.path);
  const first = await worldOf(repository);
  await first.archives.archive({ ids: ["out"], principal: person });
  await first[Symbol.asyncDispose]();
  const archived = await treeOf(repository.path);
  await dieAt(repository, step, "unarchive");
  await worldOf(repository);
  expect(await treeOf(repository.path)).toEqual(step === "moved" ? before : archived);
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test("what a person saved after a crash stands, and nothing is committed over it", async () => {
  const repository = await planned(files);
  await dieAt(repository, "spec", "archive");
  await repository.write("openspec/specs/auth/spec.md", "# Mine\n");
  const world = await worldOf(repository);
  expect((await treeOf(repository.path)).get("openspec/specs/auth/spec.md")).toContain(
    Buffer.from("# Mine\n").toString("base64"),
  );
  expect(await repository.git("log", "-1", "--format=%s")).toBe("Begin");
  expect(await readdir(join(repository.path, "openspec/changes"))).toEqual(["archive", "out"]);
  // The text that was there before is in git and in our own folder as well.
  expect(await readdir(join(repository.path, ".specloop/archive"))).toHaveLength(1);
  await world[Symbol.asyncDispose]();
});

test("a crash before the commit, and git busy at the next start: the commit waits and is made later", async () => {
  const repository = await planned(files);
  await dieAt(repository, "moved", "archive");
  await repository.write(".git/MERGE_HEAD", `${await repository.git("rev-parse", "HEAD")}\n`);
  const world = await worldOf(repository);
  expect(await repository.git("log", "-1", "--format=%s")).toBe("Begin");
  expect(await readdir(join(repository.path, "openspec/changes"))).toEqual(["archive"]);
  await rm(join(repository.path, ".git/MERGE_HEAD"));
  world.events.emit("git.refs_moved", { head: null, branch: "main" });
  await expect.poll(() => repository.git("log", "-1", "--format=%s"), { timeout: 10_000 }).toBe("Archive out");
  await expect.poll(() => world.told("change.archived"), { timeout: 10_000 }).toMatchObject([{ changeId: "out" }]);
  expect(await repository.git("status", "--porcelain")).toBe("");
});

const approvedOnce = async (repository: { git(...args: string[]): Promise<string> }) =>
  (await repository.git("log", "--format=%B")).match(/Specloop-Approval: /g)?.length;

test.each<MoveStep>(["spec", "settled"])(
  "killed at %s, what was approved is carried out once at the next start",
  async (step) => {
    const repository = await planned(files);
    await dieAt(repository, step, "approved");
    const world = await worldOf(repository, { approvals: true });
    const state = async () =>
      (await world.approvals.list({ states: [], limit: 5 })).approvals.map((each) => each.state);
    await expect.poll(state, { timeout: 20_000 }).toEqual(["carried_out"]);
    expect(await readdir(join(repository.path, "openspec/changes"))).toEqual(["archive"]);
    expect(await approvedOnce(repository)).toBe(1);
    expect(await world.approvals.unfinished("archive")).toEqual([]);
  },
);

test("killed between the use of the approval and the archive, it is carried out at the next start", async () => {
  const repository = await planned(files);
  const first = await worldOf(repository, { approvals: true });
  const [{ approval } = { approval: null }] = await first.archives.archive({ ids: ["out"], principal: agent });
  await first.archives[Symbol.asyncDispose]();
  const id = approval ?? "";
  const { subject } = await first.approvals.decide({ id, decision: "approve", principal: person });
  await first.approvals.redeem(id, subject.contentHash);
  await first[Symbol.asyncDispose]();
  const world = await worldOf(repository, { approvals: true });
  await expect.poll(async () => (await world.approvals.get(id)).state, { timeout: 20_000 }).toBe("carried_out");
  expect(await approvedOnce(repository)).toBe(1);
  expect(await readdir(join(repository.path, "openspec/changes"))).toEqual(["archive"]);
});
