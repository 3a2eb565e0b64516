import { lstat, mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Approvals } from "../../../src/access/approvals/index.ts";
import { openGit, type Git } from "../../../src/adapters/git/index.ts";
import { Validator } from "../../../src/adapters/openspec/index.ts";
import { migrate, openSqliteStore } from "../../../src/adapters/store/index.ts";
import { createWatcher } from "../../../src/adapters/watcher/index.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { EventBus, type EventMap, type EventName } from "../../../src/foundation/events.ts";
import { silentLogger } from "../../../src/foundation/logger.ts";
import type { Principal } from "../../../src/foundation/principal.ts";
import {
  archiveMigrations,
  Archives,
  migrations,
  options,
  Orchestrator,
  type ArchivesParts,
} from "../../../src/orchestrator/index.ts";

const projectRoot = resolve(import.meta.dirname, "../../..");

export const person: Principal = { kind: "person", name: "Ada Example" };
export const agent: Principal = { kind: "agent", name: "claude-code" };

export interface World extends AsyncDisposable {
  archives: Archives;
  orchestrator: Orchestrator;
  git: Git;
  events: EventBus;
  told<Name extends EventName>(name: Name): EventMap[Name][];
}

export interface WorldOptions {
  /** Folder of the store. */
  state?: string;
  options?: Record<string, unknown>;
  onStep?: ArchivesParts["onStep"];
  approvals?: Approvals;
  /** Instead of the development dependency's OpenSpec. */
  path?: string;
}

/** Archives over real git, a real store and OpenSpec's real command. */
export async function openWorld(repository: string, given: WorldOptions = {}): Promise<World> {
  const state = given.state ?? join(repository, ".specloop");
  await mkdir(state, { recursive: true });
  const store = openSqliteStore(join(state, "core.db"), "full");
  await migrate(store, [migrations, archiveMigrations], Date.now());
  const git = await openGit(repository);
  const events = new EventBus(silentLogger);
  const told: { name: EventName; payload: unknown }[] = [];
  events.onAny((name, payload) => void told.push({ name, payload }));
  const validator = new Validator({
    worktree: repository,
    searchFrom: given.path === undefined ? [projectRoot] : [],
    trustProjectInstallation: false,
    env: { PATH: given.path ?? process.env["PATH"] },
    logger: silentLogger,
  });
  const live = { current: options.schema.parse({ ...given.options }) };
  const base = { git, events, clock: systemClock, logger: silentLogger, options: live, validator };
  const orchestrator = new Orchestrator({
    ...base,
    store: store.as(),
    env: process.env,
    watcher: (request) => createWatcher(request, { clock: systemClock, logger: silentLogger }),
  });
  const archives = new Archives({
    ...base,
    store: store.as(),
    changes: orchestrator,
    directory: join(repository, ".specloop", "archive"),
    approvals: given.approvals,
    onStep: given.onStep,
  });
  let closed = false;
  const dispose = async () => {
    if (closed) return;
    closed = true;
    await archives[Symbol.asyncDispose]();
    await orchestrator[Symbol.asyncDispose]();
    await validator[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  };
  await orchestrator.start(new AbortController().signal);
  await archives.start(new AbortController().signal);
  return {
    archives,
    orchestrator,
    git,
    events,
    told: <Name extends EventName>(name: Name) =>
      told.filter((event) => event.name === name).map(({ payload }) => payload as EventMap[Name]),
    [Symbol.asyncDispose]: dispose,
  };
}

/** Every file and folder of the working tree with what it holds, git's and our own folders left out. */
export async function treeOf(directory: string): Promise<Map<string, string>> {
  const tree = new Map<string, string>();
  for (const name of (await readdir(directory, { recursive: true })).toSorted()) {
    if (/^(\.git|\.specloop)(\/|$)/.test(name)) continue;
    const path = join(directory, name);
    const stats = await lstat(path);
    if (stats.isDirectory()) tree.set(`${name}/`, "");
    else if (stats.isSymbolicLink()) tree.set(name, `-> ${await readlink(path)}`);
    else tree.set(name, `${stats.mode & 0o777} ${await readFile(path, "base64")}`);
  }
  return tree;
}

/** A command called `openspec` that does what it is told, for a PATH of its own. */
export async function fakeOpenspec(folder: string, script: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "openspec"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return `${folder}:${process.env["PATH"]}`;
}
