import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { delta, done, planned, refusal, requirement, SPEC_PATH, worldOf } from "./fixture.ts";
import { person, treeOf } from "./world.ts";
import { stateFolder } from "../setup.ts";

const ADD = done("out", delta("ADDED", requirement("Sign out")));

/** A small disk of its own with a copy of a planned repository, or null where that is not allowed. */
async function smallDisk(options: string): Promise<string | null> {
  const place = join(await stateFolder(), "disk");
  mkdirSync(place);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", place], { stdio: "ignore" });
  } catch {
    console.warn("SKIPPED: a disk of its own cannot be mounted here (needs root)");
    return null;
  }
  onTestFinished(() => void execFileSync("umount", ["--lazy", place]));
  const repository = await planned(ADD);
  cpSync(repository.path, join(place, "r"), { recursive: true });
  return join(place, "r");
}

test("a full disk refuses the archive with every byte as it was, and it works after space is made", async () => {
  const path = await smallDisk("size=6m");
  if (path === null) return;
  const state = await stateFolder();
  const world = await worldOf({ path }, { state });
  const before = await treeOf(path);
  const { bavail, bsize } = statfsSync(path);
  writeFileSync(join(path, ".git/filler"), Buffer.alloc(bavail * bsize));
  const reasons = await refusal(world, "out");
  expect(reasons).toHaveLength(1);
  expect(reasons[0]!.message).toMatch(/ENOSPC|No space left|could not be written/i);
  expect(await treeOf(path)).toEqual(before);
  execFileSync("rm", [join(path, ".git/filler")]);
  expect(await world.archives.archive({ ids: ["out"], principal: person })).toMatchObject([{ status: "archived" }]);
  expect(readFileSync(join(path, SPEC_PATH), "utf8")).toContain("Sign out");
  await world[Symbol.asyncDispose]();
});

test("a read-only tree refuses the archive", async () => {
  const path = await smallDisk("size=16m");
  if (path === null) return;
  const world = await worldOf({ path }, { state: await stateFolder() });
  mkdirSync(join(path, ".specloop/archive"), { recursive: true });
  const before = await treeOf(path);
  execFileSync("mount", ["-o", "remount,ro", join(path, "..")]);
  const reasons = await refusal(world, "out");
  expect(reasons[0]!.message).toMatch(/EROFS|read-only/i);
  expect(await treeOf(path)).toEqual(before);
  expect(existsSync(join(path, "openspec/changes/archive/.openspec-archive.lock"))).toBe(false);
  await world[Symbol.asyncDispose]();
});
