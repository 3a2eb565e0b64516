import type { Kysely } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";
import type { PeriodBudgets } from "../cost/period-budgets.ts";
import { spendingBy, type SpendingScope } from "../cost/ledger.ts";
import { dayOf } from "../cost/period.ts";
import type { WorkflowTables } from "../tables.ts";
import { costOf, figuresOf, total } from "./figures.ts";
import { counted, type Counted, keyOf, spreads } from "./read.ts";
import type { Overview, WorkflowStatistics } from "./shapes.ts";

const DAY_MS = 86_400_000;

interface StatisticsParts {
  db: Kysely<WorkflowTables>;
  budgets: PeriodBudgets;
  now: () => number;
  /** Resolves when the runs that have ended are counted. */
  settled: () => Promise<void>;
}

/** What runs and nodes did, out of counts that grow with days and nodes, not with runs. */
export class Statistics {
  readonly #parts: StatisticsParts;

  constructor(parts: StatisticsParts) {
    this.#parts = parts;
  }

  /** All workflows over the last days, today included. */
  async overview(days: number): Promise<Overview> {
    const { db, budgets, settled } = this.#parts;
    await settled();
    const from = this.#from(days);
    const which = { from, node: "" };
    const rows = await counted(db, which, ["workflow", "day"]);
    const [all, each] = [await spreads(db, { ...which, measure: "ms" }, []), await this.#times(which, ["workflow"])];
    const names = Map.groupBy(rows, ({ workflow }) => workflow);
    const spending = await this.#spending(from, {});
    return {
      from,
      timeZone: budgets.timeZone,
      spending,
      budgets: await budgets.all(db),
      runs: {
        ...figuresOf(rows, all.get(keyOf([]))),
        cost: moneyOf(spending.total),
      },
      workflows: [...names]
        .map(([name, own]) => ({
          name,
          ...figuresOf(own, each.get(keyOf([name]))),
        }))
        .toSorted((a, b) => b.count - a.count || a.name.localeCompare(b.name)),
      days: daysOf(rows),
    };
  }

  /** One workflow with its definitions and nodes. Throws `unknown_workflow` where it never ran in these days. */
  async of(name: string, days: number): Promise<WorkflowStatistics> {
    const { db, budgets, settled } = this.#parts;
    await settled();
    const from = this.#from(days);
    const which = { from, workflow: name, node: "" };
    const rows = await counted(db, which, ["hash", "day"]);
    if (rows.length === 0) {
      throw new SpecloopError("unknown_workflow", `No run of "${name}" has ended since ${from}.`, {
        target: name,
        fix: "Look at `specloop runs`, or ask for more days.",
      });
    }
    const all = await spreads(db, { ...which, measure: "ms" }, []);
    return {
      from,
      timeZone: budgets.timeZone,
      name,
      runs: figuresOf(rows, all.get(keyOf([]))),
      days: daysOf(rows),
      versions: await this.#versions(which, rows),
      nodes: await this.#nodes({
        from,
        workflow: name,
      }),
      spending: await this.#spending(from, { workflow: name }),
    };
  }

  async #versions(which: { from: string; workflow: string; node: string }, rows: Counted[]) {
    const times = await this.#times(which, ["hash"]);
    return [...Map.groupBy(rows, ({ hash }) => hash)]
      .map(([hash, own]) => {
        const days = own.map(({ day }) => day).toSorted();
        return { hash, first: days[0]!, last: days.at(-1)!, ...figuresOf(own, times.get(keyOf([hash]))) };
      })
      .toSorted((a, b) => b.last.localeCompare(a.last) || b.first.localeCompare(a.first));
  }

  async #nodes(which: { from: string; workflow: string }) {
    const rows = await counted(this.#parts.db, which, ["node", "type"]);
    const times = await this.#times(which, ["node"]);
    return [...Map.groupBy(rows, ({ node }) => node)]
      .map(([node, own]) => {
        const of = (outcome: string) => total(own.filter((row) => row.outcome === outcome));
        const told = { retries: of("retried"), skipped: of("skipped") };
        return { node, type: own[0]!.type, ...told, ...figuresOf(own, times.get(keyOf([node]))) };
      })
      .toSorted((a, b) => a.node.localeCompare(b.node));
  }

  #times(which: Parameters<typeof counted>[1], by: ("workflow" | "hash" | "node")[]) {
    return spreads(this.#parts.db, { ...which, measure: "ms" }, by);
  }

  async #spending(from: string, scope: SpendingScope): Promise<Overview["spending"]> {
    const { db } = this.#parts;
    const byModel = await spendingBy(db, "model", { from, ...scope });
    const byPrincipal = await spendingBy(db, "principal", { from, ...scope });
    const sum = { calls: 0, usd: 0, unpriced: 0, tokensIn: 0, tokensOut: 0 };
    for (const row of byModel) {
      sum.calls += row.calls;
      sum.usd += row.usd;
      sum.unpriced += row.unpriced;
      sum.tokensIn += row.tokensIn;
      sum.tokensOut += row.tokensOut;
    }
    return { total: sum, byModel, byPrincipal };
  }

  #from(days: number): string {
    const { budgets, now } = this.#parts;
    return dayOf(now() - (days - 1) * DAY_MS, budgets.timeZone);
  }
}

function moneyOf({ usd, unpriced, tokensIn, tokensOut }: Overview["spending"]["total"]) {
  return { usd, unpriced, tokensIn, tokensOut };
}

function daysOf(rows: Counted[]): Overview["days"] {
  return [...Map.groupBy(rows, ({ day }) => day)]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([day, own]) => {
      const of = (outcome: string) => total(own.filter((row) => row.outcome === outcome));
      const [succeeded, failed, cancelled] = [of("ok"), of("failed"), of("cancelled")];
      const count = succeeded + failed + cancelled;
      return { day, count, succeeded, failed, cancelled, cost: costOf(own) };
    });
}
