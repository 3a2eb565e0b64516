import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { migrate, openSqliteStore, type Store } from "../../../src/adapters/store/index.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { SpecloopError } from "../../../src/foundation/errors.ts";
import { EventBus } from "../../../src/foundation/events.ts";
import { createLogger, type Logger } from "../../../src/foundation/logger.ts";
import type { Principal } from "../../../src/foundation/principal.ts";
import { InProcessDispatcher } from "../../../src/workflow-engine/dispatcher.ts";
import { budgetOptions } from "../../../src/workflow-engine/cost/options.ts";
import { PeriodBudgets } from "../../../src/workflow-engine/cost/period-budgets.ts";
import type { EngineParts } from "../../../src/workflow-engine/engine-parts.ts";
import { WorkflowEngine } from "../../../src/workflow-engine/engine.ts";
import { openGuard } from "../../../src/workflow-engine/guard.ts";
import { createExpressions } from "../../../src/workflow-engine/expression/index.ts";
import type { NodeType } from "../../../src/workflow-engine/node-type.ts";
import { condition } from "../../../src/workflow-engine/nodes/condition.ts";
import { transform } from "../../../src/workflow-engine/nodes/transform.ts";
import type { Plan } from "../../../src/workflow-engine/plan.ts";
import type { RollbackDesk } from "../../../src/workflow-engine/rollback/port.ts";
import { FileValues } from "../../../src/workflow-engine/run/values.ts";
import { migrations, type WorkflowTables } from "../../../src/workflow-engine/tables.ts";

export const ADA: Principal = { kind: "person", name: "ada@example.org" };
export const BOB: Principal = { kind: "person", name: "bob@example.org" };
export const AGENT: Principal = { kind: "agent", name: "claude-code" };

/** How a suite gets a store: SQLite here, another database elsewhere. */
export interface StoreKind {
  name: string;
  /** Opens the rows kept under a directory, the same ones each time. */
  open(directory: string): Promise<Store<unknown>>;
  /** What engines share beside the rows, where the store can be shared. */
  share?(
    directory: string,
    parts: { store: Store<unknown>; logger: Logger; concurrency: number },
  ): Promise<
    Pick<EngineParts, "dispatcher" | "notices" | "values" | "clock"> & {
      home: string | null;
      stack: AsyncDisposableStack;
    }
  >;
}

export const sqlite: StoreKind = {
  name: "SQLite",
  open: async (directory) => openSqliteStore(join(directory, "core.db"), "full"),
};

const effectConfig = z.object({
  say: z.string().default(""),
  ms: z.number().default(0),
  /** How often it fails before it does not, and how. */
  failures: z.number().default(0),
  kind: z.enum(["timeout", "overload", "unavailable", "bad_output", "refused", "failed", "context"]).default("failed"),
  tokens: z.number().default(0),
  usd: z.number().nullable().default(null),
  bytes: z.number().default(0),
  /** Goes on after it has spent, so long. */
  after: z.number().default(0),
  deaf: z.boolean().default(false),
});

/** A node with a real effect: a line in a file, which says how often it was done. */
function effectType(file: string): NodeType<z.output<typeof effectConfig>> {
  return {
    type: "effect",
    description: "Writes a line.",
    config: effectConfig,
    expressions: [],
    output: () => ({}),
    onCrash: "ask",
    estimate: ({ tokens }) => (tokens === 0 ? null : { tokens, model: "test" }),
    execute: async ({ config, key, attempt, signal, spend, log }) => {
      appendFileSync(file, `${key} ${config.say}\n`);
      log(`attempt ${attempt}\0`);
      if (config.ms > 0) await sleep(config.ms, undefined, config.deaf ? {} : { signal });
      if (config.tokens > 0) spend({ tokensIn: config.tokens, tokensOut: 0, usd: config.usd, model: "test" });
      if (config.after > 0) await sleep(config.after, undefined, { signal });
      if (linesOf(file, key) <= config.failures) return { outcome: "failed", kind: config.kind, message: "as told" };
      appendFileSync(file, `end ${key}\n`);
      return { outcome: "done", output: config.bytes > 0 ? "x".repeat(config.bytes) : config.say };
    },
  };
}

function linesOf(file: string, key: string): number {
  return existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line.startsWith(`${key} `)).length
    : 0;
}

export interface House extends AsyncDisposable {
  engine: WorkflowEngine;
  store: Store<WorkflowTables>;
  events: EventBus;
  directory: string;
  logged: string[];
  /** How often the effect of a node was begun, and ended. */
  begun(key: string): number;
  ended(key: string): number;
  lines(): string[];
}

export interface HouseOptions {
  kind?: StoreKind;
  directory?: string;
  plans?: Plan[];
  concurrency?: number;
  price?: (model: string | null, tokens: number) => number | null;
  now?: () => number;
  /** Beside those that the house has. */
  types?: NodeType[];
  rollback?: RollbackDesk;
  /** As `workflows.budgets` of specloop.yaml. */
  budgets?: object;
}

/** An engine as the daemon builds it, over a store in a directory. */
export async function openHouse(options: HouseOptions = {}): Promise<House> {
  const temporary = options.directory === undefined;
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "specloop-engine-"));
  const file = join(directory, "effects");
  const store = await (options.kind ?? sqlite).open(directory);
  await migrate(store, [migrations], 0);
  const logged: string[] = [];
  const logger = createLogger("warn", (line) => logged.push(line));
  const events = new EventBus(logger);
  const expressions = createExpressions();
  const concurrency = options.concurrency ?? 16;
  const shared = await options.kind?.share?.(directory, { store, logger, concurrency });
  const own = shared?.clock ?? systemClock;
  const clock = options.now ? { ...own, now: options.now } : own;
  const effect = effectType(file);
  /** The same where it has to be done in the clone in which its run was begun. */
  const tied: typeof effect = { ...effect, type: "tied", place: "clone" };
  const engine = new WorkflowEngine({
    expressions,
    secretive: expressions,
    events,
    clock,
    logger,
    random: () => 0.5,
    store: store.as<WorkflowTables>(),
    ...(shared && { notices: shared.notices! }),
    ...(shared?.home != null && { home: shared.home }),
    dispatcher: shared?.dispatcher ?? new InProcessDispatcher({ total: () => concurrency, ofType: () => 1e3 }),
    types: [transform, condition, effect, tied, ...(options.types ?? [])] as NodeType[],
    ...(options.rollback && { rollback: options.rollback }),
    values: shared?.values ?? new FileValues(join(directory, "values")),
    guard: openGuard,
    price: options.price ?? (() => null),
    budgets: new PeriodBudgets({
      options: { current: budgetOptions.parse(options.budgets ?? {}) },
      now: () => clock.now(),
    }),
    find: async (name) => {
      const found = options.plans?.find((candidate) => candidate.name === name);
      if (!found) throw new SpecloopError("unknown_workflow", `There is no workflow "${name}".`);
      return found;
    },
  });
  await engine.start(new AbortController().signal);
  return {
    store: store.as<WorkflowTables>(),
    engine,
    events,
    directory,
    logged,
    begun: (key) => linesOf(file, key),
    ended: (key) =>
      existsSync(file)
        ? readFileSync(file, "utf8")
            .split("\n")
            .filter((line) => line === `end ${key}`).length
        : 0,
    lines: () => (existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []),
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]();
      await shared?.stack.disposeAsync();
      await store[Symbol.asyncDispose]();
      if (temporary)
        rmSync(directory, {
          recursive: true,
          force: true,
        });
    },
  };
}

/** Begins a run and gives its id. */
export async function begin(
  house: House,
  plan: Plan,
  more: Partial<Parameters<WorkflowEngine["run"]>[0]> = {},
): Promise<string> {
  return (await house.engine.run({ workflow: { plan }, input: {}, principal: ADA, ...more })).id;
}

/** Resolves when `test` holds. */
export async function until(test: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (await test()) return;
    await sleep(5);
  }
  throw new Error(`${what} did not happen in 10 s`);
}
