import type { Clock } from "../foundation/clock.ts";
import { newId } from "../foundation/ids.ts";
import type { Logger } from "../foundation/logger.ts";
import type { NewAnswer } from "./insert.ts";
import { POLICIES } from "./policy.ts";
import type { Responders } from "./responders/index.ts";
import type { Query, Responder, Response } from "./responders/responder.ts";
import type { Hop } from "./types.ts";

export interface Climb {
  query: Query;
  /** Answers that were judged wrong or outdated. */
  rejected: Set<string>;
  /** Called before a responder that may take long, once. */
  beforeSlow(): Promise<void>;
  /** Called after each rung. */
  onHop(hop: Hop): void;
}

/** Asks the responders that may answer a kind of question, in order, until one does. */
export class Ladder {
  readonly #responders: Responders;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor({ responders, clock, logger }: { responders: Responders; clock: Clock; logger: Logger }) {
    this.#responders = responders;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Null when nobody on the ladder answers. Rejects only when `signal` is aborted or `beforeSlow` rejects. */
  async climb(climb: Climb, signal: AbortSignal): Promise<NewAnswer | null> {
    let slow = false;
    for (const name of POLICIES[climb.query.kind].ladder) {
      const responder = this.#responders[name];
      if (!responder) continue;
      if (responder.slow && !slow) await climb.beforeSlow();
      slow ||= responder.slow;
      const started = this.#clock.monotonic();
      const response = await this.#try(responder, climb, signal);
      const ms = this.#clock.monotonic() - started;
      climb.onHop({ responder: name, outcome: response.outcome, ms, reason: reasonOf(response) });
      if (response.outcome === "answered") return toAnswer(name, response);
    }
    return null;
  }

  async #try(responder: Responder, { query, rejected }: Climb, signal: AbortSignal): Promise<Response | Failure> {
    try {
      const response = await responder.respond(query, signal);
      if (response.outcome === "answered" && rejected.has(response.text)) {
        return { outcome: "declined", reason: "this answer was judged wrong or outdated before" };
      }
      return response;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      this.#logger.warn({ err: error, responder: responder.name }, "a responder failed");
      return { outcome: "failed", reason: error instanceof Error ? error.message : String(error) };
    }
  }
}

interface Failure {
  outcome: "failed";
  reason: string;
}

function reasonOf(response: Response | Failure): string {
  if (response.outcome !== "answered") return response.reason;
  const places = response.citations.map(({ path, startLine }) => `${path}:${startLine}`);
  return `confidence ${response.confidence.toFixed(2)}, ${places.join(", ")}`;
}

function toAnswer(route: Responder["name"], response: Extract<Response, { outcome: "answered" }>): NewAnswer {
  const { text, citations, confidence, by = `system:${route}` } = response;
  return { id: newId("a"), text, citations, confidence, route, by };
}
