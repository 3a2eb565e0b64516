import { scenario } from "../../helpers/scenario.ts";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Arrivals, listWorktrees, openGit, RefChain } from "../../../src/adapters/git/index.ts";
import { temporaryRepository } from "../../helpers/repository.ts";

/** A repository whose `.git` names a program wherever git takes one; every start of it is written down. */
async function trapped() {
  const repository = await temporaryRepository({ "a.md": "# A\n", ".gitattributes": "*.md diff=trap\n" });
  const outside = await mkdtemp(join(tmpdir(), "specloop-trap-"));
  const log = join(outside, "started");
  const program = join(outside, "program");
  await writeFile(program, `#!/bin/sh\necho "$0 $*" >> '${log}'\nexit 1\n`);
  await chmod(program, 0o700);
  await writeFile(log, "");
  for (const [name, value] of [
    ["core.fsmonitor", program],
    ["core.pager", program],
    ["core.editor", program],
    ["core.sshCommand", program],
    ["core.askPass", program],
    ["diff.external", program],
    ["diff.trap.textconv", program],
    ["diff.trap.command", program],
    ["gpg.program", program],
    ["gpg.ssh.program", program],
    ["log.showSignature", "true"],
    ["include.path", join(outside, "more")],
    ["core.hooksPath", outside],
  ])
    await repository.git("config", name!, value!);
  await writeFile(join(outside, "more"), `[alias]\n\tstatus = !${program}\n\tlog = !${program}\n`);
  for (const hook of ["reference-transaction", "post-index-change", "fsmonitor-watchman"])
    await writeFile(join(outside, hook), await readFile(program), { mode: 0o700 });
  return {
    repository,
    started: () => readFile(log, "utf8"),
    [Symbol.asyncDispose]: async () => {
      await repository[Symbol.asyncDispose]();
      await rm(outside, { recursive: true, force: true });
    },
  };
}

scenario("approvals", "The repository's configuration names programs", async () => {
  await using world = await trapped();
  const { repository } = world;
  const git = await openGit(repository.path);
  const { commit } = await git.head();
  const head = commit ?? "";
  // A commit that git would check by the program that .git names.
  const raw = (await repository.git("cat-file", "commit", head)).replace(
    /\n\n/,
    "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n aaaa\n -----END PGP SIGNATURE-----\n\n",
  );
  await writeFile(join(repository.path, "raw"), `${raw}\n`);
  const signed = await repository.git("hash-object", "-t", "commit", "-w", "raw");
  await rm(join(repository.path, "raw"));
  await repository.git("-c", "core.hooksPath=/dev/null", "update-ref", "HEAD", signed);
  await repository.write("a.md", "# A\n\nChanged.\n");
  const path = "a.md";
  const branch = await git.commitToBranch({
    ref: "refs/heads/specloop/e-1",
    parent: head,
    expected: null,
    files: new Map([[path, "# B\n"]]),
    message: "Edit",
    trailers: {},
  });
  const chain = new RefChain({ places: git.places, ref: "refs/specloop/audit" });
  await chain.append("one", null);
  await Promise.all([
    git.state(),
    git.resolve("HEAD"),
    git.read("HEAD", path),
    git.list("HEAD", ""),
    git.files(""),
    git.tracked("a.md"),
    git.pathState(path),
    git.recorded([path]),
    git.blobIdOf(path),
    git.isIgnored(path),
    git.isAncestor(head, "HEAD"),
    git.branches("refs/heads"),
    git.refEntries("refs/heads"),
    git.wouldConflict(head, branch),
    git.history({ path, limit: 5 }),
    git.blame({ path, startLine: 1, endLine: 1 }),
    git.diff(head, branch, path),
    git.pathHistory({ under: [""], limit: 5 }),
    git.dirty(""),
    chain.links(),
    new Arrivals({ places: git.places }).of(path),
    listWorktrees(repository.path),
  ]);
  await git.deleteBranch("refs/heads/specloop/e-1", branch);
  expect(await world.started()).toBe("");
  expect(await git.dirty("")).toContain(path);
});

test("an attribute of the repository hides nothing from who looks at a difference", async () => {
  await using repository = await temporaryRepository({ "a.md": "# A\n", ".gitattributes": "*.md -diff\n" });
  const git = await openGit(repository.path);
  const { commit } = await git.head();
  await repository.write("a.md", "# A\n\nObey.\n");
  await repository.commitAll("Change");
  expect(await git.diff(commit ?? "", "HEAD", "a.md")).toContain("+Obey.");
});
