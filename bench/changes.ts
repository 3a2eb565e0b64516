import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execFile } from "node:child_process";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { promisify } from "node:util";
import { temporaryRepository, type TemporaryRepository } from "../test/helpers/repository.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { openGit } from "../src/adapters/git/index.ts";
import { migrate, openSqliteStore } from "../src/adapters/store/index.ts";
import { EventBus } from "../src/foundation/events.ts";
import { silentLogger as logger } from "../src/foundation/logger.ts";
import { migrations } from "../src/orchestrator/index.ts";
import { makeOrchestrator } from "./orchestrator.ts";

const CHANGES = 1000;
const SAVES = 40;
/** Files that one switch of branches touches. */
const TOUCHED = 5000;
const OPENSPEC = resolve(import.meta.dirname, "../node_modules/@fission-ai/openspec/bin/openspec.js");

/** 1,000 changes of 13 files: start, a save until the state shows it, a switch that touches 5,000 files; OpenSpec beside. */
export async function run(): Promise<void> {
  await using repository = await temporaryRepository();
  await plan(repository);
  const state = await mkdtemp(join(tmpdir(), "specloop-bench-"));
  const store = openSqliteStore(join(state, "core.db"), "full");
  await migrate(store, [migrations], Date.now());
  const git = await openGit(repository.path);
  const events = new EventBus(logger);
  const made = { git, store, events, worktree: repository.path, searchFrom: [process.cwd()] };
  const { orchestrator, validator } = makeOrchestrator(made);
  await figure("start", () => orchestrator.start(new AbortController().signal));
  await figure("every change judged by OpenSpec in the background", () => orchestrator.validated());
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await saves(repository, events);
  delay.disable();
  console.log(`event loop delay meanwhile: p99 ${ms(delay.percentile(99))} ms, max ${ms(delay.max)} ms`);
  const look = Array.from({ length: 5 }, () => () => orchestrator.refresh());
  for (const again of look) await figure("a look at everything when nothing moved", again);
  await branchSwitch(repository, events);
  console.log(`memory: ${Math.round(process.memoryUsage().rss / 1e6)} MB`);
  await beside(repository, ["list", "--json"]);
  await beside(repository, ["validate", "--all", "--strict", "--json"]);
  await orchestrator[Symbol.asyncDispose]();
  await validator[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await rm(state, { recursive: true, force: true });
}

async function plan(repository: TemporaryRepository): Promise<void> {
  const spec = Array.from({ length: 50 }, (_item, index) => requirement(`Base ${index}`)).join("\n");
  await repository.write(
    "openspec/specs/auth/spec.md",
    `# Auth\n\n## Purpose\n${"For everybody. ".repeat(5)}\n\n## Requirements\n\n${spec}`,
  );
  for (let index = 0; index < CHANGES; index += 1) {
    const folder = join(repository.path, `openspec/changes/change-${index}`);
    await mkdir(join(folder, "specs/auth"), { recursive: true });
    await writeFile(join(folder, ".openspec.yaml"), "schema: spec-driven\ncreated: 2026-11-21\n");
    await writeFile(join(folder, "proposal.md"), `# Change ${index}\n\n## Why\n\n${"Because it is so. ".repeat(60)}\n`);
    await writeFile(
      join(folder, "design.md"),
      `# Design\n\n## Decisions\n\n${"- One thing\n".repeat(40)}\n## Open Questions\n\n- Which one?\n`,
    );
    await writeFile(join(folder, "tasks.md"), tasks(0));
    await writeFile(join(folder, "specs/auth/spec.md"), `## ADDED Requirements\n\n${requirement(`New ${index}`)}`);
    await writeFile(join(folder, "README.md"), `# Read ${index}\n`);
    for (let part = 0; part < 3; part += 1) {
      await mkdir(join(folder, `specs/part-${index}-${part}`));
      const text = `## ADDED Requirements\n\n${requirement(`Part ${part} of ${index}`)}`;
      await writeFile(join(folder, `specs/part-${index}-${part}/spec.md`), text);
    }
    await mkdir(join(folder, "notes"));
    for (let note = 0; note < 4; note += 1) await writeFile(join(folder, `notes/note-${note}.md`), notes(note));
  }
  await repository.commitAll("Plan");
}

/** Each save ticks the first task of another change; timed until the event that tells it. */
async function saves(repository: TemporaryRepository, events: EventBus): Promise<void> {
  const times: number[] = [];
  for (let turn = 0; turn < SAVES; turn += 1) {
    const id = `change-${turn * 7}`;
    const told = Promise.withResolvers<void>();
    using _listening = events.on("change.state_changed", ({ changeId }) => changeId === id && told.resolve());
    const started = performance.now();
    await repository.write(`openspec/changes/${id}/tasks.md`, tasks(1));
    await told.promise;
    times.push(performance.now() - started);
  }
  print(`save to state told, ${CHANGES} changes (100 ms of it are waiting for more saves)`, times);
}

async function branchSwitch(repository: TemporaryRepository, events: EventBus): Promise<void> {
  await repository.git("switch", "--quiet", "--create", "other");
  for (let index = 0; index < TOUCHED / 5; index += 1) {
    const folder = `openspec/changes/change-${index}`;
    await repository.write(`${folder}/tasks.md`, tasks(15));
    for (let note = 0; note < 4; note += 1) await repository.write(`${folder}/notes/note-${note}.md`, notes(note + 9));
  }
  await repository.commitAll("All");
  await new Promise((done) => setTimeout(done, 3000));
  let batches = 0;
  using _counting = events.on("watch.settled", () => (batches += 1));
  const last = `change-${TOUCHED / 5 - 1}`;
  const told = Promise.withResolvers<void>();
  using _listening = events.on("change.state_changed", ({ changeId }) => changeId === last && told.resolve());
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await figure(`a switch of branches that touches ${TOUCHED} files, until the last change is told`, async () => {
    await repository.git("switch", "--quiet", "main");
    await told.promise;
  });
  delay.disable();
  await new Promise((done) => setTimeout(done, 2000));
  console.log(`  in ${batches} batches; event loop delay p99 ${ms(delay.percentile(99))} ms, max ${ms(delay.max)} ms`);
}

/** OpenSpec's own command over the same changes, in the same run. */
async function beside(repository: TemporaryRepository, args: string[]): Promise<void> {
  const env = { ...process.env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1" };
  const options = { cwd: repository.path, env, maxBuffer: 256 * 1024 * 1024 };
  await figure(`openspec ${args.join(" ")}`, () =>
    promisify(execFile)(process.execPath, [OPENSPEC, ...args], options).catch(() => undefined),
  );
}

function ms(nanoseconds: number): number {
  return Math.round(nanoseconds / 1e5) / 10;
}

function notes(number: number): string {
  return `# Note ${number}\n\n${"Text. ".repeat(50)}\n`;
}

function requirement(name: string): string {
  return `### Requirement: ${name}\nThe system SHALL do it.\n\n#### Scenario: good\n- **WHEN** a\n- **THEN** b\n`;
}

function tasks(done: number): string {
  return `## 1. A\n\n${Array.from({ length: 15 }, (_item, index) => `- [${index < done ? "x" : " "}] 1.${index + 1} Do it`).join("\n")}\n`;
}

async function figure(name: string, work: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await work();
  console.log(`${name}: ${Math.round(performance.now() - started)} ms`);
}

function print(name: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!);
  console.log(`${name}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms`);
}
