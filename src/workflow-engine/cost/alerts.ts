import type { Kysely } from "kysely";
import type { WorkflowTables } from "../tables.ts";
import type { Standing } from "./period-budgets.ts";

/** Percent of a budget at which people are told. */
export const ALERTS = [50, 80, 100] as const;

/** The highest of the marks that was passed between two amounts; null when none was. */
export function passed(limit: number, before: number, after: number): (typeof ALERTS)[number] | null {
  return ALERTS.findLast((percent) => before < (limit * percent) / 100 && after >= (limit * percent) / 100) ?? null;
}

export interface Alert {
  scope: string;
  limit: "usd" | "tokens";
  percent: number;
}

/** The alerts that are due, each given once in its period, also over restarts and by several daemons. */
export async function newAlerts(
  db: Kysely<WorkflowTables>,
  before: readonly Standing[],
  after: readonly Standing[],
  now: number,
): Promise<Alert[]> {
  const alerts: Alert[] = [];
  for (const [index, { scope, per, period, unit, limit, used }] of after.entries()) {
    const percent = passed(limit, before[index]?.used ?? 0, used);
    if (percent === null) continue;
    const inserted = await db
      .insertInto("workflow_alerts")
      .values({ scope, period, unit, percent, at: now })
      .onConflict((conflict) => conflict.doNothing())
      .returning("percent")
      .execute();
    if (inserted.length > 0) alerts.push({ scope: `${scope} in the ${per} ${period}`, limit: unit, percent });
  }
  return alerts;
}
