import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryRepository, type TemporaryRepository } from "../test/helpers/repository.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { openGit } from "../src/adapters/git/index.ts";
import { Validator } from "../src/adapters/openspec/index.ts";
import { migrate, openSqliteStore } from "../src/adapters/store/index.ts";
import { createWatcher } from "../src/adapters/watcher/index.ts";
import { systemClock as clock } from "../src/foundation/clock.ts";
import { EventBus } from "../src/foundation/events.ts";
import { silentLogger as logger } from "../src/foundation/logger.ts";
import { migrations, options, Orchestrator } from "../src/orchestrator/index.ts";

const CHANGES = 1000;
const SAVES = 40;

/** From a save to the state that shows it, with 1,000 changes; start and a switch of branches beside it. */
export async function run(): Promise<void> {
  await using repository = await temporaryRepository();
  await plan(repository);
  const state = await mkdtemp(join(tmpdir(), "specloop-bench-"));
  const store = openSqliteStore(join(state, "core.db"), "full");
  await migrate(store, [migrations], Date.now());
  const git = await openGit(repository.path);
  const events = new EventBus(logger);
  const parts = {
    worktree: repository.path,
    searchFrom: [process.cwd()],
    trustProjectInstallation: false,
    env: {},
    logger,
  };
  const validator = new Validator(parts);
  const live = { current: options.schema.parse({}) };
  const watcher = (request: Parameters<typeof createWatcher>[0]) => createWatcher(request, { clock, logger });
  const orchestrator = new Orchestrator({
    git,
    store: store.as(),
    events,
    clock,
    logger,
    options: live,
    validator,
    watcher,
    env: process.env,
  });
  await figure("start", () => orchestrator.start(new AbortController().signal));
  await figure("every change judged by OpenSpec in the background", () => orchestrator.validated());
  await saves(repository, events);
  const look = Array.from({ length: 5 }, () => () => orchestrator.refresh());
  for (const again of look) await figure("a look at everything when nothing moved", again);
  await branchSwitch(repository, events);
  console.log(`memory: ${Math.round(process.memoryUsage().rss / 1e6)} MB`);
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
  await repository.commitAll("Tick");
  const told = Promise.withResolvers<void>();
  using _listening = events.on("change.state_changed", ({ changeId }) => changeId === "change-0" && told.resolve());
  await figure(`a switch to the commit before ${SAVES} changes moved`, async () => {
    await repository.git("switch", "--quiet", "--detach", "HEAD^");
    await told.promise;
  });
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
