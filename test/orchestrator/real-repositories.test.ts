import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { expect, onTestFinished } from "vitest";
import type { Orchestrator } from "../../src/orchestrator/index.ts";
import type { ChangePage } from "../../src/orchestrator/listing.ts";
import { REAL_REPOSITORIES, realRepositoriesMissing, realRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { projectRoot, startOrchestrator } from "./setup.ts";

const run = promisify(execFile);
const openspec = join(projectRoot, "node_modules/@fission-ai/openspec/bin/openspec.js");
const listed = z.object({
  changes: z.array(z.object({ name: z.string(), completedTasks: z.int(), totalTasks: z.int(), status: z.string() })),
});
const statuses = z.object({
  changes: z.array(
    z.object({
      changeName: z.string(),
      artifacts: z.array(z.object({ id: z.string(), status: z.string() })),
      isPlanningComplete: z.boolean(),
    }),
  ),
});
const validated = z.object({ items: z.array(z.object({ id: z.string(), valid: z.boolean() })) });

if (realRepositoriesMissing) console.warn(realRepositoriesMissing);

async function cli(cwd: string, ...args: string[]): Promise<unknown> {
  const env = { ...process.env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1", NO_COLOR: "1", HOME: cwd };
  const output = run(process.execPath, [openspec, ...args, "--json"], { cwd, env, maxBuffer: 64 * 1024 * 1024 });
  const { stdout } = await output.catch((error: unknown) => z.object({ stdout: z.string() }).parse(error));
  return JSON.parse(stdout) as unknown;
}

scenario(
  "changes",
  "Stages and tasks agree over real repositories",
  async (context) => {
    context.skip(realRepositoriesMissing !== null, realRepositoriesMissing ?? "");
    for (const name of REAL_REPOSITORIES) await agree(name);
  },
  180_000,
);

async function agree(name: (typeof REAL_REPOSITORIES)[number]): Promise<void> {
  const repository = await realRepository(name);
  onTestFinished(() => repository[Symbol.asyncDispose]());
  const running = await startOrchestrator(repository);
  const { orchestrator } = running;
  await orchestrator.validated();
  const { changes, total } = await orchestrator.list({ limit: 100 });
  expect(changes).toHaveLength(total);

  const theirs = listed.parse(await cli(repository.path, "list"));
  const counts = (rows: { name: string; done: number; total: number }[]) =>
    rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  // Every change with the same number of tasks, done and in all: the two grammars are one.
  expect(counts(changes.map(({ id, tasks }) => ({ name: id, ...tasks })))).toEqual(
    counts(
      theirs.changes.map(({ name, completedTasks, totalTasks }) => ({ name, done: completedTasks, total: totalTasks })),
    ),
  );
  for (const { name: id, status } of theirs.changes) {
    const { stage } = changes.find((change) => change.id === id)!;
    // OpenSpec's list knows three words; before the first tick ours say how far the planning is.
    if (status === "complete") expect([id, stage]).toEqual([id, "implemented"]);
    else if (status === "no-tasks") expect(["scaffolded", "planning"]).toContain(stage);
    else expect(["planning", "planned", "implementing"]).toContain(stage);
  }

  if (total > 0) {
    const { changes: given } = statuses.parse(await cli(repository.path, "status", "--all"));
    expect(given.map(({ changeName }) => changeName).sort()).toEqual(changes.map(({ id }) => id).sort());
    for (const { changeName, artifacts, isPlanningComplete } of given) {
      const ours = await orchestrator.get(changeName);
      const short = (list: { id: string; status: string }[]) => list.map(({ id, status }) => `${id} ${status}`).sort();
      expect([changeName, ...short(ours.artifacts)]).toEqual([changeName, ...short(artifacts)]);
      const isComplete = ours.artifacts.every(({ status }) => status === "done" || status === "skipped");
      expect([changeName, isComplete]).toEqual([changeName, isPlanningComplete]);
    }
    const verdicts = validated.parse(await cli(repository.path, "validate", "--changes", "--strict"));
    expect(Object.fromEntries(changes.map(({ id, valid }) => [id, valid]))).toEqual(
      Object.fromEntries(verdicts.items.map(({ id, valid }) => [id, valid])),
    );
  }
  for (const { id } of changes)
    expect((await orchestrator.get(id)).findings.map(({ code }) => code)).not.toContain("metadata_unreadable");
  const archived = await orchestrator.list({ stage: "archived", limit: 100 });
  expect(archived.total).toBe(
    { "Fission-AI-OpenSpec": 83, "liqiongyu-agentpack": 187, "jixoai-openspecui": 70, "AGIBuild-Modulus": 19 }[name],
  );
  const finished = validated.parse(await cli(repository.path, "validate", "--archived"));
  expect(await openInArchive(orchestrator)).toEqual(
    finished.items
      .filter(({ valid }) => !valid)
      .map(({ id }) => id)
      .sort(),
  );
  await running[Symbol.asyncDispose]();
}

/** Folders of archived changes with open tasks. */
async function openInArchive(orchestrator: Orchestrator): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page: ChangePage = await orchestrator.list({ stage: "archived", limit: 100, ...(cursor && { cursor }) });
    ids.push(...page.changes.filter(({ tasks }) => tasks.done < tasks.total).map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== null);
  const folders = await Promise.all(ids.map(async (id) => (await orchestrator.get(id)).path.split("/").at(-1)!));
  return folders.sort();
}
