import { execFile } from "node:child_process";
import { chmod, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { change, delta, PLANNING, SPEC, startOrchestrator } from "./setup.ts";

const run = promisify(execFile);
const options = { validator: "off" as const };

async function repositoryWith(files: Record<string, string>) {
  const repository = await temporaryRepository({ ...PLANNING, ...files });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  return repository;
}

scenario("changes", "Files that vanish, move, loop or may not be read", async () => {
  const many = Object.fromEntries(
    Array.from({ length: 40 }, (_item, index) =>
      Object.entries(change(`add-${index}`, delta("ADDED", `It ${index}`))),
    ).flat(),
  );
  const repository = await repositoryWith(many);
  const changes = join(repository.path, "openspec/changes");
  // A circle, a way out of the repository, a link to nothing and a folder called like a file.
  await mkdir(join(changes, "loops/specs"), { recursive: true });
  await symlink("..", join(changes, "loops/specs/auth"));
  await symlink("self.md", join(changes, "loops/self.md"));
  await symlink("/etc", join(changes, "loops/outside"));
  await symlink("nowhere.md", join(changes, "loops/proposal.md"));
  await mkdir(join(changes, "loops/tasks.md"));
  await symlink(join(changes, "add-0"), join(changes, "linked-change"));
  const { orchestrator } = await startOrchestrator(repository, { options });
  const codes = async (id: string) => (await orchestrator.get(id)).findings.map(({ code }) => code);
  expect(await codes("loops")).toContain("document_unreadable");
  expect((await orchestrator.list({ limit: 100 })).total).toBe(41);

  // Half of the changes move or vanish while everything is read again, several times over.
  for (let turn = 0; turn < 5; turn += 1) {
    const reading = orchestrator.refresh();
    for (let index = 0; index < 20; index += 1) {
      const from = join(changes, `add-${index}`);
      if (index % 2 === 0) await rename(from, join(changes, `moved-${turn}-${index}`));
      else await rm(from, { recursive: true });
    }
    await reading;
    await orchestrator.settled();
    const ids = (await orchestrator.list({ limit: 100 })).changes.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(["add-20", "add-39", `moved-${turn}-0`, "loops"]));
    expect(ids).not.toContain("add-0");
    for (let index = 0; index < 20; index += 1) {
      await rm(join(changes, `moved-${turn}-${index}`), { recursive: true, force: true });
      for (const [path, text] of Object.entries(change(`add-${index}`, delta("ADDED", `It ${index}`))))
        await repository.write(path, text);
    }
    await orchestrator.settled();
    expect((await orchestrator.list({ limit: 100 })).total).toBe(41);
    expect(await codes("add-0")).toEqual([]);
  }
});

test("a file that may not be read is said to be unreadable, and nothing is said to be missing from it", async (context) => {
  const repository = await repositoryWith({
    ...change("add-it", delta("MODIFIED", "Sign in")),
    "openspec/specs/closed/spec.md": SPEC,
    "openspec/changes/add-it/specs/closed/spec.md": delta("MODIFIED", "Whatever"),
    "openspec/specs/shut/in/spec.md": SPEC,
    "openspec/changes/add-it/specs/shut/in/spec.md": delta("MODIFIED", "Whatever"),
    "openspec/changes/add-it/notes/more.md": "# More\n",
  });
  await chmod(join(repository.path, "openspec/specs/shut"), 0o000);
  await chmod(join(repository.path, "openspec/changes/add-it/notes"), 0o000);
  await chmod(join(repository.path, "openspec/specs/closed/spec.md"), 0o000);
  await chmod(join(repository.path, "openspec/changes/add-it/design.md"), 0o000);
  const mayReadAnything = process.getuid?.() === 0;
  if (mayReadAnything) {
    // Root may read whatever there is, so another user looks; without setpriv there is none to be had.
    const found = await run("setpriv", ["--version"]).catch(() => null);
    if (!found) console.warn("SKIPPED: files that may not be read, because root may read all and setpriv is not here");
    context.skip(!found);
    await run("chown", ["-R", "65534:65534", repository.path]);
    await chmod(repository.path, 0o755);
  }
  const program = join(import.meta.dirname, "children/show-findings.ts");
  const show = [process.execPath, program, repository.path];
  const [file, ...args] = mayReadAnything
    ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...show]
    : show;
  const { stdout } = await run(file!, args, { env: { ...process.env, HOME: repository.path } });
  const { findings, ofRoot } = JSON.parse(stdout) as Record<string, { code: string; target: string }[]>;
  const unreadable = (target: string) => ({ code: "document_unreadable", target });
  expect(findings).toMatchObject([
    unreadable("openspec/changes/add-it/notes"),
    unreadable("openspec/changes/add-it/design.md"),
  ]);
  expect(ofRoot).toMatchObject([unreadable("openspec/specs/closed/spec.md"), unreadable("openspec/specs/shut")]);
});

test("half-written and odd files of every kind are read as far as they go", async () => {
  const whole = change("add-it", delta("ADDED", "It"));
  const repository = await repositoryWith(whole);
  const { orchestrator } = await startOrchestrator(repository, { options });
  for (const [path, text] of Object.entries(whole)) {
    for (const part of [0, 1, Math.floor(text.length / 2), text.length - 1]) {
      await writeFile(join(repository.path, path), text.slice(0, part));
      await orchestrator.refresh();
      expect((await orchestrator.get("add-it")).path).toBe("openspec/changes/add-it");
    }
    await writeFile(join(repository.path, path), text);
  }
  await orchestrator.refresh();
  expect(await orchestrator.get("add-it")).toMatchObject({ stage: "planned", findings: [] });
});

test("Chinese, CRLF, a byte order mark and a large file change nothing", async () => {
  const name = "\u767B\u5F55";
  const text = `\uFEFF${delta("ADDED", name).replaceAll("\n", "\r\n")}`;
  const files = change("TERM_STATE.v1-\u5B9E\u73B0", text, "- [x] \u5B8C\u6210\r\n- [ ] 2\r\n");
  const large = `# Notes\n\n${"\u6CE8\u91CA line\n".repeat(60_000)}`;
  const repository = await repositoryWith({ ...files, "openspec/changes/TERM_STATE.v1-\u5B9E\u73B0/notes.md": large });
  const { orchestrator } = await startOrchestrator(repository, { options });
  const shown = await orchestrator.get("TERM_STATE.v1-\u5B9E\u73B0");
  expect(shown).toMatchObject({ stage: "implementing", tasks: { done: 1, total: 2 }, findings: [] });
  expect(shown.deltas).toMatchObject([{ operation: "ADDED", requirement: name, line: 3 }]);
  expect(Buffer.byteLength(large)).toBeGreaterThan(600_000);
});
