import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Emitter } from "../../foundation/events.ts";
import type { Live } from "../../foundation/options.ts";
import type { QuestionOptions } from "../options.ts";
import type { QuestionTables } from "../tables.ts";
import type { Hop, Kind } from "../types.ts";
import type { Notice, Notify } from "./notify.ts";
import type { PeopleTables } from "./tables.ts";

interface Dependencies {
  store: Store<PeopleTables & QuestionTables>;
  clock: Clock;
  events: Emitter;
  options: Live<QuestionOptions>;
  notify: Notify;
}

interface Step {
  name: string;
  afterHours: number;
  /** Null: whoever looks after this project. */
  to: string | null;
  /** Place in `questions.people.escalate`, from 1. */
  place: number;
}

interface Waiting {
  id: string;
  text: string;
  kind: Kind;
  asked_at: number;
  expires_at: number;
}

const HOUR_MS = 3_600_000;
/** Questions of one round. */
const ROUND = 500;
const PEOPLE = "people";

/**
 * Reminds people of what nobody answers, and takes it to somebody else in the end. Each step is a row before anybody hears
 * of it, so a restart repeats none; of steps that came due while no daemon ran only the last is told.
 */
export class Reminders {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Takes the steps that are due now. */
  async tick(): Promise<void> {
    const { clock, options, notify } = this.#deps;
    const steps = stepsOf(options.current);
    if (steps.length === 0) return;
    const now = clock.now();
    // At once, so that the rows of a round share their commits.
    const told = (await this.#waiting(steps, now)).map(async (question): Promise<Notice[]> => {
      const due = steps.filter(({ afterHours }) => question.asked_at + afterHours * HOUR_MS <= now);
      const last = (await this.#take(question.id, due, now)).at(-1);
      return last ? [this.#tell(question, last, now)] : [];
    });
    const notices = (await Promise.all(told)).flat();
    await notify(notices);
  }

  /** How many wait longer than until the first reminder, or expire within the hour. */
  async overdue(): Promise<number> {
    const { clock, options, store } = this.#deps;
    const now = clock.now();
    const hours = stepsOf(options.current).map(({ afterHours }) => afterHours);
    const askedBefore = now - Math.min(...hours) * HOUR_MS;
    const row = await store.read
      .selectFrom("questions")
      .select(({ fn }) => fn.countAll<number | string>().as("count"))
      .where("status", "=", "pending")
      .where("expires_at", ">", now)
      .where((build) =>
        build.or([
          build("expires_at", "<=", now + HOUR_MS),
          ...(hours.length > 0 ? [build("asked_at", "<=", askedBefore)] : []),
        ]),
      )
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  /** The steps of a question as rungs of its way. */
  async hops(questionId: string, askedAt: number): Promise<Hop[]> {
    const { read } = this.#deps.store;
    const rows = await read
      .selectFrom("question_notices")
      .selectAll()
      .where("question_id", "=", questionId)
      .orderBy("at")
      .orderBy("step")
      .execute();
    return rows.map(({ step, to_whom, at }) => ({
      responder: "person",
      outcome: "declined" as const,
      ms: Math.max(0, at - askedAt),
      reason: step.startsWith("escalate:") ? `escalated to ${to_whom}` : "people were reminded",
    }));
  }

  /** Those alone of which a step is due: what was told already must not take the places of what was not. */
  #waiting(steps: Step[], now: number): Promise<Waiting[]> {
    return this.#deps.store.read
      .selectFrom("questions")
      .select(["id", "text", "kind", "asked_at", "expires_at"])
      .where("status", "=", "pending")
      .where("expires_at", ">", now)
      .where((build) =>
        build.or(
          steps.map(({ name, afterHours }) => {
            const taken = build
              .selectFrom("question_notices")
              .select("step")
              .whereRef("question_notices.question_id", "=", "questions.id")
              .where("step", "=", name);
            return build("asked_at", "<=", now - afterHours * HOUR_MS).and(build.not(build.exists(taken)));
          }),
        ),
      )
      .orderBy("asked_at")
      .limit(ROUND)
      .execute();
  }

  /** Which of these nobody took before. */
  async #take(questionId: string, due: Step[], now: number): Promise<Step[]> {
    const known = await this.#deps.store.read
      .selectFrom("question_notices")
      .select("step")
      .where("question_id", "=", questionId)
      .execute();
    const names = new Set(known.map(({ step }) => step));
    const fresh = due.filter(({ name }) => !names.has(name));
    if (fresh.length === 0) return [];
    // Daemons that share a store look at the same time; whoever writes the row tells.
    return this.#deps.store.write(async (tx) => {
      const taken: Step[] = [];
      for (const step of fresh) {
        const rows = await tx
          .insertInto("question_notices")
          .values({ question_id: questionId, step: step.name, to_whom: step.to ?? PEOPLE, at: now })
          .onConflict((conflict) => conflict.doNothing())
          .returning("step")
          .execute();
        if (rows.length > 0) taken.push(step);
      }
      return taken;
    });
  }

  #tell({ id, text, kind, asked_at, expires_at }: Waiting, step: Step, now: number): Notice {
    const { events } = this.#deps;
    if (step.to === null) events.emit("question.offered", { questionId: id, to: PEOPLE, until: expires_at });
    else events.emit("question.escalated", { questionId: id, to: step.to, step: step.place });
    return { questionId: id, kind, text, to: step.to, waitedMs: now - asked_at, expiresAt: expires_at };
  }
}

/** In the order in which they come due; an escalation after a reminder of the same hour. */
function stepsOf({ people: { remindHours, escalate } }: QuestionOptions): Step[] {
  const reminders = remindHours.map((afterHours) => ({ name: `remind:${afterHours}`, afterHours, to: null, place: 0 }));
  const escalations = escalate.map(({ afterHours, to }, index) => {
    return { name: `escalate:${afterHours}:${to}`, afterHours, to, place: index + 1 };
  });
  return [...reminders, ...escalations].toSorted((a, b) => a.afterHours - b.afterHours || a.place - b.place);
}
