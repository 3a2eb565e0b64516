import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { change, delta, PLANNING, projectRoot, startOrchestrator, stateFolder } from "./setup.ts";

const run = promisify(execFile);
const openspec = join(projectRoot, "node_modules/@fission-ai/openspec/bin/openspec.js");
const folder = "openspec/changes/add-it";
const options = { validator: "off" as const };

async function repositoryWith(files: Record<string, string>): Promise<TemporaryRepository> {
  const repository = await temporaryRepository({ ...PLANNING, ...files });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  return repository;
}

async function archive(repository: TemporaryRepository, nodeOptions = ""): Promise<void> {
  const env = { ...process.env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1", NODE_OPTIONS: nodeOptions };
  await run(process.execPath, [openspec, "archive", "add-it", "--yes"], { cwd: repository.path, env });
}

scenario("changes", "A proposal says nothing", async () => {
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It")));
  const { orchestrator } = await startOrchestrator(repository, { options });
  const findings = async (proposal: string) => {
    await repository.write(`${folder}/proposal.md`, proposal);
    await orchestrator.settled();
    return (await orchestrator.get("add-it")).findings.map(({ code, target }) => [code, target]);
  };
  expect(await findings("# It\n\n## Why\n\n<!-- why\nis it wanted? -->\n\n## What Changes\n\n- One\n")).toEqual([
    ["why_empty", `${folder}/proposal.md:3`],
  ]);
  expect(await findings("# It\n\n## Why\n<!-- a -->\n\n## What Changes\n\n### New\n")).toEqual([
    ["proposal_empty", `${folder}/proposal.md`],
  ]);
  expect(await findings("")).toEqual([["proposal_empty", `${folder}/proposal.md`]]);
  // A code block is text, a heading of a lower level below Why is not, and an open comment hides nothing.
  expect(await findings("## Why\n\n```\ncode\n```\n\n## What Changes\n")).toEqual([]);
  expect(await findings("## Why\n\n### Details\n\n## What Changes\n\nx\n")).toEqual([
    ["why_empty", `${folder}/proposal.md:1`],
  ]);
  expect(await findings("## Why\n\n<!-- never closed\n")).toEqual([]);
});

scenario("changes", "Proposal and deltas disagree on the capabilities", async () => {
  const proposal =
    "# It\n\n## Why\n\nBecause.\n\n## Capabilities\n\n### New Capabilities\n- `billing`: pays\n- `src/a.ts`: no capability\n- None\n\n## Impact\n\n- `code`\n";
  const files = change("add-it", delta("ADDED", "It"));
  const repository = await repositoryWith({ ...files, [`${folder}/proposal.md`]: proposal });
  const { orchestrator } = await startOrchestrator(repository, { options });
  expect((await orchestrator.get("add-it")).findings).toMatchObject([
    {
      code: "capability_without_delta",
      target: `${folder}/proposal.md:10`,
      message: expect.stringContaining("billing"),
    },
    {
      code: "delta_without_capability",
      target: `${folder}/specs/auth/spec.md`,
      message: expect.stringContaining("auth"),
    },
  ]);
  // A proposal comes first: before there is a delta or a task, nothing is missing.
  await rm(join(repository.path, folder, "specs"), { recursive: true });
  await rm(join(repository.path, folder, "tasks.md"));
  await orchestrator.settled();
  expect((await orchestrator.get("add-it")).findings).toEqual([]);
});

scenario("changes", "Requirements that no archive would see", async () => {
  const text = `### Requirement: Early\nIt SHALL.\n\n${delta("ADDED", "It")}\n## Notes\n\n### Requirement: Loose\nIt SHALL.\n\n## RENAMED Requirements\n\n- TO: \`### Requirement: New\`\n- FROM: \`### Requirement: Sign in\`\n`;
  const { orchestrator } = await startOrchestrator(await repositoryWith(change("add-it", text)), { options });
  const path = `${folder}/specs/auth/spec.md`;
  expect((await orchestrator.get("add-it")).findings).toMatchObject([
    { code: "requirement_outside", target: `${path}:1`, message: expect.stringContaining("before every section") },
    { code: "requirement_outside", target: `${path}:15`, message: expect.stringContaining('under "## Notes"') },
    { code: "rename_unpaired", target: `${path}:20`, message: expect.stringContaining("TO") },
    { code: "rename_unpaired", target: `${path}:21`, message: expect.stringContaining("FROM") },
  ]);
});

scenario("changes", "An archive was interrupted", async () => {
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It")));
  // OpenSpec is killed when it is about to move the change, with its lock taken.
  await repository.write(
    "kill.cjs",
    'const { promises } = require("fs"); const { rename } = promises; promises.rename = (from, to) => String(from).endsWith("add-it") ? process.kill(process.pid, "SIGKILL") : rename(from, to);',
  );
  await expect(archive(repository, `--require ${join(repository.path, "kill.cjs")}`)).rejects.toMatchObject({
    signal: "SIGKILL",
  });
  const lock = "openspec/changes/archive/.openspec-archive.lock";
  expect(existsSync(join(repository.path, lock))).toBe(true);
  const { orchestrator, told } = await startOrchestrator(repository, { options });
  const findings = async () => (await orchestrator.list()).findings;
  expect(await findings()).toMatchObject([
    {
      severity: "error",
      code: "archive_lock_left",
      target: lock,
      message: expect.stringMatching(/Process \d+,.* gone/),
    },
  ]);
  expect(told.filter(({ name }) => name === "planning.findings_changed").map(({ payload }) => payload)).toMatchObject([
    { root: "openspec", added: [{ code: "archive_lock_left" }], resolved: [], standing: 0 },
  ]);
  // A lock of a process that is there is no finding, nor is one that is being written.
  await repository.write(lock, JSON.stringify({ pid: process.pid, nonce: "a" }));
  await orchestrator.refresh();
  expect(await findings()).toEqual([]);
  await repository.write(lock, "");
  await orchestrator.refresh();
  expect(await findings()).toEqual([]);
  await rm(join(repository.path, lock));
  await orchestrator.refresh();
  expect(await findings()).toEqual([]);
  expect(told.filter(({ name }) => name === "planning.findings_changed").at(-1)?.payload).toMatchObject({
    added: [],
    resolved: [{ code: "archive_lock_left" }],
  });
});

scenario("changes", "A change was archived with open tasks", async () => {
  const tasks = "## 1. A\n\n- [x] 1.1 b\n- [ ] 1.2 c\n- [ ] 1.3 d\n";
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It"), tasks));
  const { orchestrator } = await startOrchestrator(repository, { options });
  await archive(repository);
  await orchestrator.settled();
  const archived = await orchestrator.get("add-it");
  expect(archived).toMatchObject({ stage: "archived", tasks: { done: 1, total: 3 } });
  expect(archived.findings).toMatchObject([
    {
      severity: "info",
      code: "archived_open_tasks",
      message: "It was archived with 2 of 3 tasks open.",
      target: `${archived.path}/tasks.md:4`,
    },
  ]);
  await repository.write(`${archived.path}/tasks.md`, tasks.replaceAll("[ ]", "[x]"));
  await orchestrator.settled();
  expect(await orchestrator.get("add-it")).toMatchObject({ tasks: { done: 3, total: 3 }, findings: [] });
});

scenario("changes", "A finding is new, stands and is resolved", async () => {
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It")));
  const state = await stateFolder();
  const first = await startOrchestrator(repository, { options, state });
  const shown = async ({ orchestrator }: typeof first) => {
    await orchestrator.settled();
    const { findings, resolved } = await orchestrator.get("add-it");
    return [findings.map(({ code, status }) => `${status} ${code}`), resolved.map(({ code }) => code)];
  };
  expect(await shown(first)).toEqual([[], []]);
  await repository.write(`${folder}/proposal.md`, "## Why\n");
  expect(await shown(first)).toEqual([["new proposal_empty"], []]);
  // An edit that changes no finding, and a restart, leave it as it was.
  await repository.write(`${folder}/design.md`, "# Other\n");
  expect(await shown(first)).toEqual([["new proposal_empty"], []]);
  await first[Symbol.asyncDispose]();
  const second = await startOrchestrator(repository, { options, state });
  expect(await shown(second)).toEqual([["new proposal_empty"], []]);
  expect(second.told.filter(({ name }) => name === "change.findings_changed")).toEqual([]);
  await repository.write(`${folder}/specs/auth/spec.md`, delta("MODIFIED", "Nowhere"));
  expect(await shown(second)).toEqual([["new target_missing", "standing proposal_empty"], []]);
  await repository.write(`${folder}/proposal.md`, "## Why\n\nBecause.\n");
  expect(await shown(second)).toEqual([["standing target_missing"], ["proposal_empty"]]);
  const told = second.told.filter(({ name }) => name === "change.findings_changed").at(-1);
  expect(told?.payload).toMatchObject({
    root: "openspec",
    added: [],
    resolved: [{ code: "proposal_empty" }],
    standing: 1,
  });
  await second[Symbol.asyncDispose]();
  const third = await startOrchestrator(repository, { options, state });
  expect(await shown(third)).toEqual([["standing target_missing"], ["proposal_empty"]]);
});

scenario("changes", "A change without a verdict says why", async () => {
  const repository = await repositoryWith(change("add-it", delta("ADDED", "It")));
  const without = await startOrchestrator(repository, { searchFrom: [] });
  await without.orchestrator.validated();
  expect(await without.orchestrator.get("add-it")).toMatchObject({
    stage: "planned",
    validity: {
      verdict: null,
      problem: { code: "no_validator", fix: expect.stringContaining("npm install --global") },
    },
  });
  await without[Symbol.asyncDispose]();
  const off = await startOrchestrator(repository, { options });
  expect((await off.orchestrator.get("add-it")).validity).toMatchObject({
    verdict: null,
    problem: { message: "Official verdicts are switched off." },
  });
  await off[Symbol.asyncDispose]();
  await run("mkfifo", [join(repository.path, folder, "pipe.md")]);
  const { orchestrator } = await startOrchestrator(repository);
  await orchestrator.validated();
  expect((await orchestrator.get("add-it")).validity).toMatchObject({
    verdict: null,
    problem: { code: "document_not_text", target: `${folder}/pipe.md` },
  });
  await rm(join(repository.path, folder, "pipe.md"));
  await orchestrator.settled();
  await orchestrator.validated();
  expect((await orchestrator.get("add-it")).validity).toMatchObject({ verdict: { valid: true }, problem: null });
});
