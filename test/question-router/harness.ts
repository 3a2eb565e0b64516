import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Idempotency, migrations as accessMigrations } from "../../src/access/index.ts";
import { openGit } from "../../src/adapters/git/index.ts";
import type { Llm } from "../../src/adapters/llm/index.ts";
import { migrate, openSqliteStore, type Store, noNotices } from "../../src/adapters/store/index.ts";
import type { IdempotencyTables } from "../../src/access/idempotency.ts";
import { type Clock, systemClock } from "../../src/foundation/clock.ts";
import { EventBus, type EventName } from "../../src/foundation/events.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import type { Principal } from "../../src/foundation/principal.ts";
import {
  type DocumentSearch,
  migrations,
  openDocumentSearch,
  options as fragment,
  type QuestionOptions,
  QuestionRouter,
  type QuestionTables,
  type QuestionTelemetryTables,
  telemetryMigrations,
} from "../../src/question-router/index.ts";
import { type TemporaryRepository, temporaryRepository } from "../helpers/repository.ts";

export const agent: Principal = { kind: "agent", name: "tester" };
export const otherAgent: Principal = { kind: "agent", name: "helper" };
export const person: Principal = { kind: "person", name: "ada@example.org" };
export const never = new AbortController().signal;

/** A small project whose documents answer a few questions. */
export const DOCUMENTS: Record<string, string> = {
  "README.md":
    "# Shop\n\nA web shop for second-hand bicycles.\n\n## Install\n\nRun `make setup` and then `make serve`.\n",
  "openspec/specs/checkout/spec.md": `# Checkout Specification

## Purpose
Checkout turns a basket into a paid order.

## Requirements
### Requirement: Refund window
The shop SHALL refund a returned bicycle within 14 days of delivery.

#### Scenario: Late return
- **WHEN** a bicycle is returned after 14 days
- **THEN** the refund is refused with the delivery date

### Requirement: Voucher limit
An order MUST NOT accept more than three vouchers.

#### Scenario: Fourth voucher
- **WHEN** a customer enters a fourth voucher
- **THEN** the voucher is rejected and the order stays unchanged
`,
  "docs/operations.md": "# Operations\n\n## Backups\n\nThe nightly backup runs at 03:15 and is kept for 30 days.\n",
};

export interface Harness extends AsyncDisposable {
  repository: TemporaryRepository;
  router: QuestionRouter;
  index: DocumentSearch;
  events: EventBus;
  /** Names of the events in order. */
  told: EventName[];
  core: Store<QuestionTables>;
  telemetry: Store<QuestionTelemetryTables>;
  options: { current: QuestionOptions };
  stateDirectory: string;
  /** Ends the router and its stores and opens new ones over the same files, as a restart does. */
  restart(): Promise<Harness>;
}

interface Setup {
  files?: Record<string, string>;
  llm?: Llm;
  clock?: Clock;
  overrides?: Record<string, unknown>;
  /** Path of the index; in memory when absent. */
  indexFile?: string;
}

/** A router over a real repository, real stores and real files, started. */
export async function startRouter(setup: Setup = {}): Promise<Harness> {
  const repository = await temporaryRepository(setup.files ?? DOCUMENTS);
  const stateDirectory = await realpath(await mkdtemp(join(tmpdir(), "specloop-state-")));
  return open(setup, repository, stateDirectory);
}

async function open(setup: Setup, repository: TemporaryRepository, stateDirectory: string): Promise<Harness> {
  const clock = setup.clock ?? systemClock;
  const store = openSqliteStore(join(stateDirectory, "core.db"), "full");
  const telemetryStore = openSqliteStore(join(stateDirectory, "telemetry.db"), "normal");
  await migrate(store, [accessMigrations, migrations], clock.now());
  await migrate(telemetryStore, [telemetryMigrations], clock.now());
  const events = new EventBus(silentLogger);
  const told: EventName[] = [];
  events.onAny((name) => void told.push(name));
  const index = openDocumentSearch(setup.indexFile ?? ":memory:");
  const options = { current: fragment.schema.parse(setup.overrides ?? {}) };
  const router = new QuestionRouter({
    notices: noNotices(),
    store: store.as<QuestionTables>(),
    telemetry: telemetryStore.as<QuestionTelemetryTables>(),
    index,
    git: await openGit(repository.path),
    root: repository.path,
    llm: setup.llm ?? null,
    idempotency: new Idempotency({ store: store.as<IdempotencyTables>(), clock }),
    events,
    clock,
    logger: silentLogger,
    options,
  });
  await router.start(never);
  await router.reindexed();
  const close = async () => {
    await router[Symbol.asyncDispose]();
    await index[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await telemetryStore[Symbol.asyncDispose]();
  };
  return {
    repository,
    router,
    index,
    events,
    told,
    options,
    stateDirectory,
    core: store.as<QuestionTables>(),
    telemetry: telemetryStore.as<QuestionTelemetryTables>(),
    restart: async () => {
      await close();
      return open(setup, repository, stateDirectory);
    },
    [Symbol.asyncDispose]: async () => {
      await close();
      await rm(stateDirectory, { recursive: true, force: true });
      await repository[Symbol.asyncDispose]();
    },
  };
}
