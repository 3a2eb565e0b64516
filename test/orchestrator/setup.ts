import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { openGit, type Git } from "../../src/adapters/git/index.ts";
import { Validator } from "../../src/adapters/openspec/index.ts";
import { migrate, openSqliteStore } from "../../src/adapters/store/index.ts";
import { createWatcher } from "../../src/adapters/watcher/index.ts";
import {
  DocumentManager,
  migrations as documentMigrations,
  options as documentOptions,
} from "../../src/document-manager/index.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { EventBus, type EventMap, type EventName } from "../../src/foundation/events.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { migrations, options, Orchestrator, type OpenspecOptions } from "../../src/orchestrator/index.ts";
import type { TemporaryRepository } from "../helpers/repository.ts";

export const projectRoot = resolve(import.meta.dirname, "../..");

/** Everything that was told, in order. */
type Told = { [Name in EventName]: { name: Name; payload: EventMap[Name] } }[EventName][];

export interface Running extends AsyncDisposable {
  orchestrator: Orchestrator;
  git: Git;
  events: EventBus;
  told: Told;
  /** Steps that were told since the last call: `add-it: planned -> implementing`. */
  steps(): string[];
}

/** Where the state of a repository's orchestrators is kept over restarts. */
export async function stateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "specloop-orchestrator-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An orchestrator over real git, a real store, real watching and the development dependency's OpenSpec. */
export async function startOrchestrator(
  repository: TemporaryRepository,
  settings: { state?: string; options?: Partial<OpenspecOptions>; searchFrom?: string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<Running> {
  const state = settings.state ?? (await stateFolder());
  const store = openSqliteStore(join(state, "core.db"), "full");
  await migrate(store, [migrations, documentMigrations], Date.now());
  const git = await openGit(repository.path);
  const events = new EventBus(silentLogger);
  const told: Told = [];
  events.onAny((name, payload) => void told.push({ name, payload } as Told[number]));
  const searchFrom = settings.searchFrom ?? [projectRoot];
  const parts = {
    worktree: repository.path,
    searchFrom,
    trustProjectInstallation: false,
    env: {},
    logger: silentLogger,
  };
  const validator = new Validator(parts);
  const base = { git, events, clock: systemClock, logger: silentLogger };
  const documents = new DocumentManager({
    ...base,
    store: store.as(),
    recovery: join(state, "recovery"),
    options: { current: documentOptions.schema.parse({}) },
  });
  await documents.start(new AbortController().signal);
  const orchestrator = new Orchestrator({
    ...base,
    store: store.as(),
    writer: documents,
    options: { current: options.schema.parse(settings.options ?? {}) },
    validator,
    env: settings.env ?? process.env,
    watcher: (request) => createWatcher(request, { clock: systemClock, logger: silentLogger }),
  });
  let closed = false;
  const dispose = async () => {
    if (closed) return;
    closed = true;
    await orchestrator[Symbol.asyncDispose]();
    await documents[Symbol.asyncDispose]();
    await validator[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  };
  onTestFinished(dispose);
  await orchestrator.start(new AbortController().signal);
  let from = 0;
  const steps = () => {
    const since = told.slice(from);
    from = told.length;
    return since.flatMap((event) =>
      event.name === "change.state_changed"
        ? [`${event.payload.changeId}: ${event.payload.from} -> ${event.payload.to}`]
        : [],
    );
  };
  return { orchestrator, git, events, told, steps, [Symbol.asyncDispose]: dispose };
}

export const SPEC = `# Auth Specification

## Purpose
People sign in with their own name so that nobody works in the name of others.

## Requirements

### Requirement: Sign in
The system SHALL let people sign in.

#### Scenario: good
- **WHEN** the password is right
- **THEN** they are in
`;

/** A delta with one requirement. */
export function delta(operation: string, name: string, sentence = "The system SHALL do it."): string {
  const scenario = "\n#### Scenario: good\n- **WHEN** a\n- **THEN** b\n";
  return `## ${operation} Requirements\n\n### Requirement: ${name}\n${sentence}\n${scenario}`;
}

/** The files of a planned change, by path in the repository. */
export function change(
  id: string,
  text: string,
  tasks = "## 1. A\n\n- [ ] 1.1 b\n- [ ] 1.2 c\n",
): Record<string, string> {
  const folder = `openspec/changes/${id}`;
  return {
    [`${folder}/.openspec.yaml`]: "schema: spec-driven\ncreated: 2026-11-21\n",
    [`${folder}/proposal.md`]: `# ${id}\n\n## Why\n\nBecause.\n\n## What Changes\n\n- It\n`,
    [`${folder}/design.md`]: "# Design\n\n## Decisions\n\n- One\n",
    [`${folder}/tasks.md`]: tasks,
    [`${folder}/specs/auth/spec.md`]: text,
  };
}

export const PLANNING = {
  "openspec/config.yaml": "schema: spec-driven\n",
  "openspec/specs/auth/spec.md": SPEC,
  "openspec/changes/archive/.gitkeep": "",
};
