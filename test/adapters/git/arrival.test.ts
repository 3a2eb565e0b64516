import { rm } from "node:fs/promises";
import { expect, test } from "vitest";
import { Arrivals, openGit } from "../../../src/adapters/git/index.ts";
import { type TemporaryRepository, temporaryRepository } from "../../helpers/repository.ts";

const PATH = "openspec/changes/x/experiment.yaml";

/** A commit as the daemon makes it, on the branch that is checked out. */
async function commitAsDaemon(repository: TemporaryRepository): Promise<void> {
  await repository.write(PATH, "version: 1\n");
  await repository.commitAll("Propose x\n\nSpecloop-Principal: agent:somebody");
}

async function arrivalIn(repository: TemporaryRepository) {
  const git = await openGit(repository.path);
  return new Arrivals({ places: git.places }).of(PATH);
}

test("merging the branch of a proposal without a merge commit is a person's act", async () => {
  await using repository = await temporaryRepository({ "README.md": "x\n" });
  await repository.git("switch", "--quiet", "--create", "specloop/x");
  await commitAsDaemon(repository);
  await repository.git("switch", "--quiet", "main");
  await repository.git("merge", "--quiet", "specloop/x");
  expect(await arrivalIn(repository)).toMatchObject({ ours: true, forwardedBy: { name: "Ada Example" } });
});

test("a plain pull that brings one of our commits among others approves nothing; pulling the proposal's branch does", async () => {
  await using origin = await temporaryRepository({ "README.md": "x\n" });
  const clone = `${origin.path}-clone`;
  try {
    await origin.git("clone", "--quiet", origin.path, clone);
    const here = { ...origin, path: clone, git: (...args: string[]) => origin.git("-C", clone, ...args) };
    await here.git("config", "user.name", "Ada Example");
    await here.git("config", "user.email", "ada@example.org");
    await commitAsDaemon(origin);
    await origin.git("branch", "specloop/x");
    await here.git("pull", "--quiet");
    expect(await arrivalIn(here)).toMatchObject({ ours: true, forwardedBy: null });
    await here.git("update-ref", "refs/heads/main", "HEAD^");
    await here.git("read-tree", "--reset", "-u", "HEAD");
    await here.git("pull", "--quiet", "origin", "specloop/x");
    expect(await arrivalIn(here)).toMatchObject({ ours: true, forwardedBy: { name: "Ada Example" } });
  } finally {
    await rm(clone, { recursive: true, force: true });
  }
});

test("a commit of our own on the branch, or none, is no person's act", async () => {
  await using repository = await temporaryRepository({ "README.md": "x\n" });
  expect(await arrivalIn(repository)).toBe(null);
  await commitAsDaemon(repository);
  expect(await arrivalIn(repository)).toMatchObject({ ours: true, forwardedBy: null });
});
