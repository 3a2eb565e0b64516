import { OUTPUT_KEY } from "../run/places.ts";
import { isFinal, type NodeRecord, type NodeStatus, type RunRecord } from "../run/state.ts";
import type { AttemptRow } from "../tables.ts";
import { bucketOf } from "./histogram.ts";
import type { FoldRow, HistogramRow, StatRow } from "./tables.ts";

/** A run that has ended, with what statistics read of it. */
export interface EndedRun {
  run: RunRecord;
  nodes: NodeRecord[];
  /** In their order, of all nodes. */
  attempts: Attempted[];
  /** What was counted at its end before, if it was resumed since. */
  before: FoldRow | null;
  day: string;
}

export type Attempted = Pick<
  AttemptRow,
  "key" | "outcome" | "error" | "usd" | "tokens_in" | "tokens_out" | "started_at" | "ended_at"
>;

export interface Facts {
  stats: StatRow[];
  histograms: HistogramRow[];
}

interface Amounts {
  ms: number;
  usd: number;
  unpriced: number;
  tokensIn: number;
  tokensOut: number;
}

const OUTCOMES: Partial<Record<NodeStatus, string>> = { done: "ok", failed: "failed", cancelled: "cancelled" };

const NOTHING: Pick<FoldRow, "active_ms" | "usd" | "unpriced" | "tokens_in" | "tokens_out"> = {
  active_ms: 0,
  usd: 0,
  unpriced: 0,
  tokens_in: 0,
  tokens_out: 0,
};

function countRun(counts: Counts, { run, before, day }: EndedRun): void {
  const { workflow, hash, state } = run;
  const known = before ?? NOTHING;
  const amounts = {
    ms: run.activeMs - known.active_ms,
    usd: run.usd - known.usd,
    unpriced: run.unpriced - known.unpriced,
    tokensIn: run.tokensIn - known.tokens_in,
    tokensOut: run.tokensOut - known.tokens_out,
  };
  const outcome = state === "succeeded" ? "ok" : state;
  const kind = state === "failed" ? (run.error?.kind ?? "failed") : "";
  counts.add({ workflow, hash, node: "", day, model: "", type: "" }, { outcome, kind, amounts });
}

function countNode(counts: Counts, { run, before, day }: EndedRun, node: NodeRecord, attempts: Attempted[]): void {
  const since = before?.ended_at ?? -1;
  const own = attempts.filter(({ ended_at: at }) => at > since);
  const key = {
    workflow: run.workflow,
    hash: run.hash,
    node: templateKey(node.key),
    day,
    model: node.model ?? "",
    type: node.type,
  };
  const failed = own.filter(({ outcome }) => outcome === "failed");
  // The last failure of a node that failed is its end; every other was followed by something.
  const retried = node.status === "failed" ? failed.slice(0, -1) : failed;
  for (const attempt of retried) {
    const amounts = { ms: attempt.ended_at - attempt.started_at, usd: 0, unpriced: 0, tokensIn: 0, tokensOut: 0 };
    counts.add(key, { outcome: "retried", kind: kindOf(attempt), amounts });
  }
  const work = own.reduce((sum, { started_at: from, ended_at: to }) => sum + Math.max(0, to - from), 0);
  const outcome = OUTCOMES[node.status] ?? "skipped";
  const kind = node.status === "failed" ? (node.error?.kind ?? "failed") : "";
  counts.add(key, { outcome, kind, amounts: { ms: work, ...usedSince(node, attempts, since) } });
}

/** Amounts of attempts are those of the node so far, so the last one before is what was counted before. */
function usedSince(node: NodeRecord, attempts: Attempted[], since: number): Omit<Amounts, "ms"> {
  const last = attempts.findLast(({ ended_at: at }) => at <= since);
  const unknown = last !== undefined && last.usd === null;
  return {
    usd: unknown ? 0 : node.usd - (last?.usd ?? 0),
    unpriced: unknown ? Math.min(1, node.unpriced) : node.unpriced,
    tokensIn: node.tokensIn - (last?.tokens_in ?? 0),
    tokensOut: node.tokensOut - (last?.tokens_out ?? 0),
  };
}

function kindOf({ error }: Attempted): string {
  const kind = error === null ? undefined : (JSON.parse(error) as { kind?: unknown }).kind;
  return typeof kind === "string" ? kind : "failed";
}

/** Items of a map are one node here: `files[]/fix`. */
function templateKey(key: string): string {
  return key.replaceAll(/\[\d+\]/g, "[]");
}

type Where = Pick<StatRow, "workflow" | "hash" | "node" | "day" | "model" | "type">;

const NO_COUNT = { count: 0, ms_sum: 0, ms_min: Infinity, usd: 0, unpriced: 0, tokens_in: 0, tokens_out: 0 };

/** Adds up before anything is written, so that a map of thousands of items is a few rows. */
export class Counts {
  readonly #stats = new Map<string, StatRow>();
  readonly #histograms = new Map<string, HistogramRow>();

  /** What a run adds; of one that was resumed only what came since its end before. */
  addRun(ended: EndedRun): void {
    const { run, nodes, before } = ended;
    if (run.state !== "undone") countRun(this, ended);
    const attempts = Map.groupBy(ended.attempts, ({ key }) => key);
    for (const node of nodes) {
      if (node.key === OUTPUT_KEY || node.reason === "copied" || !isFinal(node.status)) continue;
      if ((node.endedAt ?? 0) > (before?.ended_at ?? -1)) countNode(this, ended, node, attempts.get(node.key) ?? []);
    }
  }

  add(where: Where, { outcome, kind, amounts }: { outcome: string; kind: string; amounts: Amounts }): void {
    const name = nameOf(where, outcome, kind);
    const known = this.#stats.get(name) ?? { ...where, outcome, kind, ...NO_COUNT };
    this.#stats.set(name, {
      ...known,
      count: known.count + 1,
      ms_sum: known.ms_sum + amounts.ms,
      ms_min: Math.min(known.ms_min, amounts.ms),
      usd: known.usd + amounts.usd,
      unpriced: known.unpriced + amounts.unpriced,
      tokens_in: known.tokens_in + amounts.tokensIn,
      tokens_out: known.tokens_out + amounts.tokensOut,
    });
    if (outcome !== "ok") return;
    this.#spread(where, "ms", amounts.ms);
    this.#spread(where, "tokens", amounts.tokensIn + amounts.tokensOut);
    if (amounts.unpriced === 0) this.#spread(where, "usd", amounts.usd);
  }

  facts(): Facts {
    return { stats: [...this.#stats.values()], histograms: [...this.#histograms.values()] };
  }

  #spread({ type: _type, ...where }: Where, measure: string, amount: number): void {
    const bucket = bucketOf(amount);
    const name = nameOf(where, measure, bucket);
    const count = (this.#histograms.get(name)?.count ?? 0) + 1;
    this.#histograms.set(name, { ...where, measure, bucket, count });
  }
}

function nameOf({ workflow, hash, node, day, model }: Omit<Where, "type">, ...more: (string | number)[]): string {
  return JSON.stringify([workflow, hash, node, day, model, ...more]);
}
