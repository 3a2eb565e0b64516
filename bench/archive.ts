import { execFileSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join, resolve } from "node:path";
import { temporaryRepository } from "../test/helpers/repository.ts";
import { openWorld, person } from "../test/orchestrator/archive/world.ts";

const RUNS = 6;
const root = resolve(import.meta.dirname, "..");
const openspec = join(root, "node_modules/@fission-ai/openspec/bin/openspec.js");

/** One archive with everything, beside OpenSpec's bare command on a copy of the same change, alternating; and the way back. */
export async function run(): Promise<{ rows: Record<string, string | number>[] }> {
  await using repository = await temporaryRepository(files());
  const world = await openWorld(repository.path);
  const times = { archive: [] as number[], bare: [] as number[], unarchive: [] as number[] };
  for (let index = 0; index < RUNS; index += 1) {
    const id = `change-${index}`;
    times.bare.push(bareArchive(repository.path, id));
    times.archive.push(await timed(() => world.archives.archive({ ids: [id], principal: person })));
    times.unarchive.push(await timed(() => world.archives.unarchive({ id, principal: person })));
  }
  await world[Symbol.asyncDispose]();
  return { rows: Object.entries(times).map(([what, ms]) => row(what, ms)) };
}

function files(): Record<string, string> {
  const all: Record<string, string> = {
    ".gitignore": ".specloop/\n",
    "openspec/config.yaml": "schema: spec-driven\n",
    "openspec/specs/auth/spec.md": `# auth Specification\n\n## Purpose\nPeople sign in with their own names and nobody else's, always.\n\n## Requirements\n\n${block("Sign in")}`,
  };
  for (let index = 0; index < RUNS; index += 1) {
    const folder = `openspec/changes/change-${index}`;
    all[`${folder}/.openspec.yaml`] = "schema: spec-driven\n";
    all[`${folder}/proposal.md`] = "# C\n\n## Why\n\nBecause.\n\n## What Changes\n\n- It\n";
    all[`${folder}/tasks.md`] = "- [x] 1.1 a\n";
    all[`${folder}/specs/auth/spec.md`] = `## ADDED Requirements\n\n${block(`Added ${index}`)}`;
  }
  return all;
}

function block(name: string): string {
  return `### Requirement: ${name}\nThe system SHALL do it.\n\n#### Scenario: good\n- **WHEN** a\n- **THEN** b\n`;
}

function bareArchive(repository: string, id: string): number {
  const copy = `${repository}-bare-${id}`;
  cpSync(join(repository, "openspec"), join(copy, "openspec"), { recursive: true });
  const env = { ...process.env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1" };
  const started = performance.now();
  execFileSync(process.execPath, [openspec, "archive", id, "--yes", "--json"], { cwd: copy, env });
  const ms = performance.now() - started;
  execFileSync("rm", ["-r", copy]);
  return ms;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function row(what: string, ms: number[]): Record<string, string | number> {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
  return { what, runs: ms.length, "p50 ms": at(0.5), "p95 ms": at(0.95) };
}
