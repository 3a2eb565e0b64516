import type { AgentDesk } from "../agents/index.ts";
import type { Query, Responder, Response } from "./responder.ts";

/**
 * Offers a question to registered agents, one after the other. It never answers itself: the agent that does closes the
 * question, which ends the climb.
 */
export class AgentResponder implements Responder {
  readonly name = "agent";
  readonly #desk: AgentDesk;

  constructor(desk: AgentDesk) {
    this.#desk = desk;
  }

  /** With nobody there it only says so, and the question need not be kept before. */
  get slow(): boolean {
    return this.#desk.registry.present().length > 0;
  }

  async respond(query: Query, signal: AbortSignal): Promise<Response> {
    const { questionId: id, deadline, text, kind, change, asker = "", quorum = 1, choices = null } = query;
    const before = query.before?.map(({ question }) => question);
    if (id === undefined || deadline === undefined)
      return { outcome: "declined", reason: "only a kept question is offered to agents" };
    const subject = { text, change, paths: [] };
    const question = { id, subject, kind, change, asker, quorum, choices, deadline, needs: null, schema: null, before };
    return { outcome: "declined", reason: await this.#desk.ask(question, signal) };
  }
}
