import { z } from "zod";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { parseJson } from "../../foundation/json.ts";
import { type Principal, principalLabel } from "../../foundation/principal.ts";
import type { AgentWork, WorkRequest } from "../agent-work.ts";
import { timeoutSignal } from "../deadline.ts";
import { Waiters } from "../waiters.ts";
import type { AgentDesk } from "./desk.ts";
import type { Work, WorkRows } from "./work-rows.ts";

interface Dependencies {
  desk: AgentDesk;
  rows: WorkRows;
  clock: Clock;
}

/** Work that other rooms give to registered agents, through the same leases as questions. */
export class AgentJobs implements AgentWork {
  readonly #deps: Dependencies;
  readonly #done = new Waiters();

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  async request(request: WorkRequest, signal: AbortSignal): Promise<{ text: string; by: string }> {
    signal.throwIfAborted();
    const { rows, clock, desk } = this.#deps;
    this.#checkSomebody(request);
    const work = await rows.take(request, clock.now());
    if (work.answer) return work.answer;
    const { id } = work.item;
    using over = timeoutSignal(clock, Math.max(0, work.item.deadline - clock.now()), signal);
    using waiting = this.#done.on(id);
    try {
      return await this.#wait(work, waiting.closed, over.signal);
    } catch (error) {
      // A daemon that stops leaves the lease: the same key finds it after the next start.
      if (!desk.closing) {
        await rows.end(id);
        await desk.close(id, { by: null, reason: signal.aborted ? "it was cancelled" : "its deadline passed" });
      }
      signal.throwIfAborted();
      if (!over.signal.aborted) throw error;
      throw silent(request);
    }
  }

  /** Takes an agent's result. Errors: `unknown_question`, `already_answered`, `bad_input` for one that does not fit. */
  async submit(id: string, text: string, principal: Principal): Promise<void> {
    const { rows, desk } = this.#deps;
    const work = await rows.get(id);
    if (!work) throw new SpecloopError("unknown_question", `There is no work ${id}.`, { target: id });
    const by = principalLabel(principal);
    const asked = (await desk.rows.ofItem(id)).some(({ label }) => label === by);
    if (!asked) {
      throw new SpecloopError("forbidden", `${id} was not given to ${by}.`, {
        target: id,
        fix: "Call agent_heartbeat for what is offered to you.",
      });
    }
    checkSchema(work, text);
    if (work.state === "over")
      throw new SpecloopError("question_expired", `The work ${id} is not needed any more.`, { target: id });
    if (!(await rows.finish(id, { text, by })) && work.answer?.text !== text)
      throw new SpecloopError("already_answered", `The work ${id} was done by somebody else.`, { target: id });
    await desk.close(id, { by, reason: `${by} did it` });
    this.#done.wake(id);
  }

  async #wait(work: Work, done: Promise<void>, signal: AbortSignal): Promise<{ text: string; by: string }> {
    const { desk, rows } = this.#deps;
    const gone = Promise.withResolvers<never>();
    const leave = () => gone.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    // Nobody more to ask now is no reason to stop before the deadline: somebody may become free or register.
    desk.ask(work.item, signal).catch(() => {});
    try {
      await Promise.race([done, gone.promise]);
      const { answer } = (await rows.get(work.item.id)) ?? work;
      return answer!;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  #checkSomebody({ capabilities }: WorkRequest): void {
    const wanted = capabilities.map((word) => word.trim().toLowerCase());
    const able = this.#deps.desk.registry.present().some((worker) => {
      const has = new Set(worker.capabilities.map((word) => word.toLowerCase()));
      return wanted.every((word) => has.has(word));
    });
    if (able) return;
    throw new SpecloopError("no_agent", `No registered agent is there that can do: ${capabilities.join(", ")}.`, {
      target: capabilities.join(", "),
    });
  }
}

function silent({ capabilities }: WorkRequest): SpecloopError {
  const what = capabilities.join(", ");
  return new SpecloopError("agent_silent", `No agent that can do ${what} answered before the deadline.`, {
    target: what,
  });
}

function checkSchema({ item: { id, schema } }: Work, text: string): void {
  if (schema === null) return;
  const value = parseJson(text);
  const parsed = z.fromJSONSchema(schema).safeParse(value);
  if (value !== undefined && parsed.success) return;
  const [issue] = parsed.error?.issues ?? [];
  const problem = value === undefined ? "it is no JSON" : `${issue?.path.join(".") || "it"}: ${issue?.message}`;
  throw new SpecloopError("bad_input", `The result of ${id} has not the form that was asked for: ${problem}.`, {
    target: id,
    fix: "Send JSON that fits the schema of the offer.",
    details: { schema },
  });
}
