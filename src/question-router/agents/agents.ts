import { SpecloopError } from "../../foundation/errors.ts";
import { type Principal, principalLabel } from "../../foundation/principal.ts";
import type { AgentWork } from "../agent-work.ts";
import type { AnswerRequest } from "../types.ts";
import { AgentDesk, type DeskDependencies } from "./desk.ts";
import { isWork } from "./items.ts";
import type { Offer, OfferedItem, Registration, Worker } from "./types.ts";
import { type Heard, Voices } from "./voices.ts";
import { AgentJobs } from "./work.ts";
import { type WorkerView, workerView } from "./worker-view.ts";

interface Dependencies extends DeskDependencies {
  /** The answer under this key is another one from now on, and who waits for the question is woken. */
  announce(questionId: string, key: string): void;
}

/** One agent that was asked about a question, as `question_get` explains it. */
export type AskedAgent = {
  agent: string;
  state: Offer["state"];
  offeredAt: number;
  /** When its time is or was over. */
  until: number;
  closedAt: number | null;
  reason: string | null;
  /** Its voice, where several were asked. */
  text: string | null;
  why: string;
};

/** What an agent that hands in a result hears, where it is not the answer to a question that it alone decides. */
export type Received = Heard | { questionId: string; outcome: "done" };

/** Agents as those who answer: who they are, what they are offered, and what they say. */
export class Agents implements AsyncDisposable {
  /** Work of other rooms for the same agents. */
  readonly work: AgentWork;
  readonly desk: AgentDesk;
  readonly #voices: Voices;
  readonly #jobs: AgentJobs;

  constructor(dependencies: Dependencies) {
    const { ledger, events, clock } = dependencies;
    const desk = new AgentDesk(dependencies);
    this.desk = desk;
    const announce = (questionId: string, key: string) => dependencies.announce(questionId, key);
    this.#voices = new Voices({ desk, ledger, events, clock, announce });
    this.#jobs = new AgentJobs({ desk, rows: desk.work, clock });
    this.work = this.#jobs;
  }

  start(signal: AbortSignal): Promise<void> {
    return this.desk.start(signal);
  }

  /**
   * Registers the caller, or changes what it said before. Errors: `forbidden` for who is no agent, or none of those who
   * are asked here; `too_many_clients`.
   */
  async register(principal: Principal, registration: Registration): Promise<WorkerView & { offers: OfferedItem[] }> {
    const worker = await this.desk.register(principal, registration);
    return { ...this.#viewOf(worker), offers: await this.desk.offeredTo(principal) };
  }

  /** Says that the caller is there and waits up to `waitMs` for something to be offered to it. `no_agent`: not registered. */
  heartbeat(
    principal: Principal,
    wait: { waitMs?: number | undefined; load?: number | undefined; signal?: AbortSignal },
  ): Promise<OfferedItem[]> {
    return this.desk.heartbeat(principal, wait);
  }

  /** Gives an offer back. `unknown_question` when it is not the caller's. */
  decline(principal: Principal, questionId: string, reason: string): Promise<void> {
    return this.desk.decline(principal, questionId, reason);
  }

  workers(): WorkerView[] {
    return this.desk.registry.all().map((worker) => this.#viewOf(worker));
  }

  /** Who was asked about a question, in order. */
  async asked(questionId: string): Promise<AskedAgent[]> {
    const offers = await this.desk.rows.ofItem(questionId);
    return offers.map(({ label: agent, state, offeredAt, until, closedAt, reason, text, why }) => {
      return { agent, state, offeredAt, until, closedAt, reason, text, why };
    });
  }

  /**
   * Takes what an agent hands in, where it is one voice of several or work; null for an answer of the ordinary kind, which
   * is `answer`'s. Errors: those of `answer`, and `forbidden` for who was not asked.
   */
  async receive({ questionId, text, principal }: AnswerRequest): Promise<Received | null> {
    if (principal.kind !== "agent") return null;
    if (isWork(questionId)) {
      await this.#jobs.submit(questionId, text, principal);
      return { questionId, outcome: "done" };
    }
    const { quorum } = await this.desk.rows.terms(questionId);
    return quorum > 1 ? this.#voices.give(questionId, text, principal) : null;
  }

  /** The answer as it is taken from this principal: of an agent one of the choices, where there are any. */
  async admitted(request: AnswerRequest): Promise<AnswerRequest> {
    const { questionId, principal } = request;
    if (principal.kind === "person") return request;
    const single = await this.#voices.single(questionId, request.text);
    if (single) return { ...request, ...single };
    throw new SpecloopError("forbidden", `${questionId} is decided by several agents, not by one of them.`, {
      target: questionId,
      fix: `Give the voice of ${principalLabel(principal)} with the tool answer_submit.`,
    });
  }

  #viewOf(worker: Worker): WorkerView {
    return workerView(worker, this.desk.records.of(worker), this.desk.leases.loadOf(worker));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.desk[Symbol.asyncDispose]();
  }
}
