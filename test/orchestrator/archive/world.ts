import { lstat, mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  createApprovals,
  options as approvalOptions,
  type ApprovalService,
} from "../../../src/access/approvals/index.ts";
import { AuditLog, migrations as accessMigrations } from "../../../src/access/index.ts";
import { openGit, type Git } from "../../../src/adapters/git/index.ts";
import { Validator } from "../../../src/adapters/openspec/index.ts";
import { migrate, openSqliteStore } from "../../../src/adapters/store/index.ts";
import { createWatcher } from "../../../src/adapters/watcher/index.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import {
  DocumentManager,
  migrations as documentMigrations,
  options as documentOptions,
} from "../../../src/document-manager/index.ts";
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
  approvals: ApprovalService;
  git: Git;
  events: EventBus;
  told<Name extends EventName>(name: Name): EventMap[Name][];
}

export interface WorldOptions {
  /** Folder of the store. */
  state?: string;
  options?: Record<string, unknown>;
  onStep?: ArchivesParts["onStep"];
  /** Agents' archives need a person's yes, given at the terminal. */
  approvals?: boolean;
  /** Instead of the development dependency's OpenSpec. */
  path?: string;
}

/** Archives over real git, a real store and OpenSpec's real command. */
export async function openWorld(repository: string, given: WorldOptions = {}): Promise<World> {
  const state = given.state ?? join(repository, ".specloop");
  await mkdir(state, { recursive: true });
  const store = openSqliteStore(join(state, "core.db"), "full");
  await migrate(store, [accessMigrations, migrations, archiveMigrations, documentMigrations], Date.now());
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
  const documents = new DocumentManager({
    ...base,
    store: store.as(),
    recovery: join(state, "recovery"),
    options: { current: documentOptions.schema.parse({}) },
  });
  const rules = [{ operations: ["archive"], level: "L0" }];
  const approvals = createApprovals({
    ...base,
    store: store.as(),
    audit: new AuditLog({ store: store.as(), clock: systemClock, logger: silentLogger }),
    env: { ...process.env, XDG_CONFIG_HOME: join(state, "person") },
    options: () => approvalOptions.schema.parse({ rules }),
    sensitive: () => [],
  });
  const orchestrator = new Orchestrator({
    ...base,
    writer: documents,
    store: store.as(),
    env: process.env,
    watcher: (request) => createWatcher(request, { clock: systemClock, logger: silentLogger }),
  });
  const archives = new Archives({
    ...base,
    store: store.as(),
    changes: orchestrator,
    directory: join(repository, ".specloop", "archive"),
    approvals: given.approvals ? approvals : undefined,
    exclusively: (work) => documents.exclusively(work),
    onStep: given.onStep,
  });
  let closed = false;
  const dispose = async () => {
    if (closed) return;
    closed = true;
    await archives[Symbol.asyncDispose]();
    await orchestrator[Symbol.asyncDispose]();
    await approvals[Symbol.asyncDispose]();
    await documents[Symbol.asyncDispose]();
    await validator[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  };
  await approvals.start(new AbortController().signal);
  await documents.start(new AbortController().signal);
  await orchestrator.start(new AbortController().signal);
  await archives.start(new AbortController().signal);
  return {
    archives,
    orchestrator,
    approvals,
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
