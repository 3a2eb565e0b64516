import { systemClock } from "../../../src/foundation/clock.ts";
import { SpecloopError } from "../../../src/foundation/errors.ts";
import { EventBus, type EventMap } from "../../../src/foundation/events.ts";
import { silentLogger } from "../../../src/foundation/logger.ts";
import {
  createLlm,
  options,
  type Llm,
  type LlmDependencies,
  type LlmOptions,
} from "../../../src/adapters/llm/index.ts";

export interface Opened extends AsyncDisposable {
  llm: Llm;
  /** Every `llm.called`, in order. */
  told: EventMap["llm.called"][];
  /** Replace `current` to change the options while the client lives. */
  live: { current: LlmOptions };
}

type Given = Omit<Partial<LlmOptions>, "timeouts"> & { timeouts?: Partial<LlmOptions["timeouts"]> };

/** Deadlines that a busy machine keeps; a test that waits for one sets it short. */
const PATIENT = { connectMs: 10_000, firstTokenMs: 20_000, idleMs: 20_000, totalMs: 40_000 };

/** A model client as the daemon makes it. */
export function openLlm(given: Given, rest: Partial<Pick<LlmDependencies, "env" | "clock" | "loadSdk">> = {}): Opened {
  const events = new EventBus(silentLogger);
  const told: Opened["told"] = [];
  events.on("llm.called", (payload) => told.push(payload));
  const live = { current: options.schema.parse({ ...given, timeouts: { ...PATIENT, ...given.timeouts } }) };
  const llm = createLlm({ options: live, env: {}, events, clock: systemClock, logger: silentLogger, ...rest });
  return { llm, told, live, [Symbol.asyncDispose]: async () => llm[Symbol.asyncDispose]() };
}

export const never: AbortSignal = new AbortController().signal;

/** A question of one message. */
export function ask(content: string) {
  return { messages: [{ role: "user" as const, content }], purpose: "test" };
}

/** The error that a call ends with; fails when it succeeds or ends otherwise. */
export async function failure(call: Promise<unknown>): Promise<SpecloopError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SpecloopError) return error;
    throw error;
  }
  throw new Error("the call succeeded");
}

/** Waits until `holds`, at most ten seconds; says `what` when it never does. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (holds()) return;
    await systemClock.sleep(20);
  }
  throw new Error(`never happened: ${what}`);
}
