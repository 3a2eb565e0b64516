import type { Budget } from "./plan.ts";
import type { Reserve } from "./run/messages.ts";
import { isInFlight, type NodeRecord, type RunRecord } from "./run/state.ts";

/**
 * Which limit of a run an attempt would break if it used all that it may; null when it fits. What is under way counts
 * with what it reserved. Where the price of a call is not known beforehand, calls under a limit of money go one after
 * the other, so that at most one goes over it.
 */
export function wouldExceed(
  run: RunRecord,
  nodes: Iterable<NodeRecord>,
  reserve: Reserve,
): { limit: "usd" | "tokens" | "ms"; wait: boolean } | null {
  const reached = exceeded(run, 0);
  if (reached) return { limit: reached, wait: false };
  let [tokens, usd, unknown] = [run.tokensIn + run.tokensOut + reserve.tokens, run.usd + (reserve.usd ?? 0), 0];
  for (const row of nodes) {
    if (!isInFlight(row.status)) continue;
    tokens += Math.max(0, row.reservedTokens);
    if (row.reservedUsd < 0) unknown += 1;
    else usd += row.reservedUsd;
  }
  const { budget } = run;
  const busy = tokens > run.tokensIn + run.tokensOut + reserve.tokens || unknown > 0;
  if (budget.tokens !== null && tokens > budget.tokens) return { limit: "tokens", wait: busy };
  if (budget.usd !== null && usd > budget.usd) return { limit: "usd", wait: busy };
  if (budget.usd !== null && reserve.usd === null && unknown > 0) return { limit: "usd", wait: true };
  return null;
}

/** Which limit of a run is used up; `activeMs` is added to the time that is already counted. */
export function exceeded(
  { budget, ...run }: Pick<RunRecord, "budget" | "usd" | "tokensIn" | "tokensOut" | "activeMs">,
  activeMs: number,
): "usd" | "tokens" | "ms" | null {
  if (budget.usd !== null && run.usd >= budget.usd && run.usd > 0) return "usd";
  if (budget.tokens !== null && run.tokensIn + run.tokensOut >= budget.tokens) return "tokens";
  if (budget.ms !== null && run.activeMs + activeMs >= budget.ms) return "ms";
  return null;
}

/** A child may use what its own definition allows, and never more than its parent has left. */
export function remaining(run: RunRecord, own: Budget): Budget {
  const least = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : Math.min(a, b));
  const left = (limit: number | null, used: number) => (limit === null ? null : Math.max(0, limit - used));
  return {
    usd: least(own.usd, left(run.budget.usd, run.usd)),
    tokens: least(own.tokens, left(run.budget.tokens, run.tokensIn + run.tokensOut)),
    ms: least(own.ms, left(run.budget.ms, run.activeMs)),
  };
}
