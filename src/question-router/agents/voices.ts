import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { EventBus } from "../../foundation/events.ts";
import { newId } from "../../foundation/ids.ts";
import { type Principal, principalLabel } from "../../foundation/principal.ts";
import type { Ledger } from "../ledger.ts";
import { type Answer, MAX_ANSWER } from "../types.ts";
import type { AgentDesk } from "./desk.ts";
import { chosen, countVoices } from "./quorum.ts";

interface Dependencies {
  desk: AgentDesk;
  ledger: Ledger;
  events: EventBus;
  clock: Clock;
  /** The answer under this key is another one from now on, and who waits for the question is woken. */
  announce(questionId: string, key: string): void;
}

/** What came of an agent's voice. */
export type Heard = {
  questionId: string;
  voices: number;
  quorum: number;
  /** `open`: others are still asked; `split`: a person decides. */
  outcome: "agreed" | "open" | "split";
  answer?: Answer;
};

/** Agents that erred together did not check each other, so that agreement counts for more than one, and less than a person. */
const AGREED_CONFIDENCE = 0.85;

/** Answers of several agents to one question, which count when more than half of those who are asked agree. */
export class Voices {
  readonly #deps: Dependencies;
  /** Counting is one at a time, so that two last voices do not both miss the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** The text to be taken as the answer of a question that one agent answers; `bad_input` for what is no choice. */
  async single(questionId: string, text: string): Promise<{ text: string } | null> {
    const { quorum, choices } = await this.#deps.desk.rows.terms(questionId);
    if (quorum > 1) return null;
    return { text: choices ? asChoice(questionId, choices, text) : text };
  }

  /**
   * Takes the voice of an agent that was asked; each has one. Errors: `forbidden` for who was not asked,
   * `already_answered`, `question_expired`, `bad_input`.
   */
  give(questionId: string, text: string, principal: Principal): Promise<Heard> {
    const turn = this.#turn.then(() => this.#give(questionId, text, principal));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #give(questionId: string, given: string, principal: Principal): Promise<Heard> {
    const { desk, clock, ledger } = this.#deps;
    if (given.trim() === "" || given.length > MAX_ANSWER)
      throw new SpecloopError("bad_input", `An answer has 1 to ${MAX_ANSWER} characters.`, { target: "text" });
    const { quorum, choices } = await desk.rows.terms(questionId);
    const text = choices ? asChoice(questionId, choices, given) : given.trim();
    const label = principalLabel(principal);
    const mine = (await desk.rows.ofItem(questionId)).filter((offer) => offer.label === label);
    const spoken = mine.find(({ state }) => state === "answered");
    const offer = spoken ?? mine.find(({ state }) => state === "open") ?? mine.at(-1);
    if (!offer) throw notAsked(questionId, label);
    if (spoken && spoken.text !== text)
      throw new SpecloopError("already_answered", `${label} has given its voice on ${questionId}.`, {
        target: questionId,
      });
    if (!spoken) {
      await ledger.refuseClosed(questionId, clock.now());
      await desk.leases.speak(offer, { text, at: clock.now() });
    }
    return this.#count(questionId, quorum);
  }

  async #count(questionId: string, quorum: number): Promise<Heard> {
    const { desk, ledger, events, clock } = this.#deps;
    const spoken = (await desk.rows.ofItem(questionId)).filter(({ state }) => state === "answered");
    const voices = spoken.map(({ label, text }) => ({ label, text: text ?? "" }));
    const count = countVoices(voices, quorum);
    const heard = { questionId, voices: voices.length, quorum };
    const { askedAt, answer: standing } = await ledger.view(questionId, clock.now());
    if (standing) return { ...heard, outcome: "agreed", answer: standing };
    if (count.outcome === "split") desk.endRound(questionId, `${voices.length} agents do not agree; a person decides`);
    if (count.outcome !== "agreed") return { ...heard, outcome: count.outcome };
    const { text, by } = count;
    const answer = { id: newId("a"), text, citations: [], route: "agent" as const, confidence: AGREED_CONFIDENCE };
    const at = clock.now();
    const stored = await ledger.settle(questionId, { answer: { ...answer, by: by.join(", ") }, at }, async () => {});
    this.#deps.announce(questionId, await ledger.keyOf(questionId));
    const principal = { kind: "agent" as const, name: by.map((label) => label.slice("agent:".length)).join(", ") };
    const ms = Math.max(0, at - askedAt);
    events.emit("question.answered", { questionId, route: "agent", cached: false, ms, principal });
    return { ...heard, outcome: "agreed", answer: stored };
  }
}

function asChoice(questionId: string, choices: string[], text: string): string {
  const choice = chosen(choices, text);
  if (choice !== null) return choice;
  throw new SpecloopError("bad_input", `The answer to ${questionId} is one of: ${choices.join(" | ")}.`, {
    target: "text",
    fix: "Give one of these word for word; explain yourself with answer_judge or in a document.",
  });
}

function notAsked(questionId: string, label: string): SpecloopError {
  return new SpecloopError("forbidden", `${questionId} is decided by several agents, and ${label} was not asked.`, {
    target: questionId,
    fix: "Register with agent_register and wait until it is offered to you.",
  });
}
