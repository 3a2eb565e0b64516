import type { Kysely } from "kysely";
import type { Spending } from "../node-type.ts";
import type { WorkflowTables } from "../tables.ts";

type Db = Kysely<WorkflowTables>;

/** Length of `2026-11-21`. */
const DAY = 10;

export interface SpendingScope {
  workflow?: string | undefined;
  /** `principalLabel`. */
  principal?: string | undefined;
}

/** Sums over calls. `usd` holds those whose price is known; `unpriced` counts the others. */
export interface SpendingTotal {
  calls: number;
  usd: number;
  unpriced: number;
  tokensIn: number;
  tokensOut: number;
}

/** Adds calls to the ledger, in the transaction that counts them for their run. */
export async function addSpending(
  db: Db,
  { day, workflow, principal }: { day: string; workflow: string; principal: string },
  calls: readonly Spending[],
): Promise<void> {
  const byModel = Map.groupBy(calls, ({ model }) => model ?? "");
  if (byModel.size === 0) return;
  const rows = [...byModel].map(([model, some]) => ({ day, workflow, principal, model, ...sumOf(some) }));
  await db
    .insertInto("workflow_spending")
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(["day", "workflow", "principal", "model"]).doUpdateSet((row) => ({
        calls: row("workflow_spending.calls", "+", row.ref("excluded.calls")),
        usd: row("workflow_spending.usd", "+", row.ref("excluded.usd")),
        unpriced: row("workflow_spending.unpriced", "+", row.ref("excluded.unpriced")),
        tokens_in: row("workflow_spending.tokens_in", "+", row.ref("excluded.tokens_in")),
        tokens_out: row("workflow_spending.tokens_out", "+", row.ref("excluded.tokens_out")),
      })),
    )
    .execute();
}

function sumOf(calls: readonly Spending[]) {
  const sum = { calls: 0, usd: 0, unpriced: 0, tokens_in: 0, tokens_out: 0 };
  for (const { usd, tokensIn, tokensOut } of calls) {
    sum.calls += 1;
    sum.usd += usd ?? 0;
    sum.unpriced += usd === null ? 1 : 0;
    sum.tokens_in += tokensIn;
    sum.tokens_out += tokensOut;
  }
  return sum;
}

/** What was used in a period, `2026-11-21` or `2026-11`, by those in the scope. */
export async function spentIn(db: Db, period: string, scope: SpendingScope): Promise<SpendingTotal> {
  let query = db
    .selectFrom("workflow_spending")
    .select((row) => [
      row.fn.sum("calls").as("calls"),
      row.fn.sum("usd").as("usd"),
      row.fn.sum("unpriced").as("unpriced"),
      row.fn.sum("tokens_in").as("tokensIn"),
      row.fn.sum("tokens_out").as("tokensOut"),
    ])
    // Digits and hyphens in the same places, so that every database sorts them alike.
    .where("day", ">=", period.length === DAY ? period : `${period}-01`)
    .where("day", "<=", period.length === DAY ? period : `${period}-31`);
  if (scope.workflow !== undefined) query = query.where("workflow", "=", scope.workflow);
  if (scope.principal !== undefined) query = query.where("principal", "=", scope.principal);
  const row = await query.executeTakeFirstOrThrow();
  return {
    calls: Number(row.calls ?? 0),
    usd: Number(row.usd ?? 0),
    unpriced: Number(row.unpriced ?? 0),
    tokensIn: Number(row.tokensIn ?? 0),
    tokensOut: Number(row.tokensOut ?? 0),
  };
}

export type SpendingBy = "day" | "workflow" | "principal" | "model";

/** The same from a day on, by one of the four; the most expensive first, days in their order. */
export async function spendingBy(
  db: Db,
  by: SpendingBy,
  { from, ...scope }: SpendingScope & { from: string },
): Promise<(SpendingTotal & { key: string })[]> {
  let query = db
    .selectFrom("workflow_spending")
    .select((row) => [
      row.ref(by).as("key"),
      row.fn.sum("calls").as("calls"),
      row.fn.sum("usd").as("usd"),
      row.fn.sum("unpriced").as("unpriced"),
      row.fn.sum("tokens_in").as("tokensIn"),
      row.fn.sum("tokens_out").as("tokensOut"),
    ])
    .where("day", ">=", from)
    .groupBy(by);
  if (scope.workflow !== undefined) query = query.where("workflow", "=", scope.workflow);
  if (scope.principal !== undefined) query = query.where("principal", "=", scope.principal);
  const rows = (await query.execute()).map(({ key, ...sums }) => ({
    key,
    calls: Number(sums.calls),
    usd: Number(sums.usd),
    unpriced: Number(sums.unpriced),
    tokensIn: Number(sums.tokensIn),
    tokensOut: Number(sums.tokensOut),
  }));
  return by === "day"
    ? rows.toSorted((a, b) => a.key.localeCompare(b.key))
    : rows.toSorted((a, b) => b.usd - a.usd || b.tokensIn + b.tokensOut - a.tokensIn - a.tokensOut);
}
