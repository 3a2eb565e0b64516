import { exceeded, wouldExceed } from "../budget.ts";
import { passed } from "../cost/alerts.ts";
import { withReserve, wouldBreak } from "../cost/period-budgets.ts";
import type { Spending } from "../node-type.ts";
import { command } from "./commands.ts";
import type { Draft } from "./draft.ts";
import { fail, type Rules } from "./failing.ts";
import type { Ending, Message, Reply, Reserve } from "./messages.ts";
import { locate } from "./places.ts";
import { isEnded, isInFlight, type NodeRecord } from "./state.ts";

/** In the middle of so many crashes, a node has failed. */
const MOST_CRASHES = 5;

/** Applies one message. Throws a `SpecloopError` for what a person or a program asked for and cannot have. */
export function receive(draft: Draft, message: Message, rules: Rules): Reply {
  switch (message.type) {
    case "look":
      return "applied";
    case "time":
      return time(draft);
    case "recover":
      return recover(draft, rules);
    case "redelivered": {
      const row = live(draft, message);
      if (row) wentDown(draft, row, rules, "The worker that had it went away.");
      return row ? "applied" : "ignored";
    }
    case "snapshot": {
      const { key, attempt, when, commit } = message;
      if (!live(draft, message)) return "ignored";
      draft.event(key, "snapshot", { attempt, when, commit });
      return "applied";
    }
    case "claim":
      return claim(draft, message);
    case "spent":
      return spent(draft, message, rules);
    case "ended":
      return ended(draft, message, rules);
    default:
      return command(draft, message, rules);
  }
}

/** The attempt that a message speaks of, while it is the one under way: a late result of another is left out. */
function live(draft: Draft, { key, attempt }: { key: string; attempt: number }): NodeRecord | null {
  const row = draft.node(key);
  return row && row.attempt === attempt && isInFlight(row.status) && !isEnded(draft.run.state) ? row : null;
}

/** After a crash: whatever was under way in this process is not any more. */
function recover(draft: Draft, rules: Rules): Reply {
  if (isEnded(draft.run.state)) return "ignored";
  // The time until the crash was not seen; none is better than the time that the daemon was down.
  draft.run.activeSince = null;
  const rows = [...draft.nodes()].filter(({ status }) => isInFlight(status));
  for (const row of rows) {
    const why = "The process ended in the middle of it.";
    if (row.status === "running") wentDown(draft, row, rules, why);
    else crashed(draft, row, rules, why);
  }
  letOthersTry(draft);
  return "applied";
}

/** What takes down each process that does it is not given to one after the other for ever. */
function wentDown(draft: Draft, row: NodeRecord, rules: Rules, why: string): void {
  const crashes = row.crashes + 1;
  if (crashes < MOST_CRASHES) return crashed(draft, { ...row, crashes }, rules, why);
  const message = `The process that did it went away ${crashes} times.`;
  fail(draft, { ...row, crashes, retries: Infinity }, { kind: "failed", message }, rules);
}

/** What was only queued had not begun. What was running may have done all, a part or nothing. */
function crashed(draft: Draft, row: NodeRecord, rules: Rules, why: string): void {
  const reserves = { crashes: row.crashes, reservedTokens: 0, reservedUsd: 0 };
  const { node } = locate(rules.plan, row.key);
  if (row.status === "queued" || rules.types.get(row.type)?.inside || node.onCrash === "retry") {
    // What it went on from is still there: the wait that ended, the items that are done.
    const again = row.reason === "signal" || row.reason === "timeout" ? "waiting" : "pending";
    if (row.reason === "gather") return void draft.put(row.key, row.type, { ...reserves, status: "mapping" });
    return void draft.put(row.key, row.type, { ...reserves, status: again, ...dueAgain(row, draft.now) });
  }
  if (node.onCrash === "fail") return fail(draft, row, { kind: "failed", message: why }, rules);
  draft.move(row, "unknown", { ...reserves, error: { kind: "failed", message: why } });
}

function dueAgain(row: NodeRecord, now: number): Partial<NodeRecord> {
  return row.reason === "timeout" ? { dueAt: now } : {};
}

/** The intent, durable before anything is done; and the reservation, so that the budget holds with many at once. */
function claim(draft: Draft, message: Message & { type: "claim" }): Reply {
  const row = live(draft, message);
  const { run } = draft;
  if (!row || row.status !== "queued") return "refused";
  if (!["running", "waiting", "undoing"].includes(run.state)) return refuse(draft, row);
  const { reserve } = message;
  // What takes something back is not stopped by what was spent on doing it.
  const over = draft.run.state === "undoing" ? null : limitFor(draft, reserve);
  if (over?.wait) {
    draft.move(row, "retrying", { reason: "turn", dueAt: over.again ? draft.now + over.again : null });
    return "refused";
  }
  if (over) {
    pauseForBudget(draft, over.limit);
    return refuse(draft, row);
  }
  if (reserve) draft.standings = withReserve(draft.standings, reserve);
  draft.move(row, "running", {
    startedAt: draft.now,
    input: message.input,
    reservedTokens: reserve?.tokens ?? 0,
    reservedUsd: reserve ? (reserve.usd ?? -1) : 0,
  });
  return "applied";
}

function limitFor(
  draft: Draft,
  reserve: Reserve | null,
): { limit: string; wait: boolean; again?: number | undefined } | null {
  if (exceeded(draft.run, activeFor(draft)) === "ms") return { limit: "ms", wait: false };
  if (!reserve) return null;
  return wouldExceed(draft.run, draft.nodes(), reserve) ?? wouldBreak(draft.standings, reserve);
}

function refuse(draft: Draft, row: NodeRecord): Reply {
  draft.put(row.key, row.type, { status: row.reason === "gather" ? "mapping" : "pending" });
  return "refused";
}

/** The time that the run may take is over: what is under way is stopped. */
function time(draft: Draft): Reply {
  const { run, now } = draft;
  if (run.state !== "running" || exceeded(run, activeFor(draft)) !== "ms") return "ignored";
  for (const row of draft.nodes()) if (row.status === "running") draft.aborts.push(row.key);
  run.activeMs += activeFor(draft);
  run.activeSince = now;
  pauseForBudget(draft, "ms");
  return "applied";
}

/** Milliseconds since something began to be under way, which the run does not count yet. */
function activeFor({ run, now }: Draft): number {
  return run.activeSince === null ? 0 : Math.max(0, now - run.activeSince);
}

/** Calls under a limit of money whose price nobody knows go one after the other; this is the others' turn. */
function letOthersTry(draft: Draft): void {
  const waiting = [...draft.nodes()].filter(({ status, reason }) => status === "retrying" && reason === "turn");
  for (const row of waiting) draft.put(row.key, row.type, { status: "pending", reason: null });
}

function pauseForBudget(draft: Draft, limit: string): void {
  if (draft.run.state !== "running" && draft.run.state !== "waiting") return;
  draft.event(null, "budget.reached", { limit });
  draft.setState("paused", `budget: ${limit}`);
}

/** Money that is spent is counted, whatever became of the attempt. */
function spent(draft: Draft, message: Message & { type: "spent" }, { plan }: Rules): Reply {
  const { run } = draft;
  const { used, key } = message;
  run.usd += used.usd ?? 0;
  run.unpriced += used.usd === null ? 1 : 0;
  run.tokensIn += used.tokensIn;
  run.tokensOut += used.tokensOut;
  const row = draft.node(key);
  alert(draft, used);
  // The calls of a run below are in the ledger as its own.
  if (row?.type !== "workflow") draft.spendings.push(used);
  if (!row) return "ignored";
  const now = draft.put(key, row.type, withSpending(row, used));
  const limit = run.state === "undoing" ? null : exceeded(run, 0);
  if (limit) pauseForBudget(draft, limit);
  const { budget } = locate(plan, key).node;
  const own = exceeded({ ...run, ...now, budget: { ...budget, ms: null } }, 0);
  return limit || own ? "refused" : "applied";
}

/** What the node used, and what of its reservation is left. */
function withSpending(row: NodeRecord, { usd, tokensIn, tokensOut, model }: Spending): Partial<NodeRecord> {
  return {
    usd: row.usd + (usd ?? 0),
    unpriced: row.unpriced + (usd === null ? 1 : 0),
    tokensIn: row.tokensIn + tokensIn,
    tokensOut: row.tokensOut + tokensOut,
    model: model ?? row.model,
    reservedTokens: Math.max(0, row.reservedTokens - tokensIn - tokensOut),
    reservedUsd: row.reservedUsd < 0 ? row.reservedUsd : Math.max(0, row.reservedUsd - (usd ?? 0)),
  };
}

/** Tells of the marks of the run's own budget that were passed; at the last one it is paused, which tells by itself. */
function alert({ run, alerts }: Draft, { usd, tokensIn, tokensOut }: Spending): void {
  const tokens = run.tokensIn + run.tokensOut;
  const used = { usd: [run.usd - (usd ?? 0), run.usd], tokens: [tokens - tokensIn - tokensOut, tokens] } as const;
  for (const limit of ["usd", "tokens"] as const) {
    const most = run.budget[limit];
    const percent = most === null ? null : passed(most, ...used[limit]);
    if (percent !== null && percent < 100) alerts.push({ scope: "run", limit, percent });
  }
}

function ended(draft: Draft, message: Message & { type: "ended" }, rules: Rules): Reply {
  const row = live(draft, message);
  if (!row) return "ignored";
  record(draft, row, message);
  settle(draft, { ...row, input: message.input ?? row.input }, message.ending, rules);
  const { usd, tokens } = draft.run.budget;
  if (usd !== null || tokens !== null) letOthersTry(draft);
  return "applied";
}

function record(draft: Draft, row: NodeRecord, message: Message & { type: "ended" }): void {
  const { ending, input, log, startedAt } = message;
  draft.attempts.push({
    key: row.key,
    attempt: row.attempt,
    outcome: ending.outcome,
    input: input ?? row.input,
    output: ending.outcome === "done" ? ending.output : null,
    error: ending.outcome === "failed" ? ending.error : null,
    log,
    usd: row.unpriced > 0 ? null : row.usd,
    tokensIn: row.tokensIn,
    tokensOut: row.tokensOut,
    model: row.model,
    startedAt,
    endedAt: draft.now,
  });
}

function settle(draft: Draft, row: NodeRecord, ending: Ending, rules: Rules): void {
  const over = { input: row.input, reservedTokens: 0, reservedUsd: 0 };
  switch (ending.outcome) {
    case "done":
      return void draft.move(row, "done", { ...over, reason: null, error: null, output: ending.output });
    case "skipped":
      return void draft.move(row, "skipped", { reason: "when" });
    case "waiting": {
      const { signal, until, shown } = ending;
      return void draft.move(row, "waiting", { ...over, reason: null, signal, dueAt: until, shown });
    }
    case "items": {
      const { items, total, concurrency, onError } = ending;
      const map = { total, concurrency: Math.max(1, concurrency), onError, next: 0, active: [], failed: [] };
      return void draft.move(row, "mapping", { ...over, reason: null, items, map });
    }
    case "deferred":
      return void draft.move(row, "retrying", { ...over, reason: ending.why, dueAt: ending.until });
    case "failed":
      return fail(draft, { ...row, ...over }, ending.error, rules);
    case "interrupted":
      return interrupted(draft, row, ending.why, rules);
  }
}

function interrupted(
  draft: Draft,
  row: NodeRecord,
  why: (Ending & { outcome: "interrupted" })["why"],
  rules: Rules,
): void {
  const message = { cancelled: "It was cancelled in the middle.", budget: "The budget stopped it in the middle." };
  if (why !== "cancelled")
    return crashed(draft, row, rules, why === "budget" ? message.budget : "The daemon stopped in the middle of it.");
  draft.move(row, "cancelled", { error: { kind: "failed", message: message.cancelled } });
}
