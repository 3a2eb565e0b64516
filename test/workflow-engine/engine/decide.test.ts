import fc from "fast-check";
import { expect } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import type { Plan, PlanNode, RunIf } from "../../../src/workflow-engine/plan.ts";
import { applyAll } from "../../../src/workflow-engine/run/apply.ts";
import type { Rules } from "../../../src/workflow-engine/run/failing.ts";
import { Draft, type Job, type RunSnapshot } from "../../../src/workflow-engine/run/draft.ts";
import type { Ending } from "../../../src/workflow-engine/run/messages.ts";
import { isEnded, isFinal, type RunRecord } from "../../../src/workflow-engine/run/state.ts";
import { ADA } from "./house.ts";
import { NO_LIMIT, node, plan } from "./plans.ts";

type Fate = "done" | "fails" | "fails_once" | "skipped" | "waits" | "crashes" | "duplicate";
const FATES: Fate[] = ["done", "done", "done", "fails", "fails_once", "skipped", "waits", "crashes", "duplicate"];

interface Sample {
  shape: Plan;
  fates: Fate[];
  /** Which of the jobs under way is next to end: so branches end in any order. */
  order: number[];
}

const sample: fc.Arbitrary<Sample> = fc.integer({ min: 1, max: 200 }).chain((count) =>
  fc.record({
    shape: fc
      .array(
        fc.record({
          needs: fc.array(fc.nat(), { maxLength: 4 }),
          runIf: fc.constantFrom<RunIf>("all_ok", "all_ok", "all_ok", "any_ok", "all_done"),
          fallback: fc.boolean(),
        }),
        { minLength: count, maxLength: count },
      )
      .map((drawn) => plan("random", drawn.map(toNode))),
    fates: fc.array(fc.constantFrom(...FATES), { minLength: count, maxLength: count }),
    order: fc.array(fc.nat(), { minLength: 1, maxLength: 50 }),
  }),
);

function toNode(
  { needs, runIf, fallback }: { needs: number[]; runIf: RunIf; fallback: boolean },
  index: number,
): PlanNode {
  const retry = { max: 1, delayMs: 10, factor: 2, maxDelayMs: 100, jitter: 0.5, on: ["failed" as const] };
  return node(`n${index}`, "effect", {
    needs: index === 0 ? [] : [...new Set(needs.map((need) => `n${need % index}`))],
    runIf,
    retry,
    onCrash: "retry",
    fallback: fallback ? { value: null } : null,
  });
}

scenario("workflows", "Any graph ends", () => {
  fc.assert(
    fc.property(sample, (drawn) => {
      const world = new World(drawn);
      world.play();
      expect(world.problems).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

/** A dispatcher and executors without a clock, a disk or a process: it plays the outcomes and looks for broken rules. */
class World {
  readonly problems: string[] = [];
  readonly #sample: Sample;
  readonly #rules: Rules;
  readonly #jobs: Job[] = [];
  readonly #effects = new Map<string, number>();
  #snapshot: RunSnapshot;
  #now = 0;

  constructor(drawn: Sample) {
    this.#sample = drawn;
    this.#rules = { plan: drawn.shape, types: new Map(), random: () => 0.5 };
    this.#snapshot = { run: newRun(drawn.shape), nodes: new Map(), signals: new Map() };
  }

  play(): void {
    this.#apply([]);
    for (let turn = 0; !isEnded(this.#snapshot.run.state); turn++) {
      // Each node has at most an end, a retry, a crash, a wait and a second delivery.
      if (turn > this.#sample.shape.nodes.length * 8) return void this.problems.push("it does not end");
      if (this.#jobs.length === 0 && !this.#pass())
        return void this.problems.push("nothing is left to do, but it has not ended");
      const place = (this.#sample.order[turn % this.#sample.order.length] ?? 0) % Math.max(1, this.#jobs.length);
      const [job] = this.#jobs.splice(place, 1);
      if (job) this.#end(job);
    }
    const open = [...this.#snapshot.nodes.values()].filter(({ status }) => !isFinal(status));
    if (open.length > 0)
      this.problems.push(`ended with ${open.map(({ key, status }) => `${key} ${status}`).join(", ")}`);
  }

  /** Time goes on to the next retry, and whoever waits is answered. */
  #pass(): boolean {
    const rows = [...this.#snapshot.nodes.values()];
    const due = rows.flatMap(({ dueAt, status }) => (status === "retrying" && dueAt !== null ? [dueAt] : []));
    const waiting = rows.find(({ status, signal }) => status === "waiting" && signal !== null);
    if (due.length > 0) this.#now = Math.max(this.#now, Math.min(...due));
    const messages = waiting ? [{ type: "signal" as const, name: waiting.signal!, data: "1", by: "x" }] : [];
    if (due.length > 0 || waiting) this.#apply(messages);
    return due.length > 0 || waiting !== undefined;
  }

  #end(job: Job): void {
    const { key, attempt } = job;
    const row = this.#snapshot.nodes.get(key)!;
    const fate = this.#sample.fates[Number(key.slice(1))]!;
    if (this.#claim(job) !== "applied") return void this.problems.push(`${key} could not be claimed`);
    if (fate === "crashes" && row.round === 0 && attempt === 1) return this.#apply([{ type: "recover" }]);
    const done = (this.#effects.get(key) ?? 0) + 1;
    this.#effects.set(key, done);
    const waited = row.reason === "signal";
    if (done > 1 && !waited && fate !== "fails" && fate !== "fails_once")
      this.problems.push(`${key} was done ${done} times`);
    const ending = endingOf(fate, { again: attempt > 1, waited });
    const ended = { type: "ended" as const, key, attempt, ending, input: null, log: "", startedAt: 0 };
    this.#apply([ended]);
    // The same result again, as a worker would send that was thought dead: it must change nothing.
    const before = this.#snapshot.run.seq;
    if (fate === "duplicate") this.#apply([ended, { type: "redelivered", key, attempt }]);
    if (fate === "duplicate" && this.#snapshot.run.seq !== before) this.problems.push(`${key} ended twice`);
  }

  #claim({ key, attempt }: Job) {
    return this.#apply([{ type: "claim", key, attempt, input: null, reserve: null }]);
  }

  #apply(messages: Parameters<typeof applyAll>[1]) {
    const draft = new Draft(this.#snapshot, this.#now);
    const [reply] = applyAll(draft, messages, this.#rules);
    for (const job of draft.jobs) this.#check(job, draft);
    // After a crash nothing of what was handed out is known any more.
    if (messages[0]?.type === "recover") this.#jobs.length = 0;
    this.#jobs.push(...draft.jobs);
    this.#snapshot = draft.committed();
    return reply as never;
  }

  #check({ key }: Job, draft: Draft): void {
    const recovered = this.#jobs.filter((job) => job.key === key && draft.node(key)?.attempt === job.attempt);
    if (recovered.length > 0) this.problems.push(`${key} has two live attempts`);
    const { needs } = this.#sample.shape.nodes.find((candidate) => candidate.key === key)!;
    for (const need of needs) {
      const status = draft.node(need)?.status;
      if (!status || !isFinal(status)) this.problems.push(`${key} began before ${need} had ended`);
    }
  }
}

function endingOf(fate: Fate, { again, waited }: { again: boolean; waited: boolean }): Ending {
  const failed: Ending = { outcome: "failed", error: { kind: "failed", message: "as told" } };
  if (fate === "fails" || (fate === "fails_once" && !again)) return failed;
  if (fate === "skipped") return { outcome: "skipped" };
  if (fate === "waits" && !waited) return { outcome: "waiting", signal: "go", until: null, shown: "null" };
  return { outcome: "done", output: "1" };
}

function newRun(shape: Plan): RunRecord {
  return {
    id: "r-1",
    workflow: shape.name,
    hash: shape.hash,
    state: "running",
    reason: null,
    input: "{}",
    output: null,
    error: null,
    parentRun: null,
    parentKey: null,
    forkedFrom: null,
    forkKey: null,
    principal: ADA,
    budget: NO_LIMIT,
    usd: 0,
    unpriced: 0,
    tokensIn: 0,
    tokensOut: 0,
    activeMs: 0,
    activeSince: null,
    seq: 0,
    version: 0,
    home: null,
    idempotencyKey: null,
    createdAt: 0,
    endedAt: null,
  };
}
