import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { archive } from "./merging.ts";
import { change, delta, PLANNING, SPEC, startOrchestrator, stateFolder, type Running } from "./setup.ts";

const LATER = "The system SHALL encrypt the session cookie.";

async function repositoryWith(files: Record<string, string> = {}): Promise<TemporaryRepository> {
  const repository = await temporaryRepository({ ...PLANNING, ...files });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  return repository;
}

/** A delta that replaces "Sign in", with these sentences as its statement. */
function signIn(...sentences: string[]): string {
  const steps = "\n#### Scenario: good\n- **WHEN** the password is right\n- **THEN** they are in\n";
  return `## MODIFIED Requirements\n\n### Requirement: Sign in\n${sentences.join("\n")}\n${steps}`;
}

const KEEPING = "The system SHALL let people sign in.";

async function stale({ orchestrator }: Running, id: string) {
  const { findings, mergeability, bases } = await orchestrator.get(id);
  const finding = findings.find(({ code }) => code === "base_moved");
  return { finding, state: mergeability.state, base: bases[0] };
}

scenario("changes", "A sister change is archived first", async () => {
  const repository = await repositoryWith({
    ...change("encrypt", signIn(KEEPING, LATER), "- [x] 1.1 a\n"),
    ...change("log-it", signIn(KEEPING, "The system SHALL log every try.")),
  });
  const running = await startOrchestrator(repository);
  expect((await stale(running, "log-it")).state).toBe("overlaps");
  await archive(repository, "encrypt");
  await running.orchestrator.settled();
  const { finding, state, base } = await stale(running, "log-it");
  expect(state).toBe("stale_base");
  expect(finding).toMatchObject({
    severity: "error",
    target: "openspec/changes/log-it/specs/auth/spec.md:3",
    message: expect.stringContaining(`Archiving it would drop "${LATER}"`),
    fix: expect.stringContaining("change_merge"),
  });
  expect(base).toMatchObject({ status: "moved", came: [LATER], went: [], drops: [LATER], returns: [] });
  const told = running.told.filter(({ name }) => name === "change.base_moved").map(({ payload }) => payload);
  expect(told).toEqual([{ changeId: "log-it", root: "openspec", capability: "auth", requirement: "Sign in" }]);
});

scenario("changes", "The spec moved while the daemon was off", async () => {
  const repository = await repositoryWith(change("log-it", signIn(KEEPING, "The system SHALL log every try.")));
  // What a daemon sees that runs all the time.
  const always = await startOrchestrator(repository);
  await repository.write("openspec/specs/auth/spec.md", SPEC.replace(KEEPING, `${KEEPING}\n${LATER}`));
  await repository.commitAll("Encrypt");
  await always.orchestrator.settled();
  const seen = await stale(always, "log-it");
  await always[Symbol.asyncDispose]();
  // One that starts afterwards and has never seen the repository.
  const late = await stale(await startOrchestrator(repository), "log-it");
  expect(late.finding).toEqual({ ...seen.finding, status: "standing" });
  expect(late.state).toBe("stale_base");
  expect(late.base).toMatchObject({ came: [LATER], drops: [LATER] });
});

scenario("changes", "A base outlives a restart", async () => {
  const repository = await repositoryWith();
  const state = await stateFolder();
  const first = await startOrchestrator(repository, { state });
  for (const [path, text] of Object.entries(change("log-it", signIn(KEEPING, "It SHALL log.")))) {
    await repository.write(path, text);
  }
  await first.orchestrator.settled();
  await first[Symbol.asyncDispose]();
  // Nothing of the change is committed, so that git alone could not tell.
  await repository.write("openspec/specs/auth/spec.md", SPEC.replace(KEEPING, `${KEEPING}\n${LATER}`));
  await repository.git("commit", "--quiet", "--message", "Encrypt", "--", "openspec/specs");
  const second = await startOrchestrator(repository, { state });
  expect((await stale(second, "log-it")).base).toMatchObject({ status: "moved", drops: [LATER], commit: null });
});

scenario("changes", "A delta is edited after its spec moved", async () => {
  const repository = await repositoryWith(change("log-it", signIn(KEEPING, "The system SHALL log every try.")));
  const running = await startOrchestrator(repository);
  await repository.write("openspec/specs/auth/spec.md", SPEC.replace(KEEPING, `${KEEPING}\n${LATER}`));
  await running.orchestrator.settled();
  const path = "openspec/changes/log-it/specs/auth/spec.md";
  // An edit of its own does not mean that the spec was read again.
  await repository.write(path, signIn(KEEPING, "The system SHALL log every try, also the good ones."));
  await running.orchestrator.settled();
  expect((await stale(running, "log-it")).state).toBe("stale_base");
  // Whoever takes over what came has read it.
  await repository.write(path, signIn(KEEPING, LATER, "The system SHALL log every try, also the good ones."));
  await running.orchestrator.settled();
  expect(await stale(running, "log-it")).toMatchObject({ finding: undefined, state: "clean" });
  // From here on its absence is the author's own wish.
  await repository.write(path, signIn(KEEPING, "The system SHALL log every try."));
  await running.orchestrator.settled();
  expect(await stale(running, "log-it")).toMatchObject({ finding: undefined, state: "clean" });
});

scenario("changes", "Only white space moved", async () => {
  const repository = await repositoryWith(change("log-it", signIn(KEEPING, "The system SHALL log every try.")));
  const running = await startOrchestrator(repository);
  await repository.write(
    "openspec/specs/auth/spec.md",
    SPEC.replace(KEEPING, `${KEEPING}  \n`).replaceAll("\n", "\r\n"),
  );
  await running.orchestrator.settled();
  expect(await stale(running, "log-it")).toMatchObject({ finding: undefined, state: "clean" });
});

scenario("changes", "The history of a delta is cut off", async () => {
  const repository = await repositoryWith(change("log-it", signIn(KEEPING, "The system SHALL log every try.")));
  await repository.write("openspec/specs/auth/spec.md", SPEC.replace(KEEPING, `${KEEPING}\n${LATER}`));
  await repository.commitAll("Encrypt");
  const clone = await temporaryRepository();
  onTestFinished(() => clone[Symbol.asyncDispose]());
  await clone.git("fetch", "--quiet", "--depth=1", `file://${repository.path}`, "main");
  await clone.git("reset", "--quiet", "--hard", "FETCH_HEAD");
  const running = await startOrchestrator(clone);
  const { findings, mergeability } = await running.orchestrator.get("log-it");
  expect(mergeability.state).toBe("stale_base");
  expect(findings.find(({ code }) => code === "base_unknown")).toMatchObject({
    severity: "warning",
    message: expect.stringContaining(`would drop "${LATER}"`),
    fix: expect.stringContaining("--unshallow"),
  });
  await clone.git("fetch", "--quiet", "--unshallow", `file://${repository.path}`, "main");
  await running.orchestrator.refresh();
  expect((await stale(running, "log-it")).base).toMatchObject({ status: "moved", came: [LATER] });
});

scenario("changes", "A requirement is renamed by another change", async () => {
  const repository = await repositoryWith(change("log-it", signIn(KEEPING, "The system SHALL log every try.")));
  const running = await startOrchestrator(repository);
  await repository.write("openspec/specs/auth/spec.md", SPEC.replace("Requirement: Sign in", "Requirement: Log in"));
  await running.orchestrator.settled();
  const { findings, mergeability } = await running.orchestrator.get("log-it");
  expect(findings.find(({ code }) => code === "base_moved")?.message).toContain('auth calls it "Log in" now');
  expect(mergeability.state).toBe("would_refuse");
});

test("a removal, a rename and a rename with a new text have their bases as well", async () => {
  const repository = await repositoryWith({
    ...change("remove-it", "## REMOVED Requirements\n\n### Requirement: Sign in\n**Reason**: x\n**Migration**: y\n"),
    ...change(
      "rename-it",
      "## RENAMED Requirements\n\n- FROM: `### Requirement: Sign in`\n- TO: `### Requirement: Log in`\n",
    ),
    ...change(
      "rename-and-modify",
      `## RENAMED Requirements\n\n- FROM: \`### Requirement: Sign in\`\n- TO: \`### Requirement: Enter\`\n\n${delta("MODIFIED", "Enter")}`,
    ),
  });
  const running = await startOrchestrator(repository);
  await repository.write("openspec/specs/auth/spec.md", SPEC.replace(KEEPING, `${KEEPING}\n${LATER}`));
  await running.orchestrator.settled();
  expect((await stale(running, "remove-it")).base).toMatchObject({
    operation: "REMOVED",
    status: "moved",
    drops: [LATER],
  });
  // A rename alone takes the text along as it is.
  expect((await stale(running, "rename-it")).base).toMatchObject({ operation: "RENAMED", status: "current" });
  expect((await stale(running, "rename-and-modify")).base).toMatchObject({
    operation: "MODIFIED",
    requirement: "Sign in",
    status: "moved",
    drops: [LATER],
  });
});

test("a delta of what no spec has, of a spec that vanishes, with a name twice, and a hostile one do no harm", async () => {
  const twice = `${signIn(KEEPING, LATER)}\n${signIn("Another.").replace("## MODIFIED Requirements\n\n", "")}`;
  const repository = await repositoryWith({
    ...change("none", delta("MODIFIED", "Nobody has it")),
    ...change("twice", twice),
    ...change("large", signIn(...Array.from({ length: 5000 }, (_, at) => `Sentence ${at}.`))),
  });
  const running = await startOrchestrator(repository);
  await repository.write(
    "openspec/specs/auth/spec.md",
    SPEC.replace(KEEPING, Array.from({ length: 5000 }, (_, at) => `Other ${at}.`).join("\n")),
  );
  await running.orchestrator.settled();
  expect((await running.orchestrator.get("none")).bases).toEqual([]);
  expect((await running.orchestrator.get("twice")).bases).toMatchObject([{ status: "moved" }]);
  expect((await stale(running, "large")).finding?.message.length).toBeLessThan(1000);
  await repository.git("rm", "--quiet", "--force", "openspec/specs/auth/spec.md");
  await running.orchestrator.settled();
  expect((await running.orchestrator.get("twice")).bases).toMatchObject([{ status: "gone" }]);
  await repository.git("checkout", "--quiet", "HEAD", "--", "openspec/specs/auth/spec.md");
  await running.orchestrator.settled();
  expect((await running.orchestrator.get("twice")).bases).toMatchObject([{ status: "current" }]);
});

test("an overlap with a proposal on a branch is found on both sides, and its base is the spec of its branch", async () => {
  const repository = await repositoryWith(change("log-it", signIn(KEEPING, "It SHALL log.")));
  await repository.git("switch", "--quiet", "--create", "specloop/greet");
  for (const [path, text] of Object.entries(change("greet", signIn(KEEPING, "It SHALL greet."))))
    await repository.write(path, text);
  await repository.commitAll("Propose");
  await repository.git("switch", "--quiet", "main");
  const running = await startOrchestrator(repository);
  for (const [id, other] of [
    ["log-it", "greet"],
    ["greet", "log-it"],
  ] as const) {
    const { mergeability } = await running.orchestrator.get(id);
    expect(mergeability).toMatchObject({ state: "overlaps", overlaps: [{ change: other, requirement: "Sign in" }] });
  }
  await repository.write("openspec/specs/auth/spec.md", SPEC.replace(KEEPING, `${KEEPING}\n${LATER}`));
  await repository.commitAll("Encrypt");
  await running.orchestrator.settled();
  expect((await stale(running, "greet")).base).toMatchObject({ status: "moved", drops: [LATER] });
});

test("a block that waited for a sister's addition was written against the sister's text", async () => {
  const added = delta("ADDED", "Sign out", "The system SHALL let people sign out.");
  const repository = await repositoryWith({
    ...change("add-it", added, "- [x] 1.1 a\n"),
    ...change("modify-it", delta("MODIFIED", "Sign out", "The system SHALL let people sign out at once.")),
  });
  const running = await startOrchestrator(repository);
  await archive(repository, "add-it");
  await running.orchestrator.settled();
  expect(await stale(running, "modify-it")).toMatchObject({ finding: undefined, base: { status: "current" } });
});

test("a delta on a branch that was behind is compared with the spec of its branch", async () => {
  const repository = await repositoryWith();
  await repository.git("switch", "--quiet", "--create", "work");
  for (const [path, text] of Object.entries(change("log-it", signIn(KEEPING, "It SHALL log.")))) {
    await repository.write(path, text);
  }
  await repository.git("switch", "--quiet", "main");
  await repository.write("openspec/specs/auth/spec.md", SPEC.replace(KEEPING, `${KEEPING}\n${LATER}`));
  await repository.git("commit", "--quiet", "--message", "Encrypt", "--", "openspec/specs");
  await repository.git("switch", "--quiet", "work");
  await repository.commitAll("Plan to log");
  await repository.git("switch", "--quiet", "main");
  await repository.git("merge", "--quiet", "--no-edit", "work");
  expect((await stale(await startOrchestrator(repository), "log-it")).base).toMatchObject({
    status: "moved",
    drops: [LATER],
  });
});

test("a change that comes back with a stash keeps its base", async () => {
  const repository = await repositoryWith();
  const running = await startOrchestrator(repository);
  for (const [path, text] of Object.entries(change("log-it", signIn(KEEPING, "It SHALL log.")))) {
    await repository.write(path, text);
  }
  await running.orchestrator.settled();
  await repository.git("stash", "--quiet", "--include-untracked");
  await running.orchestrator.settled();
  await repository.write("openspec/specs/auth/spec.md", SPEC.replace(KEEPING, `${KEEPING}\n${LATER}`));
  await repository.commitAll("Encrypt");
  await running.orchestrator.settled();
  await repository.git("stash", "pop", "--quiet");
  await running.orchestrator.settled();
  expect((await stale(running, "log-it")).base).toMatchObject({ status: "moved", drops: [LATER] });
});

scenario("changes", "A block was written before its requirement was in a spec", async () => {
  const repository = await repositoryWith({
    ...change("add-out", delta("ADDED", "Log out", "The system SHALL end the session."), "- [x] 1.1 a\n"),
    ...change("log-out", delta("MODIFIED", "Log out", "The system SHALL end all sessions.")),
  });
  await archive(repository, "add-out");
  await repository.commitAll("Archive");
  // Nobody watched, and the change that added it is no longer under way.
  const running = await startOrchestrator(repository);
  expect(await stale(running, "log-out")).toMatchObject({ finding: undefined, state: "clean" });
  const spec = "openspec/specs/auth/spec.md";
  const text = await readFile(join(repository.path, spec), "utf8");
  await repository.write(spec, text.replace("end the session.", `end the session.\n${LATER}`));
  await running.orchestrator.settled();
  expect((await stale(running, "log-out")).base).toMatchObject({ status: "moved", drops: [LATER] });
});

scenario("changes", "A change whose spec moved is renamed", async () => {
  const repository = await repositoryWith(change("log-it", signIn(KEEPING, "The system SHALL log every try.")));
  const running = await startOrchestrator(repository);
  await repository.write("openspec/specs/auth/spec.md", SPEC.replace(KEEPING, `${KEEPING}\n${LATER}`));
  await running.orchestrator.settled();
  const changes = join(repository.path, "openspec/changes");
  await rename(join(changes, "log-it"), join(changes, "log-tries"));
  await running.orchestrator.settled();
  expect((await stale(running, "log-tries")).base).toMatchObject({ status: "moved", drops: [LATER] });
});
