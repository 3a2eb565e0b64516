import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openGit, type Git, type OpenGitOptions } from "../../src/adapters/git/index.ts";
import { migrate, openSqliteStore, type Store } from "../../src/adapters/store/index.ts";
import {
  DocumentManager,
  migrations,
  options,
  type DocumentManagerDependencies,
  type DocumentOptions,
  type DocumentTables,
} from "../../src/document-manager/index.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { EventBus, type EventName } from "../../src/foundation/events.ts";
import { silentLogger } from "../../src/foundation/logger.ts";

/** A started document manager over a real repository and a real database. */
export interface Room extends AsyncDisposable {
  manager: DocumentManager;
  git: Git;
  events: EventBus;
  store: Store<DocumentTables>;
  /** Every event that was emitted. */
  seen: { name: EventName; payload: unknown }[];
}

export interface RoomOptions {
  options?: Partial<DocumentOptions>;
  git?: OpenGitOptions;
  /** How long another process may hold the database. */
  busyMs?: number;
  onStep?: DocumentManagerDependencies["onStep"];
}

export async function openRoom(repository: string, given: RoomOptions = {}): Promise<Room> {
  const state = join(repository, ".specloop");
  mkdirSync(state, { recursive: true });
  const opened = openSqliteStore(join(state, "core.db"), "full", { busyMs: given.busyMs ?? 5000 });
  await migrate(opened, [migrations], Date.now());
  const store = opened.as<DocumentTables>();
  const git = await openGit(repository, { lockWaitMs: 300, ...given.git });
  const events = new EventBus(silentLogger);
  const seen: Room["seen"] = [];
  events.onAny((name, payload) => seen.push({ name, payload }));
  const manager = new DocumentManager({
    store,
    git,
    events,
    clock: systemClock,
    logger: silentLogger,
    options: { current: { ...options.schema.parse({}), ...given.options } },
    recovery: join(state, "recovery"),
    ...(given.onStep ? { onStep: given.onStep } : {}),
  });
  await manager.start(new AbortController().signal);
  const close = async () => {
    await manager[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  };
  return { manager, git, events, store, seen, [Symbol.asyncDispose]: close };
}

export const agent = { kind: "agent", name: "claude-code" } as const;
export const system = { kind: "system", name: "feedback-loop" } as const;
