import type { Emitter } from "../../foundation/events.ts";
import type { Draft } from "./draft.ts";
import type { RunEvent } from "./messages.ts";
import type { NodeRecord, RunRecord } from "./state.ts";

/** Tells the rest of the house what a commit changed. */
export function announce(draft: Draft, events: Emitter): void {
  let from = "new";
  for (const event of draft.events) {
    if (event.key === null) from = aboutRun(event, from, draft, events);
    else aboutNode(event, event.key, draft, events);
  }
  const { id } = draft.run;
  for (const { scope, limit, percent } of draft.alerts)
    events.emit("budget.reached", { scope, limit, percent, runId: scope === "run" ? id : null });
}

function aboutRun({ type, data }: RunEvent, from: string, { run, now }: Draft, events: Emitter): string {
  const { id: runId, workflow } = run;
  const to = type.slice("run.".length);
  if (type === "run.started") events.emit("run.started", { runId, workflow, hash: run.hash, principal: run.principal });
  else if (type === "budget.reached")
    events.emit("budget.reached", { scope: "run", limit: String(data["limit"]), percent: 100, runId });
  else if (type.startsWith("run.") && type !== "run.resumed") {
    events.emit("run.state_changed", {
      runId,
      workflow,
      from,
      to,
      reason: typeof data["reason"] === "string" ? data["reason"] : "",
    });
    if (to === "succeeded" || to === "failed" || to === "cancelled") {
      const ms = now - run.createdAt;
      events.emit("run.ended", { runId, workflow, state: to, ms, workMs: run.activeMs, ...used(run) });
    }
    return to;
  }
  return from;
}

const ENDS = new Set(["done", "failed", "cancelled"]);

function aboutNode({ type, data }: RunEvent, key: string, draft: Draft, events: Emitter): void {
  const row = draft.node(key);
  if (!row || !type.startsWith("node.")) return;
  const { id: runId, workflow } = draft.run;
  const to = type.slice("node.".length);
  const attempt = Number(data["attempt"] ?? row.attempt);
  events.emit("node.state_changed", { runId, workflow, key, type: row.type, attempt, to });
  if (!ENDS.has(to)) return;
  const ms = draft.now - (row.startedAt ?? row.queuedAt ?? draft.now);
  const failure = row.error && to !== "done" ? { failure: row.error.kind } : {};
  events.emit("node.ended", {
    runId,
    workflow,
    key,
    type: row.type,
    ok: to === "done",
    attempt,
    retries: row.retries,
    ms,
    ...failure,
    ...used(row),
  });
}

function used({
  usd,
  unpriced,
  tokensIn,
  tokensOut,
}: Pick<RunRecord | NodeRecord, "usd" | "unpriced" | "tokensIn" | "tokensOut">) {
  return { usd: unpriced > 0 ? null : usd, tokensIn, tokensOut };
}
