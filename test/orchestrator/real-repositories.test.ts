import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { expect, onTestFinished, test } from "vitest";
import { REAL_REPOSITORIES, realRepositoriesMissing, realRepository } from "../helpers/repository.ts";
import { projectRoot, startOrchestrator } from "./setup.ts";

const run = promisify(execFile);
const openspec = join(projectRoot, "node_modules/@fission-ai/openspec/bin/openspec.js");
const listed = z.object({
  changes: z.array(z.object({ name: z.string(), completedTasks: z.int(), totalTasks: z.int(), status: z.string() })),
});
const validated = z.object({ items: z.array(z.object({ id: z.string(), valid: z.boolean() })) });

if (realRepositoriesMissing) console.warn(realRepositoriesMissing);

async function cli(cwd: string, ...args: string[]): Promise<unknown> {
  const env = { ...process.env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1", NO_COLOR: "1", HOME: cwd };
  const output = run(process.execPath, [openspec, ...args, "--json"], { cwd, env, maxBuffer: 64 * 1024 * 1024 });
  const { stdout } = await output.catch((error: unknown) => z.object({ stdout: z.string() }).parse(error));
  return JSON.parse(stdout) as unknown;
}

test.skipIf(realRepositoriesMissing).each(REAL_REPOSITORIES)("%s loads, and agrees with OpenSpec", async (name) => {
  const repository = await realRepository(name);
  onTestFinished(() => repository[Symbol.asyncDispose]());
  const { orchestrator } = await startOrchestrator(repository);
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
});
