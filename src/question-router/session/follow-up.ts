import { Terms } from "../../adapters/search/index.ts";
import type { Query, Responder, Response } from "../responders/responder.ts";

/** Questions before this one whose words are looked for as well. */
const TURNS = 2;

/** A query whose text holds what it is about: a follow-up with the words of the questions before it. */
export function withWhatWasSaid<Asked extends Query>(query: Asked): Asked {
  const before = query.before?.slice(-TURNS).map(({ question }) => question) ?? [];
  return before.length === 0 ? query : { ...query, text: [...before, query.text].join("\n") };
}

/** Words of what was said that may be the one in whose place the follow-up puts its own. */
const MAX_TRIES = 6;
/** Words of `how long` and `how many`, which no answer repeats. */
const ASKING: ReadonlySet<string> = new Set(["long", "many", "much", "often", "old", "big", "large", "fast"]);

/**
 * Lets a responder answer follow-up questions: it is asked with what was said before, and where that finds nothing, with
 * each word of it left out in turn (`… of the production database?` `And of the staging one?`). All that is new in the
 * follow-up, and all but one word of what it follows, have to stand in the answer or its place; otherwise it would repeat
 * what was said about something else.
 */
export class FollowingUp implements Responder {
  readonly name;
  readonly slow;
  readonly #responder: Responder;
  readonly #terms = new Terms();

  constructor(responder: Responder) {
    this.#responder = responder;
    this.name = responder.name;
    this.slow = responder.slow;
  }

  async respond(query: Query, signal: AbortSignal): Promise<Response> {
    const last = query.before?.at(-1);
    if (!last) return this.#responder.respond(query, signal);
    const own = this.#terms.ofQuestion(query.text);
    const said = this.#terms
      .ofQuestion(last.question)
      .filter(({ word, term }) => !ASKING.has(word) && !own.some((mine) => mine.term === term));
    let reason = "";
    for (const words of [said, ...said.slice(0, MAX_TRIES).map((left) => said.filter((word) => word !== left))]) {
      const text = [...words.map(({ word }) => word), query.text].join(" ");
      const response = await this.#responder.respond({ ...query, text }, signal);
      if (response.outcome === "answered" && this.#speaksOf(response, own, said)) return response;
      reason ||= response.outcome === "declined" ? response.reason : "";
    }
    const news = own.map(({ word }) => word).join(" ");
    return { outcome: "declined", reason: reason || `nothing speaks of "${news}" together with what was said before` };
  }

  #speaksOf({ text, citations }: Answered, own: { term: string }[], said: { term: string }[]): boolean {
    const places = citations.map(({ path, heading }) => `${path} ${heading}`).join(" ");
    const held = new Set(this.#terms.ofText(`${text} ${places.replaceAll(/[/_.-]/g, " ")}`));
    const missing = said.filter(({ term }) => !held.has(term)).length;
    return own.every(({ term }) => held.has(term)) && missing <= Math.min(1, said.length - 1);
  }
}

type Answered = Extract<Response, { outcome: "answered" }>;
