import { LRUCache } from "lru-cache";
import type { Clock } from "../../foundation/clock.ts";
import { sha256 } from "../../foundation/hash.ts";
import { newId } from "../../foundation/ids.ts";
import type { Live } from "../../foundation/options.ts";
import { type Principal, principalLabel } from "../../foundation/principal.ts";
import type { Draft } from "../flights.ts";
import type { QuestionOptions } from "../options.ts";
import type { AskRequest, AskResult, QuestionView } from "../types.ts";
import { dependence } from "./dependent.ts";

/** Which documents an asker may read; equal ids mean equal views. */
export interface ReadScope {
  id: string;
  reads(path: string): boolean;
}

interface Turn {
  questionId: string;
  key: string;
  question: string;
}

interface Dependencies {
  /** Null where the asker may read everything. */
  scopeOf(principal: Principal): ReadScope | null;
  /** A question as it stands now. */
  view(questionId: string): Promise<QuestionView>;
  clock: Clock;
  options: Live<QuestionOptions>;
}

/** Sessions that are remembered: the ones that asked last. */
const MAX_SESSIONS = 1000;
const MINUTE = 60_000;
/** Characters of an answer that a follow-up is read with. */
const MAX_SAID = 1000;

/**
 * What was said in each session, in memory: a daemon that starts anew remembers nothing, and a follow-up is then a
 * question without a context. A session is its client's own name for itself together with who calls, so nobody reads what
 * another one said.
 */
export class Conversations {
  readonly #deps: Dependencies;
  readonly #said = new LRUCache<string, { turns: Turn[]; at: number }>({ max: MAX_SESSIONS });

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /**
   * A draft for this asker. Its key names, beside the question, what else decides the answer: what was said before, for
   * questions that depend on it, and what the asker may read.
   */
  async inContext(draft: Draft, request: AskRequest, principal: Principal): Promise<Draft> {
    const scope = this.#deps.scopeOf(principal);
    const turns = this.#turns(sessionOf(request, principal));
    const key = this.#key(draft, turns);
    const followsUp = key !== draft.key;
    const before = followsUp ? await this.#before(turns, scope) : [];
    return {
      ...draft,
      key: scope ? sha256(`${key}\0${scope.id}`) : key,
      ...(scope && { mayRead: (path: string) => scope.reads(path) }),
      ...(scope && !followsUp && { shared: draft.key }),
      ...(before.length > 0 && { before }),
    };
  }

  /** Remembers a question for what follows it. */
  said(draft: Draft, result: AskResult, request: AskRequest, principal: Principal): void {
    const session = sessionOf(request, principal);
    const { turns: kept } = this.#deps.options.current.context;
    if (session === null || kept === 0) return;
    const turn = { questionId: result.questionId, key: draft.key, question: draft.text };
    const turns = [...this.#turns(session), turn].slice(-kept);
    this.#said.set(session, { turns, at: this.#deps.clock.monotonic() });
  }

  #turns(session: string | null): Turn[] {
    const said = session === null ? undefined : this.#said.get(session);
    if (!said) return [];
    const { minutes, turns } = this.#deps.options.current.context;
    if (turns === 0 || this.#deps.clock.monotonic() - said.at > minutes * MINUTE) return [];
    return said.turns.slice(-turns);
  }

  /** A question that depends on what nobody here knows is like no other one: its answer is served to nobody else. */
  #key({ text, change, key }: Draft, turns: Turn[]): string {
    const depends = dependence(change === null ? text : text.replaceAll(/\bthis change\b/gi, "the change"));
    const last = turns.at(-1);
    if (depends === "none" || (depends === "possible" && !last)) return key;
    return sha256(`${key}\0${last ? last.key : newId("q")}`);
  }

  async #before(turns: Turn[], scope: ReadScope | null): Promise<{ question: string; answer: string | null }[]> {
    return Promise.all(
      turns.map(async ({ questionId, question }) => {
        const { answer } = await this.#deps.view(questionId);
        const readable = answer?.citations.every(({ path }) => scope?.reads(path) ?? true) ?? false;
        return { question, answer: readable ? answer!.text.slice(0, MAX_SAID) : null };
      }),
    );
  }
}

function sessionOf({ context }: AskRequest, principal: Principal): string | null {
  const session = context?.session ?? principal.session;
  return session === undefined ? null : sha256(`${principalLabel(principal)}\0${session}`);
}
