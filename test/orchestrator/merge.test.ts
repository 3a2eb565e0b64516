import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { archive } from "./merging.ts";
import { change, PLANNING, SPEC, startOrchestrator } from "./setup.ts";

const person = { kind: "person", name: "Ada Example" } as const;
const agent = { kind: "agent", name: "claude-code" } as const;
const MAIN = "openspec/specs/auth/spec.md";
const KEEPING = "The system SHALL let people sign in.";
const LATER = "The system SHALL encrypt the session cookie.";
const LOG = "The system SHALL log every try.";
const BAD = "#### Scenario: bad\n- **WHEN** the password is wrong\n- **THEN** they are told\n";
const SLOW = "#### Scenario: slow\n- **WHEN** it takes long\n- **THEN** they see that\n";

function deltaOf(statement: string[], more = ""): string {
  const steps = "#### Scenario: good\n- **WHEN** the password is right\n- **THEN** they are in\n";
  return `## MODIFIED Requirements\n\n### Requirement: Sign in\n${statement.join("\n")}\n\n${steps}${more && `\n${more}`}`;
}

/** A change that modifies "Sign in", and a spec that moved under it. */
async function moved(delta: string | Uint8Array, spec: string) {
  const id = "log-it";
  const repository = await temporaryRepository({ ...PLANNING, ...change(id, deltaOf([KEEPING])) });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  const path = `openspec/changes/${id}/specs/auth/spec.md`;
  await repository.write(path, delta);
  await repository.commitAll("Write the delta");
  await repository.write(MAIN, spec);
  await repository.commitAll("Move the spec");
  const running = await startOrchestrator(repository);
  return { id, path, repository, ...running };
}

const text = (repository: TemporaryRepository, path: string) => readFile(join(repository.path, path), "utf8");

scenario("changes", "Both sides added a scenario", async () => {
  const { id, path, repository, orchestrator, told } = await moved(deltaOf([KEEPING], BAD), `${SPEC}\n${SLOW}`);
  const dry = await orchestrator.merge({ id, dryRun: true }, person);
  expect(dry).toMatchObject({ written: true, commit: null, blocks: [{ outcome: "merged", requirement: "Sign in" }] });
  expect(dry.diff).toContain("+#### Scenario: slow");
  expect(await text(repository, path)).toBe(deltaOf([KEEPING], BAD));
  const merged = await orchestrator.merge({ id }, person);
  expect(merged.commit).toBe(await repository.git("rev-parse", "HEAD"));
  expect(merged.diff).toBe(dry.diff);
  const now = await text(repository, path);
  expect(now).toContain(BAD);
  expect(now).toContain(SLOW.trimEnd());
  expect(
    await repository.git("log", "-1", "--name-only", "--format=%s%n%(trailers:key=Specloop-Change,valueonly)"),
  ).toContain(`Merge the specs into the delta of ${id}: Sign in`);
  expect(await repository.git("show", "--format=", "--name-only")).toBe(path);
  expect((await orchestrator.get(id)).mergeability.state).toBe("clean");
  expect(told.filter(({ name }) => name === "change.merged").map(({ payload }) => payload)).toEqual([
    { changeId: id, root: "openspec", merged: 1, conflicts: 0, principal: person },
  ]);
  await archive(repository, id);
  const spec = await text(repository, MAIN);
  expect(spec).toContain(BAD.trimEnd());
  expect(spec).toContain(SLOW.trimEnd());
  expect((await orchestrator.merge({ id: "log-it" }, person).catch((error: unknown) => error)) as object).toMatchObject(
    {
      code: "unsupported",
    },
  );
});

scenario("changes", "Both sides changed one sentence", async () => {
  const ours = "The system SHALL let people sign in with a key.";
  const theirs = "The system SHALL let people sign in twice a day.";
  const { id, path, repository, orchestrator } = await moved(deltaOf([ours]), SPEC.replace(KEEPING, theirs));
  const head = await repository.git("rev-parse", "HEAD");
  const result = await orchestrator.merge({ id }, agent);
  expect(result).toMatchObject({
    written: false,
    commit: null,
    diff: "",
    blocks: [{ outcome: "conflict", conflicts: [{ scenario: null, base: KEEPING, theirs, ours }] }],
  });
  expect(await text(repository, path)).toBe(deltaOf([ours]));
  expect(await repository.git("rev-parse", "HEAD")).toBe(head);
  expect((await orchestrator.get(id)).mergeability.state).toBe("stale_base");
});

scenario("changes", "A person settles a conflict", async () => {
  const theirs = "The system SHALL let people sign in twice a day.";
  const { id, path, repository, orchestrator } = await moved(deltaOf([LOG]), SPEC.replace(KEEPING, theirs));
  await repository.write(path, deltaOf(["The system SHALL let people sign in twice a day and log every try."]));
  await orchestrator.settled();
  expect((await orchestrator.get(id)).mergeability.state).toBe("stale_base");
  await expect(orchestrator.merge({ id, resolved: ["Sign in"] }, agent)).rejects.toMatchObject({ code: "forbidden" });
  await expect(orchestrator.merge({ id, resolved: ["Sign out"] }, person)).rejects.toMatchObject({ code: "bad_input" });
  expect(await orchestrator.merge({ id, resolved: ["auth/Sign in"] }, person)).toMatchObject({
    written: false,
    blocks: [{ outcome: "resolved" }],
  });
  expect((await orchestrator.get(id)).mergeability.state).toBe("clean");
  // What moves from here on is another matter.
  await repository.write(MAIN, SPEC.replace(KEEPING, `${theirs}\n${LATER}`));
  await orchestrator.settled();
  expect((await orchestrator.get(id)).bases).toMatchObject([{ status: "moved", came: [LATER] }]);
});

scenario("changes", "Part of a change merges", async () => {
  const other =
    "\n### Requirement: Sign out\nThe system SHALL let people sign out.\n\n#### Scenario: out\n- **THEN** out\n";
  const repository = await temporaryRepository({ ...PLANNING, [MAIN]: SPEC + other });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  const both = `${deltaOf(["The system SHALL let people sign in at once."])}${other.replace("sign out.", `sign out.\n${LOG}`)}`;
  for (const [path, content] of Object.entries(change("two", both))) await repository.write(path, content);
  await repository.commitAll("Plan");
  await repository.write(
    MAIN,
    (SPEC + other)
      .replace(KEEPING, "The system SHALL let people in.")
      .replace("- **THEN** out", "- **THEN** really out"),
  );
  await repository.commitAll("Move");
  const { orchestrator } = await startOrchestrator(repository);
  const path = "openspec/changes/two/specs/auth/spec.md";
  expect(await orchestrator.merge({ id: "two" }, person)).toMatchObject({ written: false, commit: null });
  expect(await text(repository, path)).toBe(both);
  expect(await orchestrator.merge({ id: "two", partial: true }, person)).toMatchObject({
    written: true,
    blocks: [
      { requirement: "Sign in", outcome: "conflict" },
      { requirement: "Sign out", outcome: "merged" },
    ],
  });
  expect(await text(repository, path)).toBe(both.replace("- **THEN** out", "- **THEN** really out"));
  const { bases, mergeability } = await orchestrator.get("two");
  expect(bases.map(({ requirement, status }) => [requirement, status])).toEqual([
    ["Sign in", "moved"],
    ["Sign out", "current"],
  ]);
  expect(mergeability.state).toBe("stale_base");
});

scenario("changes", "A delta with line ends of its own is merged", async () => {
  const crlf = `\uFEFF# 说明\r\n\r\n${deltaOf([KEEPING, "系统必须记录每次登录。"]).replaceAll("\n", "\r\n")}\r\n## Notes\r\nKept.`;
  const { id, path, repository, orchestrator } = await moved(
    crlf,
    SPEC.replace("- **THEN** they are in", "- **THEN** they are in\n- **AND** 问候"),
  );
  await orchestrator.merge({ id }, person);
  expect(await text(repository, path)).toBe(
    crlf.replace("- **THEN** they are in", "- **THEN** they are in\r\n- **AND** 问候"),
  );
});

test("a delta with two kinds of line ends is edited in its block alone", async () => {
  const mixed = `# One\n\n${deltaOf([KEEPING, LOG]).replaceAll("\n", "\r\n")}\r\n## Notes\nKept.\n`;
  const { id, path, repository, orchestrator } = await moved(mixed, `${SPEC}\n${SLOW}`);
  await orchestrator.merge({ id }, person);
  const now = await text(repository, path);
  expect(now).toContain(SLOW.trimEnd().replaceAll("\n", "\r\n"));
  expect(now.startsWith("# One\n\n## MODIFIED")).toBe(true);
  expect(now.endsWith("\r\n## Notes\nKept.\n")).toBe(true);
});

test("a requirement that got another name takes the delta along", async () => {
  const { id, path, repository, orchestrator } = await moved(
    deltaOf([KEEPING, LOG]),
    SPEC.replace("Requirement: Sign in", "Requirement: Log in"),
  );
  expect(await orchestrator.merge({ id }, person)).toMatchObject({ blocks: [{ outcome: "merged" }] });
  expect(await text(repository, path)).toBe(deltaOf([KEEPING, LOG]).replace("Sign in", "Log in"));
  const { mergeability, bases } = await orchestrator.get(id);
  expect(mergeability.state).toBe("clean");
  expect(bases).toMatchObject([{ requirement: "Log in", status: "current" }]);
});

test("a requirement, a spec that is gone, and a removal of what has changed are for a person", async () => {
  const gone = await moved(
    deltaOf([KEEPING, LOG]),
    SPEC.replace(/### Requirement[^]*/, "### Requirement: Other\nIt SHALL.\n"),
  );
  expect((await gone.orchestrator.merge({ id: gone.id }, person)).blocks).toMatchObject([
    { outcome: "conflict", conflicts: [{ theirs: null, base: expect.stringContaining(KEEPING) }] },
  ]);
  await expect(gone.orchestrator.merge({ id: gone.id, resolved: ["Sign in"] }, person)).rejects.toMatchObject({
    code: "bad_input",
    message: expect.stringContaining("is gone from the spec"),
  });
  await gone.repository.git("rm", "--quiet", MAIN);
  await gone.orchestrator.settled();
  expect((await gone.orchestrator.merge({ id: gone.id }, person)).blocks).toMatchObject([{ outcome: "conflict" }]);
  const removal = "## REMOVED Requirements\n\n### Requirement: Sign in\n**Reason**: x\n**Migration**: y\n";
  const removing = await moved(removal, SPEC.replace(KEEPING, `${KEEPING}\n${LATER}`));
  expect((await removing.orchestrator.merge({ id: removing.id }, person)).blocks).toMatchObject([
    { outcome: "conflict", conflicts: [{ ours: null, theirs: expect.stringContaining(LATER) }] },
  ]);
  expect(await removing.orchestrator.merge({ id: removing.id, resolved: ["Sign in"] }, person)).toMatchObject({
    blocks: [{ outcome: "resolved" }],
  });
  // The base is settled; that a spec without requirements is not written is another matter.
  const { bases, findings } = await removing.orchestrator.get(removing.id);
  expect(bases.map(({ status }) => status)).toEqual(["current"]);
  expect(findings.map(({ code }) => code)).toEqual(["spec_emptied"]);
});

test("a delta with work that is not committed is its author's to commit first", async () => {
  const { id, path, repository, orchestrator } = await moved(deltaOf([KEEPING, LOG]), `${SPEC}\n${SLOW}`);
  const edited = deltaOf([KEEPING, LOG, LATER]);
  await repository.write(path, edited);
  await orchestrator.settled();
  expect(await orchestrator.merge({ id, dryRun: true }, person)).toMatchObject({ written: true });
  await expect(orchestrator.merge({ id }, person)).rejects.toMatchObject({
    code: "document_busy",
    message: `${path} has changes that are not committed.`,
  });
  expect(await text(repository, path)).toBe(edited);
  await repository.commitAll("Say more");
  expect((await orchestrator.merge({ id }, person)).commit).toBe(await repository.git("rev-parse", "HEAD"));
});

test("conflict markers and proposals on branches are refused with what to do", async () => {
  const marked = `${deltaOf([KEEPING])}\n<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n`;
  const { id, orchestrator, repository } = await moved(marked, SPEC.replace(KEEPING, LATER));
  await expect(orchestrator.merge({ id }, person)).rejects.toMatchObject({
    code: "bad_input",
    message: expect.stringContaining("conflict markers"),
  });
  await repository.git("switch", "--quiet", "--create", "specloop/add-it");
  for (const [path, content] of Object.entries(change("add-it", deltaOf([LOG])))) await repository.write(path, content);
  await repository.commitAll("Propose");
  await repository.git("switch", "--quiet", "main");
  await orchestrator.settled();
  await expect(orchestrator.merge({ id: "add-it" }, person)).rejects.toMatchObject({
    code: "unsupported",
    fix: expect.stringContaining("git merge specloop/add-it"),
  });
  await expect(orchestrator.merge({ id: "nothing" }, person)).rejects.toMatchObject({ code: "unknown_change" });
});
