import { existsSync, globSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { locate, trustsProjectInstallation, Validator } from "../../../src/adapters/openspec/index.ts";
import { silentLogger } from "../../../src/foundation/logger.ts";
import { realRepositoriesMissing } from "../../helpers/repository.ts";
import { readRuleCases, writeRuleCases } from "../../helpers/rule-cases.ts";
import { scenario } from "../../helpers/scenario.ts";

const projectRoot = resolve(import.meta.dirname, "../../..");
const openspec = join(projectRoot, "node_modules/@fission-ai/openspec");

const DELTA = `## ADDED Requirements

### Requirement: New thing
The system SHALL do it.

#### Scenario: s
- **WHEN** a
- **THEN** b
`;

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "specloop-verdict-test-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

function validatorIn(worktree: string, more: Partial<ConstructorParameters<typeof Validator>[0]> = {}): Validator {
  const parts = { worktree, searchFrom: [projectRoot], trustProjectInstallation: false, env: {}, logger: silentLogger };
  const validator = new Validator({ ...parts, ...more });
  onTestFinished(() => validator[Symbol.asyncDispose]());
  return validator;
}

function change(delta: string): Map<string, string> {
  return new Map([
    ["changes/add-it/.openspec.yaml", "schema: spec-driven\n"],
    ["changes/add-it/tasks.md", "## 1. A\n\n- [ ] 1.1 b\n"],
    ["changes/add-it/specs/auth/spec.md", delta],
  ]);
}

test("judges a change that exists as files only, and leaves nothing behind", async () => {
  const temporary = await folder();
  vi.stubEnv("TMPDIR", temporary);
  onTestFinished(() => void vi.unstubAllEnvs());
  const validator = validatorIn(await folder());
  const good = await validator.checkFiles("add-it", change(DELTA));
  expect(good).toMatchObject({ valid: true, source: "path", issues: [] });
  expect(good.version).toBe(
    (JSON.parse(readFileSync(join(openspec, "package.json"), "utf8")) as { version: string }).version,
  );
  expect((await readdir(temporary)).filter((name) => name.startsWith("specloop-change-"))).toEqual([]);
});

test("is strict: a warning makes a change invalid", async () => {
  const validator = validatorIn(await folder());
  const verdict = await validator.checkFiles("add-it", change(DELTA.replace("SHALL do", "does")));
  expect(verdict.valid).toBe(false);
  expect(verdict.issues).toEqual([
    { level: "WARNING", path: "auth/spec.md", message: expect.stringContaining("should contain SHALL or MUST") },
  ]);
});

test("the thread and the command line agree", async () => {
  const project = await folder();
  for (const [path, content] of change(DELTA.replace("#### Scenario", "### Scenario"))) {
    await mkdir(join(project, "openspec", path, ".."), { recursive: true });
    await writeFile(join(project, "openspec", path), content);
  }
  const byThread = await validatorIn(project).check(project, "add-it");
  // The same package whose loadable part is gone: only its command line is left.
  const bin = await folder();
  await writeFile(join(bin, "openspec"), `#!/bin/sh\nexec "${process.execPath}" "${openspec}/bin/openspec.js" "$@"\n`, {
    mode: 0o755,
  });
  const byCommand = await validatorIn(project, { env: { PATH: bin, HOME: project }, searchFrom: [] }).check(
    project,
    "add-it",
  );
  expect(byThread).toMatchObject({ valid: false, source: "path" });
  expect(byCommand.source).toBe("cli");
  expect(byCommand.version).toBe(byThread.version);
  expect(byCommand.issues).toEqual(byThread.issues);
});

/** A copy of the real package beside links to what it needs, as npm would install it. */
async function copyOfOpenspec(): Promise<{ place: string; copy: string }> {
  const place = await folder();
  const copy = join(place, "node_modules/@fission-ai/openspec");
  await cp(openspec, copy, { recursive: true });
  const modules = join(projectRoot, "node_modules");
  for (const name of await readdir(modules))
    if (!name.startsWith(".") && name !== "@fission-ai")
      await symlink(join(modules, name), join(place, "node_modules", name));
  return { place, copy };
}

scenario("changes", "An OpenSpec that fails its self-test is asked another way", async () => {
  const { place, copy } = await copyOfOpenspec();
  // As if a later version had moved the file that is loaded; its own command line knows where it is.
  const inner = join(copy, "dist/core/validation");
  await rename(join(inner, "validator.js"), join(inner, "moved.js"));
  for (const file of globSync("dist/**/*.js", { cwd: copy })) {
    const text = await readFile(join(copy, file), "utf8");
    const moved = text
      .replaceAll("validation/validator.js", "validation/moved.js")
      .replaceAll("./validator.js", "./moved.js");
    if (moved !== text) await writeFile(join(copy, file), moved);
  }
  const validator = validatorIn(await folder(), { searchFrom: [place] });
  const signal = new AbortController().signal;
  expect(await validator.health().run(signal)).toMatchObject({ status: "ok" });
  const verdict = await validator.checkFiles("add-it", change(DELTA));
  expect(verdict).toMatchObject({ valid: true, source: "cli", version: "1.13.2", issues: [] });
  expect(verdict.note).toContain("cannot be loaded");
  expect(await validator.checkFiles("add-it", change(DELTA.replace("#### Scenario: s", "text")))).toMatchObject({
    valid: false,
    issues: [{ level: "ERROR" }],
  });
  const health = await validator.health().run(signal);
  expect(health).toMatchObject({ status: "warning", message: expect.stringContaining("its slower command line") });
});

test("an OpenSpec of which half is missing gives no verdict and says so", async () => {
  const { place, copy } = await copyOfOpenspec();
  const file = join(copy, "dist/core/validation/validator.js");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.slice(0, text.length / 2));
  const validator = validatorIn(await folder(), { searchFrom: [place] });
  await expect(validator.checkFiles("add-it", change(DELTA))).rejects.toMatchObject({ code: "no_validator" });
});

test("a thread that is ended while it tests itself leaves no files behind", async () => {
  const [temporary, validator] = [await folder(), validatorIn(await folder())];
  vi.stubEnv("TMPDIR", temporary);
  onTestFinished(() => void vi.unstubAllEnvs());
  const isTesting = async () => (await readdir(temporary)).some((name) => name.startsWith("specloop-verdict-"));
  const pending = validator.checkFiles("add-it", change(DELTA)).catch(() => undefined);
  await vi.waitFor(async () => expect(await isTesting()).toBe(true), { interval: 1, timeout: 20_000 });
  await validator[Symbol.asyncDispose]();
  await pending;
  expect(await readdir(temporary)).toEqual([]);
});

test("a validator that judges wrongly fails its self-test", async () => {
  const place = await folder();
  const copy = join(place, "node_modules/@fission-ai/openspec");
  await mkdir(join(copy, "dist/core/validation"), { recursive: true });
  await writeFile(join(copy, "package.json"), '{"name":"@fission-ai/openspec","version":"9.9.9","type":"module"}');
  const lying = "export class Validator { async validateChangeDeltaSpecs() { return { issues: [] }; } }";
  await writeFile(join(copy, "dist/core/validation/validator.js"), lying);
  // Its command line is missing too, so that no verdict at all is the honest answer.
  const validator = validatorIn(await folder(), { searchFrom: [place] });
  await expect(validator.checkFiles("add-it", change(DELTA))).rejects.toMatchObject({ code: "no_validator" });
});

scenario("changes", "No OpenSpec is installed", async () => {
  const validator = validatorIn(await folder(), { searchFrom: [] });
  const failure = validator.checkFiles("add-it", change(DELTA));
  await expect(failure).rejects.toMatchObject({ code: "no_validator", fix: expect.stringContaining("npm install") });
  expect(await validator.health().run(new AbortController().signal)).toMatchObject({ status: "warning" });
});

scenario("changes", "The repository brings its own OpenSpec", async () => {
  const repository = await folder();
  const own = join(repository, "node_modules/@fission-ai/openspec");
  await mkdir(join(own, "dist/core/validation"), { recursive: true });
  await mkdir(join(own, "bin"), { recursive: true });
  await mkdir(join(repository, "node_modules/.bin"), { recursive: true });
  await writeFile(join(own, "package.json"), '{"name":"@fission-ai/openspec","version":"6.6.6","type":"module"}');
  const trace = join(repository, "ran");
  const evil = `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(trace)}, "yes");`;
  await writeFile(join(own, "dist/core/validation/validator.js"), evil);
  await writeFile(join(own, "bin/openspec.js"), evil, { mode: 0o755 });
  await symlink("../@fission-ai/openspec/bin/openspec.js", join(repository, "node_modules/.bin/openspec"));
  // npm puts the repository's own commands on the PATH of everything it starts.
  const env = { PATH: `${join(repository, "node_modules/.bin")}:.:${process.env["PATH"] ?? ""}` };
  const verdict = await validatorIn(repository, { env }).checkFiles("add-it", change(DELTA));
  expect(verdict.version).not.toBe("6.6.6");
  expect(existsSync(trace)).toBe(false);
  const trusted = validatorIn(repository, { env, trustProjectInstallation: true });
  expect(await trusted.installation()).toMatchObject({ kind: "package", version: "6.6.6", source: "project" });
});

test("trust comes from the environment of the person who starts the daemon alone", () => {
  expect(trustsProjectInstallation({})).toBe(false);
  expect(trustsProjectInstallation({ SPECLOOP_TRUST_PROJECT_OPENSPEC: "1" })).toBe(true);
});

test("finds the package behind a command on the PATH", async () => {
  const bin = await folder();
  await symlink(join(openspec, "bin/openspec.js"), join(bin, "openspec"));
  const request = { worktree: await folder(), trustProjectInstallation: false, searchFrom: [], env: { PATH: bin } };
  expect(await locate(request)).toMatchObject({ kind: "package", source: "path" });
});

test("a check that is aborted ends, and the next one works", async () => {
  const validator = validatorIn(await folder());
  const aborted = validator.checkFiles("add-it", change(DELTA), AbortSignal.abort());
  await expect(aborted).rejects.toThrow(/abort/i);
  expect(await validator.checkFiles("add-it", change(DELTA))).toMatchObject({ valid: true });
});

if (realRepositoriesMissing) console.warn(realRepositoriesMissing);

test.skipIf(realRepositoriesMissing)(
  "gives the verdict that openspec 1.13.2 gave for every recorded change",
  async () => {
    const all = readRuleCases();
    const project = await folder();
    await writeRuleCases(project, all);
    const changes = all.cases.filter(({ kind }) => kind === "change");
    const validator = validatorIn(project);
    const differing: unknown[] = [];
    for (const { name, openspec_1_13_2: expected } of changes) {
      if (!expected) continue;
      const { issues, source } = await validator.check(project, name);
      expect(source).toBe("path");
      const errors = issues.filter(({ level }) => level === "ERROR").map(({ message }) => message);
      const wanted = expected.issues.filter(({ level }) => level === "ERROR").map(({ message }) => message);
      if (JSON.stringify(errors) !== JSON.stringify(wanted)) differing.push({ name, errors, wanted });
    }
    expect(changes.length).toBeGreaterThan(50);
    expect(differing).toEqual([]);
  },
);
