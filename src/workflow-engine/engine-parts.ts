import type { Notices, Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Principal } from "../foundation/principal.ts";
import type { PeriodBudgets } from "./cost/period-budgets.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Guard } from "./guard.ts";
import type { NodeType } from "./node-type.ts";
import type { Budget, Plan } from "./plan.ts";
import type { RollbackDesk } from "./rollback/port.ts";
import type { Values } from "./run/values.ts";
import type { Expressions } from "./scope.ts";
import type { WorkflowTables } from "./tables.ts";

export interface EngineParts {
  store: Store<WorkflowTables>;
  dispatcher: Dispatcher;
  /** Beside wait, approval, map and workflow, which are the engine's own. */
  types: NodeType[];
  /** With the names of secrets in their place; and with their values, for carrying out. */
  expressions: Expressions;
  secretive: Expressions;
  values: Values;
  guard: Guard;
  /** The checked workflow of this name; throws `unknown_workflow`, `bad_workflow`. */
  find: (name: string) => Promise<Plan>;
  /** What so many tokens of a model cost at most, dollars; null where nobody knows. */
  price: (model: string | null, tokens: number) => number | null;
  /** Over all runs of a day or a month, beside each run's own. */
  budgets: PeriodBudgets;
  /** For snapshots and undoing; absent where there are no documents. */
  rollback?: RollbackDesk | undefined;
  events: Emitter;
  clock: Clock;
  logger: Logger;
  /** Where others share the store: how they are told, and the clone that this process works in. */
  notices?: Notices;
  home?: string;
  random?: () => number;
}

export interface NewRun {
  workflow: { plan: Plan } | { name: string };
  input: unknown;
  principal: Principal;
  /** Limits that replace those of the workflow. */
  budget?: Partial<Budget> | undefined;
  /** The same key of the same principal is the same run. */
  idempotencyKey?: string | undefined;
}
