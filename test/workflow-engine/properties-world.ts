import type { NodeType } from "../../src/workflow-engine/node-type.ts";
import type { Plan, PlanNode, RunIf } from "../../src/workflow-engine/plan.ts";
import { isUndoing } from "../../src/workflow-engine/rollback/restore-node.ts";
import { applyAll } from "../../src/workflow-engine/run/apply.ts";
import type { Rules } from "../../src/workflow-engine/run/failing.ts";
import { Draft, type Job, type RunSnapshot } from "../../src/workflow-engine/run/draft.ts";
import type { Ending, Message, Reply } from "../../src/workflow-engine/run/messages.ts";
import { newRun } from "../../src/workflow-engine/run/new-run.ts";
import { locate } from "../../src/workflow-engine/run/places.ts";
import { isEnded, isFinal, type NodeRecord } from "../../src/workflow-engine/run/state.ts";
import { ADA } from "./engine/house.ts";
import { node, plan } from "./engine/plans.ts";

/** Numbers that only the seed decides. */
export function randomness(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = ReturnType<typeof randomness>;
const pick = <T>(random: Random, items: readonly T[]): T => items[random(items.length)]!;

/** A graph with everything that a node can have. */
export function randomPlan(random: Random, count: number): Plan {
  return plan(
    "random",
    Array.from({ length: count }, (_, index) => randomNode(random, index)),
  );
}

function randomNode(random: Random, index: number): PlanNode {
  const needs = index === 0 ? [] : Array.from({ length: random(4) }, () => `n${random(index)}`);
  const type = pick(random, ["ask", "ask", "retry", "value", "map", "gate"]);
  const stand = (key: string) => node(key, "ask", { onCrash: "ask" });
  return node(`n${index}`, type, {
    needs: [...new Set(needs)],
    runIf: pick<RunIf>(random, ["all_ok", "all_ok", "all_ok", "any_ok", "all_done"]),
    onCrash: type === "ask" ? "ask" : "retry",
    retry: { max: random(3), delayMs: 10, factor: 2, maxDelayMs: 100, jitter: 0.5, on: ["failed"] },
    fallback: pick(random, [null, null, { value: null }, { node: stand("fallback") }]),
    undo: random(2) === 0 ? stand("undo") : null,
    body: type === "map" ? { as: "n", nodes: [stand("do"), node("out", "value", { needs: ["do"] })] } : null,
  });
}

const type = (name: string, inside: boolean) => [name, { type: name, inside } as NodeType] as const;
const TYPES = new Map([
  type("ask", false),
  type("retry", false),
  type("value", true),
  type("map", true),
  type("gate", true),
]);

interface Counted {
  done: number;
  failed: number;
  /** Crashes in the middle after which it may be repeated, and a person's words. */
  again: number;
}

/**
 * Dispatcher, executors, people and crashes without a clock, a disk or a process: what a run has to stand, in an order
 * that a seed decides. Looks for broken rules.
 */
export class World {
  readonly problems: string[] = [];
  readonly #random: Random;
  readonly #plan: Plan;
  readonly #rules: Rules;
  #jobs: Job[] = [];
  /** Of processes that died: what they hand in late must not count. */
  readonly #lost: Job[] = [];
  readonly #counted = new Map<string, Counted>();
  readonly #undone: string[] = [];
  #snapshot: RunSnapshot;
  #now = 0;
  /** An undo failed, and what comes after it may stand on what it did not undo. */
  #stopped = false;

  constructor(random: Random, shape: Plan) {
    this.#random = random;
    this.#plan = shape;
    this.#rules = { plan: shape, types: TYPES, random: () => 0.5 };
    const run = newRun({
      plan: shape,
      input: "{}",
      principal: ADA,
      budget: {},
      idempotencyKey: undefined,
      now: 0,
      home: null,
    });
    this.#snapshot = { run: { ...run, id: "r-1" }, nodes: new Map(), signals: new Map() };
  }

  get snapshot(): RunSnapshot {
    return this.#snapshot;
  }

  play(): void {
    this.#send({ type: "look" });
    this.#until("run");
    const open = [...this.#snapshot.nodes.values()].filter(({ status }) => !isFinal(status));
    if (open.length > 0) this.#broken(`ended with ${open.map(({ key, status }) => `${key} ${status}`).join(", ")}`);
    this.#checkCounts();
  }

  /** Undoes the run that has ended, with crashes in the middle. */
  undo(): void {
    const expected = [...this.#snapshot.nodes.values()]
      .filter(({ key, status }) => status === "done" && !isUndoing(key) && locate(this.#plan, key).node.undo)
      .toSorted((a, b) => b.endedSeq! - a.endedSeq!)
      .map(({ key }) => `${key}/undo`);
    this.#send({ type: "undo", by: "ada", to: null });
    if (this.#send({ type: "undo", by: "ada", to: null }) !== "duplicate") this.#broken("undone twice");
    this.#until("undo");
    this.#checkCounts();
    const order = expected.filter((key) => this.#undone.includes(key));
    if (order.join(" ") !== this.#undone.join(" "))
      this.#broken(`undone ${this.#undone.join(" ")} instead of ${order.join(" ")}`);
    const open = expected.filter((key) => !["done", "skipped"].includes(this.#row(key)?.status ?? ""));
    if (this.#snapshot.run.state === "undone" && open.length > 0) this.#broken(`not undone: ${open.join(" ")}`);
  }

  #until(what: string): void {
    for (let turn = 0; !isEnded(this.#snapshot.run.state); turn++) {
      if (turn > 200 + this.#snapshot.nodes.size * 40) return this.#broken(`the ${what} does not end`);
      if (this.problems.length > 0) return;
      this.#turn();
    }
  }

  #turn(): void {
    const dice = this.#random(100);
    if (dice < 4) return this.#crash();
    if (dice < 8 && this.#lost.length > 0) return this.#late(pick(this.#random, this.#lost));
    if (dice < 11 && this.#jobs.length > 0) return this.#redeliver();
    if (this.#jobs.length > 0) return this.#perform();
    if (!this.#pass()) this.#broken("nothing is left to do, but it has not ended");
  }

  #perform(): void {
    const [job] = this.#jobs.splice(this.#random(this.#jobs.length), 1);
    const row = this.#row(job!.key);
    if (row?.attempt !== job!.attempt) return;
    const { type: name } = row;
    if (!TYPES.get(name)?.inside) return this.#effect(job!);
    // A part of the attempts dies with its process after the work and before the word.
    this.#end(job!, this.#inside(row));
  }

  #inside(row: NodeRecord): Ending {
    if (row.reason === "gather" || row.type === "value") return { outcome: "done", output: "1" };
    if (row.type === "gate" && row.reason === null)
      return { outcome: "waiting", signal: `go:${row.key}`, until: null, shown: "{}" };
    if (row.type === "gate") return { outcome: "done", output: "true" };
    const onError = pick(this.#random, ["fail", "continue"] as const);
    return { outcome: "items", items: "[]", total: this.#random(4), concurrency: 1 + this.#random(3), onError };
  }

  #effect(job: Job): void {
    if (this.#random(12) === 0) return this.#end(job, { outcome: "skipped" });
    const { key, attempt } = job;
    if (this.#send({ type: "claim", key, attempt, input: null, reserve: null }) !== "applied") return;
    const counted = this.#count(key);
    counted.done += 1;
    const dice = this.#random(10);
    // It has happened, and its process dies before it can say so.
    if (dice === 0) return (void this.#lost.push(job), this.#crash());
    if (dice < 3) {
      counted.failed += 1;
      return this.#end(job, { outcome: "failed", error: { kind: "failed", message: "as told" } });
    }
    this.#end(job, { outcome: "done", output: "1" });
    if (key.endsWith("/undo")) this.#undone.push(key);
  }

  #end({ key, attempt }: Job, ending: Ending): void {
    const word = { type: "ended" as const, key, attempt, ending, input: null, log: "", startedAt: 0 };
    this.#send(word);
    const before = this.#snapshot.run.seq;
    if (this.#random(5) === 0 && (this.#send(word) !== "ignored" || this.#snapshot.run.seq !== before))
      this.#broken(`the end of ${key} counted twice`);
  }

  /** What was queued had not begun; what was running may be repeated only where the node says so. */
  #crash(): void {
    for (const { key, status, type: name } of this.#snapshot.nodes.values()) {
      if (status === "running" && locate(this.#plan, key).node.onCrash === "retry" && !TYPES.get(name)?.inside)
        this.#count(key).again += 1;
    }
    this.#lost.push(...this.#jobs);
    this.#jobs = [];
    this.#send({ type: "recover" });
  }

  #redeliver(): void {
    const [job] = this.#jobs.splice(this.#random(this.#jobs.length), 1);
    const { key, attempt } = job!;
    this.#lost.push(job!);
    this.#send({ type: "redelivered", key, attempt });
  }

  /** A worker that was thought dead hands in its result, or asks whether it may begin. */
  #late({ key, attempt }: Job): void {
    const before = this.#snapshot.run.seq;
    const ending: Ending = { outcome: "done", output: '"late"' };
    const ended = { type: "ended" as const, key, attempt, ending, input: null, log: "", startedAt: 0 };
    const said = this.#send(ended);
    const claimed = this.#send({ type: "claim", key, attempt, input: null, reserve: null });
    if (said !== "ignored" || claimed !== "refused" || this.#snapshot.run.seq !== before)
      this.#broken(`the late attempt ${attempt} of ${key} was taken: ${String(said)}, ${String(claimed)}`);
  }

  /** Nothing goes on by itself: people answer, time passes. */
  #pass(): boolean {
    const rows = [...this.#snapshot.nodes.values()];
    const unknown = rows.find(({ status }) => status === "unknown");
    if (unknown) return this.#resolve(unknown);
    const waiting = rows.find(({ status }) => status === "waiting");
    if (waiting?.signal) {
      const signal = { type: "signal" as const, name: waiting.signal, data: "true", by: "ada" };
      if (this.#send(signal) !== "applied") this.#broken(`${waiting.key} was not answered`);
      if (this.#random(2) === 0 && this.#send(signal) === "applied") this.#broken(`${waiting.key} was answered twice`);
      return true;
    }
    const due = rows.flatMap(({ status, dueAt }) => (status === "retrying" && dueAt !== null ? [dueAt] : []));
    if (due.length === 0) return false;
    this.#now = Math.max(this.#now, Math.min(...due));
    this.#send({ type: "look" });
    return true;
  }

  #resolve({ key }: NodeRecord): boolean {
    const how = pick(this.#random, ["done", "retry", "fail"] as const);
    if (how === "retry") this.#count(key).again += 1;
    if (how === "done" && key.endsWith("/undo")) this.#undone.push(key);
    this.#send({ type: "resolve", by: "ada", key, how, output: null });
    return true;
  }

  #send(message: Message): Reply | Error | undefined {
    const draft = new Draft(this.#snapshot, this.#now);
    const [reply] = applyAll(draft, [message], this.#rules);
    for (const job of draft.jobs) this.#check(job, draft);
    this.#jobs.push(...draft.jobs);
    this.#snapshot = draft.committed();
    this.#stopped ||= [...draft.changed.values()].some(({ key, status }) => isUndoing(key) && status === "failed");
    return reply;
  }

  #check({ key, attempt }: Job, draft: Draft): void {
    if (this.#jobs.some((job) => job.key === key && job.attempt === attempt)) this.#broken(`${key} was begun twice`);
    if (this.#stopped) this.#broken(`${key} was begun after an undo had failed`);
    const { node: planned, prefix, role } = locate(this.#plan, key);
    const over = [...draft.nodes()].find(({ map }) => map && map.active.length > map.concurrency);
    if (over) this.#broken(`${over.key} has ${over.map?.active.length} items under way`);
    if (role !== "node") return;
    for (const need of planned.needs) {
      const status = draft.node(prefix + need)?.status;
      if (!status || !isFinal(status)) this.#broken(`${key} began before ${need} had ended`);
    }
  }

  /** Nothing was done more often than it failed, was cut off where it may be repeated, or a person asked for. */
  #checkCounts(): void {
    for (const [key, { done, failed, again }] of this.#counted)
      if (done > 1 + failed + again) this.#broken(`${key} was done ${done} times, with ${failed} failures, ${again}`);
  }

  #count(key: string): Counted {
    const known = this.#counted.get(key) ?? { done: 0, failed: 0, again: 0 };
    this.#counted.set(key, known);
    return known;
  }

  #row(key: string): NodeRecord | undefined {
    return this.#snapshot.nodes.get(key);
  }

  #broken(what: string): void {
    this.problems.push(what);
  }
}
