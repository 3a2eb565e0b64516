import { exceeded } from "../budget.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Draft } from "./draft.ts";
import { isUndoing } from "../rollback/restore-node.ts";
import type { Message, Reply } from "./messages.ts";
import { OUTPUT_KEY, topNode, withDependents } from "./places.ts";
import { fail, type Rules } from "./failing.ts";
import { isEnded, isFinal, type NodeRecord } from "./state.ts";

type Command = Extract<Message, { type: "signal" | "cancel" | "pause" | "resume" | "undo" | "resolve" }>;

/** The signal that answers an approval node. Only persons may send it: the engine sees to that. */
export const APPROVE = "approve:";

/** What people and programs ask of a run. Throws `run_ended`, `bad_input`, `over_budget`. */
export function command(draft: Draft, message: Command, rules: Rules): Reply {
  switch (message.type) {
    case "signal":
      return signal(draft, message);
    case "cancel":
      return cancel(draft, message.by);
    case "pause":
      return pause(draft, message.by);
    case "resume":
      return resume(draft, message, rules);
    case "undo":
      return undo(draft, message);
    default:
      return resolve(draft, message, rules);
  }
}

/** The first of a name is kept, also before anything waits for it; a second one is told so. */
function signal(draft: Draft, { name, data, by }: Command & { type: "signal" }): Reply {
  refuseEnded(draft);
  if (draft.hasSignal(name)) return "duplicate";
  if (name.startsWith(APPROVE) && isSettled(draft, name.slice(APPROVE.length))) return "ignored";
  draft.signals.set(name, { name, data, by, at: draft.now });
  draft.event(null, "signal", { name, by });
  return "applied";
}

function cancel(draft: Draft, by: string): Reply {
  refuseEnded(draft);
  if (draft.run.state === "cancelling") return "duplicate";
  draft.setState("cancelling", `cancelled by ${by}`);
  for (const row of draft.nodes()) if (!isFinal(row.status)) draft.aborts.push(row.key);
  return "applied";
}

function pause(draft: Draft, by: string): Reply {
  refuseEnded(draft);
  if (draft.run.state === "paused") return "duplicate";
  if (draft.run.state !== "running" && draft.run.state !== "waiting") throw wrongState(draft, "be paused");
  draft.setState("paused", `paused by ${by}`);
  return "applied";
}

/** A paused run goes on; one that failed or was cancelled does again what did not end well, or all from a node on. */
function resume(draft: Draft, { by, from, budget }: Command & { type: "resume" }, rules: Rules): Reply {
  const { run } = draft;
  if (run.state !== "paused" && run.state !== "failed" && run.state !== "cancelled")
    throw wrongState(draft, "be resumed");
  if ([...draft.nodes()].some(({ key }) => isUndoing(key))) throw undoneInPart(draft);
  run.budget = { ...run.budget, ...budget };
  const limit = exceeded(run, 0);
  if (limit) {
    throw new SpecloopError("over_budget", `The run's budget (${limit}) is used up.`, {
      target: run.id,
      fix: "Resume it with a larger budget.",
    });
  }
  if (from !== null) topNode(rules.plan, from);
  if (run.state !== "paused" || from !== null) reset(draft, from, rules);
  draft.event(null, "run.resumed", { by, ...(from === null ? {} : { from }) });
  Object.assign(run, { error: null, endedAt: null, output: null });
  draft.setState("running", null);
  return "applied";
}

/** Rows that are to be done again keep their numbers of attempts, so that a late result still is not taken. */
function reset(draft: Draft, from: string | null, { plan }: Rules): void {
  const again = from === null ? new Set<string>() : withDependents(plan.nodes, from);
  for (const row of draft.nodes()) {
    const all = again.has(/^[^[/]+/.exec(row.key)?.[0] ?? row.key) || row.key === OUTPUT_KEY;
    if (all ? isFinal(row.status) : isBad(row)) begin(draft, row, all);
  }
}

function isBad({ status, reason }: NodeRecord): boolean {
  return status === "failed" || status === "cancelled" || reason === "upstream";
}

/** A map that is not done again as a whole does the items that failed. */
function begin(draft: Draft, row: NodeRecord, all: boolean): void {
  const { key, type, round, map } = row;
  draft.dropped.add(`${APPROVE}${key}`);
  const anew = {
    reason: null,
    retries: 0,
    round: round + 1,
    crashes: 0,
    output: null,
    error: null,
    endedAt: null,
    endedSeq: null,
  };
  if (map && !all)
    draft.put(key, type, { ...anew, status: "mapping", map: { ...map, active: map.failed, failed: [] } });
  else draft.put(key, type, { ...anew, status: "pending", map: null, items: null });
}

/** Once undone to a node it can be undone further back, never less; what was undone stays so. */
function undo(draft: Draft, { by, to }: Command & { type: "undo" }): Reply {
  const { run } = draft;
  const before = run.undoTo?.seq ?? 0;
  const begun = [...draft.nodes()].some(({ key }) => isUndoing(key));
  const further = (to?.seq ?? 0) < before;
  if (run.state === "undoing" || (run.state === "undone" && !further)) return "duplicate";
  if (!isEnded(run.state)) throw wrongState(draft, "be undone: cancel it first");
  if (!begun || further) run.undoTo = to;
  for (const row of draft.nodes()) {
    if (!isUndoing(row.key) || row.status === "done") continue;
    draft.put(row.key, row.type, { status: "pending", reason: null, retries: 0, error: null, endedAt: null });
  }
  run.endedAt = null;
  draft.setState("undoing", `undone by ${by}`);
  return "applied";
}

/** A person says what became of a node that was cut off in the middle. */
function resolve(draft: Draft, { by, key, how, output }: Command & { type: "resolve" }, rules: Rules): Reply {
  refuseEnded(draft);
  const row = draft.node(key);
  if (row?.status !== "unknown") {
    throw new SpecloopError("bad_input", `The node "${key}" is ${row?.status ?? "not begun"}, so nothing is unknown.`, {
      target: key,
      fix: "Look at the run: only nodes that are `unknown` are resolved.",
    });
  }
  draft.event(key, "node.resolved", { by, how });
  if (how === "done") draft.move(row, "done", { reason: "resolved", error: null, output: output ?? "null" });
  else if (how === "retry") draft.put(key, row.type, { status: "pending", error: null });
  else fail(draft, { ...row, retries: Infinity }, { kind: "failed", message: `${by} said that it failed.` }, rules);
  return "applied";
}

function refuseEnded(draft: Draft): void {
  const { id, state } = draft.run;
  if (!isEnded(state)) return;
  throw new SpecloopError("run_ended", `The run ${id} has ${state === "undone" ? "been undone" : state}.`, {
    target: id,
  });
}

function undoneInPart({ run }: Draft): SpecloopError {
  return new SpecloopError("run_ended", `The run ${run.id} was undone in part, so it cannot go on.`, {
    target: run.id,
    fix: "Undo the rest with `specloop run undo ID`, or begin anew with `specloop run fork ID --from NODE`.",
  });
}

function wrongState(draft: Draft, what: string): SpecloopError {
  const { id, state } = draft.run;
  return new SpecloopError(isEnded(state) ? "run_ended" : "bad_input", `The run is ${state}, so it cannot ${what}.`, {
    target: id,
    fix: "Look at it with `specloop run show ID`; a run that ended well is forked.",
  });
}

function isSettled(draft: Draft, key: string): boolean {
  const row = draft.node(key);
  return row !== undefined && isFinal(row.status);
}
