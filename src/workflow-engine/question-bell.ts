import type { Store } from "../adapters/store/index.ts";
import type { EventBus } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Service } from "../foundation/service.ts";
import { ANSWERED } from "./nodes/question.ts";
import type { QuestionDesk } from "./ports.ts";
import type { WorkflowTables } from "./tables.ts";

interface BellParts {
  store: Store<WorkflowTables>;
  questions: Pick<QuestionDesk, "get">;
  events: EventBus;
  logger: Logger;
  /** Sends a run a signal from inside the daemon; the first of a name counts. */
  tell: (runId: string, signal: { name: string; data: unknown; by: string }) => Promise<unknown>;
}

interface Waiting {
  run_id: string;
  signal: string | null;
}

/** Wakes the nodes whose question was answered or expired: by whom, when and by which daemon ever. */
export class QuestionBell implements Service {
  readonly name = "question-bell";
  readonly #parts: BellParts;
  readonly #subscriptions = new DisposableStack();
  readonly #ringing = new Set<Promise<void>>();

  constructor(parts: BellParts) {
    this.#parts = parts;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { events } = this.#parts;
    for (const name of ["question.answered", "question.expired", "question.changed_elsewhere"] as const) {
      const ring = ({ questionId }: { questionId: string }) => this.#ring(() => this.#of(ANSWERED + questionId));
      this.#subscriptions.use(events.on(name, ring));
    }
    // The answer may have come between the question and the moment in which the node began to wait.
    const look = events.on("node.state_changed", ({ runId, key, type, to }) => {
      if (type === "question" && to === "waiting") this.#ring(() => this.#at(runId, key));
    });
    this.#subscriptions.use(look);
    // And while no daemon was there.
    this.#ring(() => this.#all());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscriptions.dispose();
    await Promise.all(this.#ringing);
  }

  #ring(find: () => Promise<Waiting[]>): void {
    const work = this.#wake(find).catch((error: unknown) => {
      this.#parts.logger.error({ err: error }, "nodes that wait for an answer could not be woken");
    });
    this.#ringing.add(work);
    void work.finally(() => this.#ringing.delete(work));
  }

  async #wake(find: () => Promise<Waiting[]>): Promise<void> {
    const { questions, tell } = this.#parts;
    for (const { run_id: runId, signal } of await find()) {
      if (signal === null) continue;
      const questionId = signal.slice(ANSWERED.length);
      const { status, answer } = await questions.get(questionId);
      if (status === "pending") continue;
      await tell(runId, { name: signal, data: questionId, by: answer?.by ?? "system:question-router" });
    }
  }

  #of(signal: string): Promise<Waiting[]> {
    return this.#waiting().where("signal", "=", signal).execute();
  }

  #at(runId: string, key: string): Promise<Waiting[]> {
    return this.#waiting().where("run_id", "=", runId).where("key", "=", key).execute();
  }

  #all(): Promise<Waiting[]> {
    return this.#waiting().where("signal", "like", `${ANSWERED}%`).execute();
  }

  #waiting() {
    return this.#parts.store.read
      .selectFrom("workflow_nodes")
      .select(["run_id", "signal"])
      .where("signal", "is not", null)
      .where("type", "=", "question")
      .where("status", "=", "waiting");
  }
}
