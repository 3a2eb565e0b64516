import { type Kysely, sql } from "kysely";
import type { Live } from "../../foundation/options.ts";
import { principalLabel } from "../../foundation/principal.ts";
import type { Reserve } from "../run/messages.ts";
import { readNode } from "../run/rows.ts";
import type { RunRecord } from "../run/state.ts";
import type { WorkflowTables } from "../tables.ts";
import type { Draft } from "../run/draft.ts";
import { newAlerts } from "./alerts.ts";
import { addSpending, spentIn, type SpendingScope } from "./ledger.ts";
import type { BudgetOptions, PeriodLimits } from "./options.ts";
import { dayOf, type Period, periodOf } from "./period.ts";

/** One budget of a period as it stands: what was used, and what calls under way may still use. */
export interface Standing {
  /** `all runs`, `workflow release-notes`, `agent:nightly`. */
  scope: string;
  per: Period;
  /** `2026-11-21`, `2026-11`. */
  period: string;
  unit: "usd" | "tokens";
  limit: number;
  used: number;
  reserved: number;
  /** Calls whose price nobody knows, so that `used` says too little. */
  unpriced: number;
}

/** When a call that others may leave room for looks again. */
const AGAIN_MS = 1000;

type Db = Kysely<WorkflowTables>;
type Run = Pick<RunRecord, "id" | "workflow" | "principal">;

/** Budgets over all runs of a day or a month, durable: they are sums over the ledger, so a restart forgets nothing. */
export class PeriodBudgets {
  readonly #options: Live<BudgetOptions>;
  readonly #now: () => number;

  constructor({ options, now }: { options: Live<BudgetOptions>; now: () => number }) {
    this.#options = options;
    this.#now = now;
  }

  get timeZone(): string {
    return this.#options.current.timeZone;
  }

  today(): string {
    return dayOf(this.#now(), this.timeZone);
  }

  /** The budgets that hold for a run, read in the transaction that is about to spend. */
  async standings(db: Db, run: Run): Promise<Standing[]> {
    return this.#read(db, this.#scopesOf(run));
  }

  /** Every budget that is written down for everybody or for a name; those of `each` have no names of their own. */
  async all(db: Db): Promise<Standing[]> {
    const { workflows, principals } = this.#options.current;
    return this.#read(db, [
      { name: "all runs", scope: {}, limits: this.#options.current },
      ...Object.entries(workflows).map(([workflow, limits]) => ({
        name: `workflow ${workflow}`,
        scope: { workflow },
        limits,
      })),
      ...Object.entries(principals).map(([principal, limits]) => ({ name: principal, scope: { principal }, limits })),
    ]);
  }

  /** Writes what a transaction spent into the ledger, and which alerts that makes due. */
  async settle(tx: Db, { run, spendings, standings, alerts, now }: Draft): Promise<void> {
    if (spendings.length === 0) return;
    const { kind, name } = run.principal;
    const principal = principalLabel({ kind, name });
    await addSpending(tx, { day: dayOf(now, this.timeZone), workflow: run.workflow, principal }, spendings);
    const after = spendings.reduce<readonly Standing[]>(withSpending, standings);
    alerts.push(...(await newAlerts(tx, standings, after, now)));
  }

  #scopesOf({ workflow, principal: { kind, name } }: Run): Scoped[] {
    const options = this.#options.current;
    const principal = principalLabel({ kind, name });
    const byWorkflow = named(options.workflows, workflow) ?? options.eachWorkflow;
    const byPrincipal = named(options.principals, principal) ?? options.eachPrincipal;
    return [
      { name: "all runs", scope: {}, limits: options },
      ...(byWorkflow ? [{ name: `workflow ${workflow}`, scope: { workflow }, limits: byWorkflow }] : []),
      ...(byPrincipal ? [{ name: principal, scope: { principal }, limits: byPrincipal }] : []),
    ];
  }

  async #read(db: Db, scopes: Scoped[]): Promise<Standing[]> {
    const limited = scopes.filter(({ limits }) => limits.day ?? limits.month);
    if (limited.length === 0) return [];
    const today = this.today();
    const flying = await reservations(db);
    const standings: Standing[] = [];
    for (const { name, scope, limits } of limited) {
      const reserved = reservedIn(flying, scope);
      for (const per of ["day", "month"] as const) {
        const limit = limits[per];
        if (!limit) continue;
        const period = periodOf(today, per);
        const { usd, unpriced, tokensIn, tokensOut } = await spentIn(db, period, scope);
        const common = { scope: name, per, period, unpriced };
        if (limit.usd !== undefined)
          standings.push({ ...common, unit: "usd", limit: limit.usd, used: usd, reserved: reserved.usd });
        if (limit.tokens !== undefined) {
          const used = tokensIn + tokensOut;
          standings.push({ ...common, unit: "tokens", limit: limit.tokens, used, reserved: reserved.tokens });
        }
      }
    }
    return standings;
  }
}

interface Scoped {
  name: string;
  scope: SpendingScope;
  limits: { day?: PeriodLimits | undefined; month?: PeriodLimits | undefined };
}

function named<Value>(table: Record<string, Value>, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

interface Reserved {
  workflow: string;
  principal: string;
  usd: number;
  tokens: number;
}

/** What the attempts under way, of all runs, may still use. */
async function reservations(db: Db): Promise<Reserved[]> {
  const rows = await db
    .selectFrom("workflow_nodes")
    .innerJoin("workflow_runs", "workflow_runs.id", "workflow_nodes.run_id")
    .selectAll("workflow_nodes")
    .select(["workflow_runs.workflow", "workflow_runs.started_by"])
    // As the index of them says it, so that it is used.
    .where(sql<boolean>`status in ('queued', 'running')`)
    .execute();
  return rows.flatMap(({ workflow, started_by: principal, ...row }) => {
    const { reservedUsd, reservedTokens } = readNode(row);
    if (reservedTokens <= 0 && reservedUsd <= 0) return [];
    return [{ workflow, principal, usd: Math.max(0, reservedUsd), tokens: reservedTokens }];
  });
}

function reservedIn(flying: Reserved[], { workflow, principal }: SpendingScope): { usd: number; tokens: number } {
  const sum = { usd: 0, tokens: 0 };
  for (const one of flying) {
    if (workflow !== undefined && one.workflow !== workflow) continue;
    if (principal !== undefined && one.principal !== principal) continue;
    sum.usd += one.usd;
    sum.tokens += one.tokens;
  }
  return sum;
}

/**
 * Which budget an attempt would break if it used all that it may; null when it fits. `wait`: others have reserved what is
 * left and may not use it. A call whose price nobody knows passes a limit of money while that is not used up.
 */
export function wouldBreak(
  standings: readonly Standing[],
  reserve: Reserve,
): { limit: string; wait: boolean; again?: number } | null {
  let waits: string | null = null;
  for (const standing of standings) {
    const { unit, limit, used, reserved } = standing;
    const wanted = unit === "usd" ? (reserve.usd ?? 0) : reserve.tokens;
    if (used >= limit || used + wanted > limit) return { limit: nameOf(standing), wait: false };
    if (used + reserved + wanted > limit) waits ??= nameOf(standing);
  }
  return waits === null ? null : { limit: waits, wait: true, again: AGAIN_MS };
}

/** `usd of all runs in the day 2026-11-21` */
function nameOf({ unit, scope, per, period }: Standing): string {
  return `${unit} of ${scope} in the ${per} ${period}`;
}

/** The standings with what one more call under way may use. */
export function withReserve(standings: readonly Standing[], reserve: Reserve): Standing[] {
  return standings.map((standing) => {
    const more = standing.unit === "usd" ? (reserve.usd ?? 0) : reserve.tokens;
    return { ...standing, reserved: standing.reserved + more };
  });
}

/** The standings after calls of which the standings do not know yet. */
function withSpending(
  standings: readonly Standing[],
  { usd, tokensIn, tokensOut }: { usd: number | null; tokensIn: number; tokensOut: number },
): Standing[] {
  return standings.map((standing) => {
    const more = standing.unit === "usd" ? (usd ?? 0) : tokensIn + tokensOut;
    return { ...standing, used: standing.used + more, unpriced: standing.unpriced + (usd === null ? 1 : 0) };
  });
}
