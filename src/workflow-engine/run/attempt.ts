import type { Clock } from "../../foundation/clock.ts";
import { type ErrorCode, SpecloopError } from "../../foundation/errors.ts";
import type { Attempt, NodeType, Outcome, Spending } from "../node-type.ts";
import type { FailureKind } from "../plan.ts";
import type { Ending } from "./messages.ts";
import type { Failure, Stored } from "./state.ts";
import type { Values } from "./values.ts";

/** How long an attempt that was told to stop may take to do so, milliseconds; then its result is not waited for. */
const GRACE_MS = 5000;
/** Of a node's log, characters. */
const MAX_LOG = 64 * 1024;

/** Why an attempt is to stop. */
export class Stop extends Error {
  readonly why: "timeout" | "cancelled" | "budget" | "own_budget" | "stopped";

  constructor(why: Stop["why"]) {
    super(`stopped: ${why}`);
    this.name = "AbortError";
    this.why = why;
  }
}

export interface AttemptParts {
  clock: Clock;
  values: Values;
  timeoutMs: number;
  stop: AbortController;
  /** What it may leave behind: the value without those of secrets. */
  redact: <T>(value: T) => T;
  /** Tells of spending; false: the budget is used up. */
  spend(used: Spending): Promise<Stop["why"] | null>;
  progress(share: number, what: string): void;
  logged(line: string): void;
}

type Given = Omit<Attempt<unknown>, "signal" | "spend" | "log" | "progress">;
type Arrived = { data: unknown; by: string } | "timeout";

/** Runs one attempt with its timeout, and says how it ended, with every value stored. Never throws. */
export async function attempt(
  type: NodeType,
  given: Given,
  arrived: Arrived | null,
  parts: AttemptParts,
): Promise<{ ending: Ending; log: string }> {
  const log = new Log();
  const spendings: Promise<void>[] = [];
  const { stop, clock } = parts;
  const full: Attempt<unknown> = {
    ...given,
    signal: stop.signal,
    spend: (used) => void spendings.push(spend(used, parts)),
    log: (line) => {
      log.add(line);
      parts.logged(line);
    },
    progress: (share, what) => parts.progress(Math.min(1, Math.max(0, share)), what ?? ""),
  };
  const work = begin(type, full as Attempt<Record<string, unknown>>, arrived);
  const outcome = await (type.inside ? work.catch(asOutcome) : within(parts.timeoutMs, work, stop, clock));
  await Promise.all(spendings);
  return { ending: await endingOf(parts.redact(outcome), stop.signal, parts), log: parts.redact(log.text) };
}

/** What cannot be counted is told by the end of the attempt, which cannot be kept either. */
async function spend(used: Spending, parts: AttemptParts): Promise<void> {
  const why = await parts.spend(used).catch(() => null);
  if (why) parts.stop.abort(new Stop(why));
}

/** What stays inside the engine takes no time to speak of; everything else has a limit. */
async function within(ms: number, work: Promise<Outcome>, stop: AbortController, clock: Clock): Promise<Outcome> {
  const over = new AbortController();
  void clock.sleep(ms, over.signal).then(
    () => stop.abort(new Stop("timeout")),
    () => {},
  );
  return settle(work, stop.signal, clock).finally(() => over.abort());
}

function asOutcome(error: unknown): Outcome {
  return { outcome: "failed", ...failureOf(error) };
}

async function begin(
  type: NodeType,
  full: Attempt<Record<string, unknown>>,
  arrived: Arrived | null,
): Promise<Outcome> {
  if (arrived === null) return type.execute(full);
  if (type.resume) return type.resume(full, arrived);
  if (arrived === "timeout") return { outcome: "failed", kind: "timeout", message: "Nothing came in time." };
  return { outcome: "done", output: arrived.data };
}

/** Waits for the attempt, but after an abort only so long; what it threw is a failure. */
async function settle(work: Promise<Outcome>, signal: AbortSignal, clock: Clock): Promise<Outcome> {
  const done = new AbortController();
  const patience = new Promise<Outcome>((resolve) => {
    const give = () => {
      const message = "It did not stop when it was told to.";
      void clock.sleep(GRACE_MS, done.signal).then(
        () => resolve({ outcome: "failed", kind: "timeout", message }),
        () => {},
      );
    };
    if (signal.aborted) give();
    else signal.addEventListener("abort", give, { once: true });
  });
  return Promise.race([work.catch(asOutcome), patience]).finally(() => done.abort());
}

async function endingOf(outcome: Outcome, signal: AbortSignal, { values, timeoutMs }: AttemptParts): Promise<Ending> {
  const why = signal.aborted && signal.reason instanceof Stop ? signal.reason.why : null;
  if (outcome.outcome === "failed" && why) {
    if (why === "timeout") return failed("timeout", `It took longer than ${timeoutMs} ms.`);
    if (why === "own_budget") return failed("refused", "It used up the budget of the node.");
    return { outcome: "interrupted", why };
  }
  try {
    return await stored(outcome, values);
  } catch (error) {
    const { message } = failureOf(error);
    return failed("bad_output", `Its output cannot be kept: ${message}`);
  }
}

async function stored(outcome: Outcome, values: Values): Promise<Ending> {
  if (outcome.outcome === "done") return { outcome: "done", output: await values.store(outcome.output) };
  if (outcome.outcome === "waiting") {
    const { signal, until } = outcome;
    return { outcome: "waiting", signal, until, shown: await values.store(outcome.shown) };
  }
  if (outcome.outcome === "items") {
    const { items, concurrency, onError } = outcome;
    const list: Stored = await values.store(items);
    return { outcome: "items", items: list, total: items.length, concurrency, onError };
  }
  const { kind, message, details } = outcome;
  return { outcome: "failed", error: { kind, message, ...(details === undefined ? {} : { details }) } };
}

function failed(kind: FailureKind, message: string): Ending {
  return { outcome: "failed", error: { kind, message } };
}

const KINDS: Partial<Record<ErrorCode, FailureKind>> = {
  tool_timeout: "timeout",
  agent_silent: "timeout",
  tool_unavailable: "unavailable",
  no_agent: "unavailable",
  no_sandbox: "refused",
  forbidden: "refused",
  workflow_unapproved: "refused",
  over_budget: "refused",
  tool_unapproved: "refused",
  tool_changed: "refused",
};

/** What was thrown, as a failure of one of the kinds. */
export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const kind = (error instanceof SpecloopError ? KINDS[error.code] : undefined) ?? "failed";
  return { kind, message };
}

class Log {
  #text = "";
  #cut = false;

  get text(): string {
    return this.#text;
  }

  add(line: string): void {
    if (this.#cut) return;
    if (this.#text.length + line.length < MAX_LOG) this.#text += `${line}\n`;
    else {
      this.#cut = true;
      this.#text += "… the rest is left out\n";
    }
  }
}
