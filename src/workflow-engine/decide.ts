import type { Plan, PlanNode } from "./plan.ts";
import { undoSteps } from "./rollback/steps.ts";
import { OUTPUT_KEY } from "./run/places.ts";
import { isEnded, isFinal, isInFlight, type NodeRecord, type RunState, type RunView } from "./run/state.ts";

/** One thing to do next. `key` is a node's key in the run. */
export type Action =
  /** Begin an attempt; `from` says what it goes on from, null when it begins anew. */
  | { do: "start"; key: string; type: string; from: "signal" | "timeout" | "gather" | null }
  | { do: "skip"; key: string; type: string; why: "when" | "upstream" }
  /** The fallback ended: its result becomes the node's. */
  | { do: "settle"; key: string; by: string }
  /** The next item of a map begins, or one ended. */
  | { do: "open"; key: string }
  | { do: "close"; key: string; index: number; ok: boolean }
  | { do: "fail"; key: string; message: string }
  | { do: "cancel"; key: string }
  | { do: "end"; state: RunState; cause: string | null };

/**
 * What is to be done next in a run: a function of its plan, its rows, its signals and the time alone, so that after a
 * crash the same rows give the same answer. It is asked again after its actions were applied, until it has none.
 * A `when` is not looked at here: it is evaluated by the attempt, which may end as skipped.
 */
export function decide(plan: Plan, view: RunView, now: number): Action[] {
  const { state } = view.run;
  if (isEnded(state) || state === "paused") return [];
  if (state === "cancelling") return cancelling(view);
  const decider = new Decider(plan, view, now);
  return state === "undoing" ? decider.undoing() : decider.running();
}

class Decider {
  readonly #plan: Plan;
  readonly #view: RunView;
  readonly #now: number;
  readonly #actions: Action[] = [];
  /** What this pass itself has just skipped. */
  readonly #skipped = new Map<string, "when" | "upstream">();

  constructor(plan: Plan, view: RunView, now: number) {
    this.#plan = plan;
    this.#view = view;
    this.#now = now;
  }

  running(): Action[] {
    this.#visitAll(this.#plan.nodes, "");
    if (this.#actions.length > 0) return this.#actions;
    const result = this.#resultOf(this.#plan.nodes, "");
    if (!result) return [];
    if (!result.ok) return [{ do: "end", state: "failed", cause: result.cause }];
    return this.#output();
  }

  /** One after the other, in reverse order of the ends; a node's own undo that fails stops it. */
  undoing(): Action[] {
    let failed: string | null = null;
    for (const { key, node, stops } of undoSteps(this.#plan, this.#view)) {
      this.#visit(node, key);
      if (this.#actions.length > 0) return this.#actions;
      const row = this.#view.node(key);
      if (!row || !isFinal(row.status)) return [];
      if (row.status === "done" || row.status === "skipped") continue;
      failed ??= key;
      if (stops) break;
    }
    return [{ do: "end", state: failed === null ? "undone" : "failed", cause: failed }];
  }

  /** The output of the run takes an attempt of its own where it is an expression; the engine says when it is not. */
  #output(): Action[] {
    const row = this.#view.node(OUTPUT_KEY);
    const plain = Object.keys(this.#plan.output).length === 0;
    if (plain && !row) return [{ do: "end", state: "succeeded", cause: null }];
    if (!row || row.status === "pending") return [{ do: "start", key: OUTPUT_KEY, type: OUTPUT_KEY, from: null }];
    if (row.status === "failed") return [{ do: "end", state: "failed", cause: OUTPUT_KEY }];
    return row.status === "done" ? [{ do: "end", state: "succeeded", cause: null }] : [];
  }

  #visitAll(nodes: PlanNode[], prefix: string): void {
    for (const node of nodes) {
      const key = prefix + node.key;
      const row = this.#view.node(key);
      if (row && row.status !== "pending") this.#visit(node, key);
      else this.#begin(node, key, this.#readiness(node, prefix));
    }
  }

  #begin(node: PlanNode, key: string, ready: Readiness): void {
    if (ready === "start") this.#actions.push({ do: "start", key, type: node.type, from: null });
    if (ready === "when" || ready === "upstream") {
      this.#skipped.set(key, ready);
      this.#actions.push({ do: "skip", key, type: node.type, why: ready });
    }
  }

  #visit(node: PlanNode, key: string): void {
    const row = this.#view.node(key);
    if (!row || row.status === "pending") return this.#begin(node, key, "start");
    if (row.status === "waiting") return this.#wake(row);
    if (row.status === "retrying" && row.dueAt !== null && row.dueAt <= this.#now)
      return this.#begin(node, key, "start");
    if (row.status === "mapping") return this.#map(node, row);
    if (row.status === "falling") this.#fall(node, key);
  }

  #wake(row: NodeRecord): void {
    const { key, type, signal, dueAt } = row;
    if (signal !== null && this.#view.hasSignal(signal)) this.#actions.push({ do: "start", key, type, from: "signal" });
    else if (dueAt !== null && dueAt <= this.#now) this.#actions.push({ do: "start", key, type, from: "timeout" });
  }

  #fall(node: PlanNode, key: string): void {
    if (!node.fallback || !("node" in node.fallback)) return;
    const by = `${key}/fallback`;
    const row = this.#view.node(by);
    if (row && isFinal(row.status)) this.#actions.push({ do: "settle", key, by });
    else this.#visit(node.fallback.node, by);
  }

  #map(node: PlanNode, row: NodeRecord): void {
    const { map, key } = row;
    if (!map || !node.body) return;
    for (const index of map.active) {
      const before = this.#actions.length;
      const prefix = `${key}[${index}]/`;
      this.#visitAll(node.body.nodes, prefix);
      const result = this.#actions.length === before ? this.#resultOf(node.body.nodes, prefix) : null;
      if (result) this.#actions.push({ do: "close", key, index, ok: result.ok });
    }
    const stopped = map.onError === "fail" && map.failed.length > 0;
    if (!stopped && map.next < map.total && map.active.length < map.concurrency)
      this.#actions.push({ do: "open", key });
    if (map.active.length > 0 || (map.next < map.total && !stopped)) return;
    if (stopped) this.#actions.push({ do: "fail", key, message: failedItems(map) });
    else this.#actions.push({ do: "start", key, type: row.type, from: "gather" });
  }

  #readiness(node: PlanNode, prefix: string): Readiness {
    const ends = node.needs.map((need) => this.#endOf(prefix + need));
    if (ends.includes(null)) return "wait";
    if (node.runIf === "all_done") return "start";
    const bad = ends.includes("bad");
    if (node.runIf === "all_ok") return bad ? "upstream" : "start";
    if (ends.length === 0 || ends.includes("ok")) return "start";
    return bad ? "upstream" : "when";
  }

  /** How a needed node ended; null while it has not. */
  #endOf(key: string): "ok" | "skipped" | "bad" | null {
    const row = this.#view.node(key);
    const skipped = this.#skipped.get(key) ?? (row?.status === "skipped" ? row.reason : null);
    if (skipped) return skipped === "upstream" ? "bad" : "skipped";
    if (!row || !isFinal(row.status)) return null;
    return row.status === "done" ? "ok" : "bad";
  }

  /**
   * Whether all of it has ended, and how: a failure counts unless everything that needs the failed node asked for
   * `any_ok` and ended well.
   */
  #resultOf(nodes: PlanNode[], prefix: string): { ok: boolean; cause: string | null } | null {
    let cause: string | null = null;
    for (const node of nodes) {
      const row = this.#view.node(prefix + node.key);
      if (!row || !isFinal(row.status)) return null;
      const failed = row.status === "failed" || row.status === "cancelled";
      if (failed && !this.#tolerated(nodes, node, prefix)) cause ??= row.key;
    }
    return { ok: cause === null, cause };
  }

  #tolerated(nodes: PlanNode[], failed: PlanNode, prefix: string): boolean {
    const after = nodes.filter((node) => node.needs.includes(failed.key));
    const served = (node: PlanNode) => node.runIf === "any_ok" && this.#endOf(prefix + node.key) === "ok";
    return after.length > 0 && after.every(served);
  }
}

type Readiness = "start" | "wait" | "when" | "upstream";

/** What runs is aborted, what does not is given up; the run ends when nothing is left. */
function cancelling(view: RunView): Action[] {
  const open = [...view.nodes()].filter(({ status }) => !isFinal(status));
  if (open.length === 0) return [{ do: "end", state: "cancelled", cause: null }];
  const idle = open.filter(({ status }) => status !== "running");
  if (idle.length > 0) return idle.map(({ key }) => ({ do: "cancel", key }));
  return [];
}

function failedItems({ failed, total }: { failed: number[]; total: number }): string {
  const some = failed.slice(0, 10).join(", ");
  const more = failed.length > 10 ? ", …" : "";
  return `${failed.length} of ${total} items failed (${some}${more}).`;
}

/** Whether something in the run goes on without anybody: an attempt, a retry, an item. */
export function isBusy(view: RunView): boolean {
  for (const { status } of view.nodes()) if (isInFlight(status) || status === "retrying") return true;
  return false;
}
