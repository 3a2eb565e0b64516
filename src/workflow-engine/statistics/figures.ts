import { type Histogram, quantileOf } from "./histogram.ts";
import { shareOf } from "./interval.ts";
import type { Counted } from "./read.ts";
import type { Figures } from "./shapes.ts";

/** The figures of one thing: a workflow, a definition, a node. */
export function figuresOf(rows: readonly Counted[], times: Histogram | undefined): Figures {
  const of = (outcome: string) => rows.filter((row) => row.outcome === outcome);
  const [ok, failed] = [of("ok"), of("failed")];
  const [succeeded, lost] = [total(ok), total(failed)];
  const cancelled = total(of("cancelled"));
  return {
    count: succeeded + lost + cancelled,
    succeeded,
    failed: lost,
    cancelled,
    success: shareOf(succeeded, succeeded + lost),
    ms: succeeded === 0 || !times ? null : timesOf(ok, succeeded, times),
    failures: byKind(failed),
    cost: costOf(rows),
  };
}

function timesOf(ok: readonly Counted[], succeeded: number, times: Histogram): Figures["ms"] {
  const min = Math.min(...ok.map(({ msMin }) => msMin));
  const sum = ok.reduce((all, { msSum }) => all + msSum, 0);
  return { min, mean: sum / succeeded, p95: Math.max(min, quantileOf(times, 0.95) ?? min) };
}

export function total(rows: readonly Counted[]): number {
  return rows.reduce((sum, { count }) => sum + count, 0);
}

function byKind(rows: readonly Counted[]): Record<string, number> {
  const kinds = new Map<string, number>();
  for (const { kind, count } of rows) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
  return Object.fromEntries([...kinds].toSorted(([, a], [, b]) => b - a));
}

export function costOf(rows: readonly Counted[]): Figures["cost"] {
  const cost = { usd: 0, unpriced: 0, tokensIn: 0, tokensOut: 0 };
  for (const row of rows) {
    cost.usd += row.usd;
    cost.unpriced += row.unpriced;
    cost.tokensIn += row.tokensIn;
    cost.tokensOut += row.tokensOut;
  }
  return cost;
}
