import { type Action, decide, isBusy } from "../decide.ts";
import type { Plan } from "../plan.ts";
import type { Draft } from "./draft.ts";
import type { Rules } from "./failing.ts";
import { receive } from "./receive.ts";
import type { Message, Reply } from "./messages.ts";
import { OUTPUT_KEY, sinks } from "./places.ts";
import { isEnded, type NodeRecord, type RunRecord, type Stored } from "./state.ts";
import { isHandle } from "./values.ts";

/** Applies messages in order, then everything that follows from them. Returns a reply for each, or the error it met. */
export function applyAll(draft: Draft, messages: Message[], rules: Rules): (Reply | Error)[] {
  const replies = messages.map((message) => {
    try {
      return receive(draft, message, rules);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  });
  follow(draft, rules.plan);
  countTime(draft);
  return replies;
}

/** Asks `decide` until nothing is left to do. It comes to an end: each action moves a row towards its end. */
function follow(draft: Draft, plan: Plan): void {
  for (;;) {
    const actions = decide(plan, draft, draft.now);
    if (actions.length === 0) break;
    for (const action of actions) apply(draft, action, plan);
  }
  const { state } = draft.run;
  if (state !== "running" && state !== "waiting") return;
  draft.setState(isBusy(draft) ? "running" : "waiting", null);
}

function apply(draft: Draft, action: Action, plan: Plan): void {
  switch (action.do) {
    case "start":
      return start(draft, action);
    case "skip": {
      const row = draft.put(action.key, action.type, {});
      return void draft.move(row, "skipped", { reason: action.why });
    }
    case "settle":
      return settle(draft, known(draft, action.key), known(draft, action.by));
    case "open":
      return open(draft, known(draft, action.key));
    case "close":
      return close(draft, known(draft, action.key), action);
    case "fail": {
      const error = { kind: "failed" as const, message: action.message };
      return void draft.move(known(draft, action.key), "failed", { error });
    }
    case "cancel":
      return void draft.move(known(draft, action.key), "cancelled");
    case "end":
      return end(draft, action, plan);
  }
}

function known(draft: Draft, key: string): NodeRecord {
  const row = draft.node(key);
  if (!row) throw new Error(`the run ${draft.run.id} has no row ${key}`);
  return row;
}

/** Every hand-over has a number of its own, also the one after a wait, so that a late result of another is known. */
function start(draft: Draft, { key, type, from }: Action & { do: "start" }): void {
  const before = draft.put(key, type, {});
  const attempt = before.attempt + 1;
  draft.move(before, "queued", {
    attempt,
    reason: from,
    dueAt: null,
    ...(from === null ? { queuedAt: draft.now, startedAt: null, error: null, shown: null, signal: null } : {}),
  });
  draft.jobs.push({ runId: draft.run.id, key, type, attempt, home: null });
}

function settle(draft: Draft, row: NodeRecord, by: NodeRecord): void {
  if (by.status === "done") draft.move(row, "done", { reason: "fallback", output: by.output });
  else if (by.status === "skipped") draft.move(row, "done", { reason: "fallback", output: "null" });
  else draft.move(row, by.status === "cancelled" ? "cancelled" : "failed", { error: by.error ?? row.error });
}

function open(draft: Draft, row: NodeRecord): void {
  const map = row.map!;
  draft.put(row.key, row.type, { map: { ...map, next: map.next + 1, active: [...map.active, map.next] } });
}

function close(draft: Draft, row: NodeRecord, { index, ok }: Action & { do: "close" }): void {
  const map = row.map!;
  const active = map.active.filter((item) => item !== index);
  draft.put(row.key, row.type, { map: { ...map, active, failed: ok ? map.failed : [...map.failed, index] } });
}

function end(draft: Draft, { state, cause }: Action & { do: "end" }, plan: Plan): void {
  const { run } = draft;
  if (state === "succeeded") {
    const output = outputOf(draft, plan);
    if (output === null) {
      const row = draft.node(OUTPUT_KEY);
      if (!row) return start(draft, { do: "start", key: OUTPUT_KEY, type: OUTPUT_KEY, from: null });
      if (row.status !== "done") return;
    }
    run.output = output;
  }
  const failed = cause === null ? null : draft.node(cause);
  if (failed) run.error = { key: failed.key, ...(failed.error ?? { kind: "failed", message: "It was cancelled." }) };
  run.endedAt = draft.now;
  draft.setState(state, undoEnd(run, failed?.key ?? null));
}

function undoEnd({ state, undoTo }: RunRecord, failed: string | null): string | null {
  if (state !== "undoing") return null;
  if (failed !== null) return `not all is undone: ${failed}`;
  return undoTo ? `as before ${undoTo.key}` : null;
}

/** The outputs of the last nodes by key, put together as text; null where that takes reading large values. */
function outputOf(draft: Draft, plan: Plan): Stored | null {
  const computed = draft.node(OUTPUT_KEY);
  if (computed?.status === "done") return computed.output;
  const entries = sinks(plan.nodes).map(({ key }) => [key, draft.node(key)?.output ?? "null"] as const);
  if (entries.some(([, output]) => isHandle(output))) return null;
  return `{${entries.map(([key, output]) => `${JSON.stringify(key)}:${output}`).join(",")}}`;
}

/** Time counts while something is under way; waiting for people costs nothing. */
function countTime(draft: Draft): void {
  const { run } = draft;
  const active = !isEnded(run.state) && isBusy(draft);
  if (active) run.activeSince ??= draft.now;
  else if (run.activeSince !== null) {
    run.activeMs += Math.max(0, draft.now - run.activeSince);
    run.activeSince = null;
  }
}
