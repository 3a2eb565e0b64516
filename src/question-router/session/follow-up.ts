import { Terms } from "../../adapters/search/index.ts";
import type { Query, Responder, Response } from "../responders/responder.ts";

/** Questions before this one whose words are looked for as well. */
const TURNS = 2;

/** A query whose text holds what it is about: a follow-up with the words of the questions before it. */
export function withWhatWasSaid<Asked extends Query>(query: Asked): Asked {
  const before = query.before?.slice(-TURNS).map(({ question }) => question) ?? [];
  return before.length === 0 ? query : { ...query, text: [...before, query.text].join("\n") };
}

/**
 * Lets a responder answer follow-up questions: it is asked with what was said before. What is new in the follow-up has to
 * stand in the answer or its place; otherwise it would repeat what was said about something else.
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
    if (!query.before || query.before.length === 0) return this.#responder.respond(query, signal);
    const response = await this.#responder.respond(withWhatWasSaid(query), signal);
    if (response.outcome === "declined") return response;
    const missing = this.#missing(query.text, response);
    if (missing === null) return response;
    return {
      outcome: "declined",
      reason: `what was found for this and what was said before does not speak of "${missing}"`,
    };
  }

  /** The first word of the follow-up that the answer does not hold; `""` where it has none of its own. */
  #missing(text: string, { text: answer, citations }: Extract<Response, { outcome: "answered" }>): string | null {
    const places = citations.map(({ path, heading }) => `${path} ${heading}`).join(" ");
    const held = new Set(this.#terms.ofText(`${answer} ${places.replaceAll(/[/_.-]/g, " ")}`));
    return this.#terms.ofQuestion(text).find(({ term }) => !held.has(term))?.word ?? null;
  }
}
