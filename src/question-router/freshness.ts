import { LRUCache } from "lru-cache";
import type { Draft } from "./flights.ts";
import type { Responder } from "./responders/responder.ts";
import type { DocumentSearch } from "./search/port.ts";
import type { Answer } from "./types.ts";

/** Answers whose state is remembered, some 100 bytes each. */
const MAX_KNOWN = 10_000;

/**
 * Whether the documents still answer what they answered before. The documents that an answer cites are looked at each
 * time it is served; that another one was added or changed which says it better shows only in a search. So an answer of
 * the documents is searched for once more when anything in the index changed since, and only then.
 */
export class Freshness {
  readonly #index: DocumentSearch;
  readonly #documents: Responder | null;
  /** Question and answer -> the state of the index in which it was the one. */
  readonly #known = new LRUCache<string, number>({ max: MAX_KNOWN });

  constructor({ index, documents }: { index: DocumentSearch; documents: Responder | null }) {
    this.#index = index;
    this.#documents = documents;
  }

  /** Why an answer given before is not served; null when it is. */
  async fault(draft: Draft, answer: Answer, signal: AbortSignal): Promise<string | null> {
    if (answer.route !== "documents" || !this.#documents) return null;
    const { generation } = this.#index;
    const key = `${draft.key} ${answer.id}`;
    if (this.#known.get(key) === generation) return null;
    const now = await this.#documents.respond(draft, signal);
    if (now.outcome === "answered" && !says(now, answer)) return "the documents answer it otherwise now";
    this.#known.set(key, generation);
    return null;
  }
}

/** The same text, or the same sections: how much of a section is quoted is no other answer. */
function says(now: Pick<Answer, "text" | "citations">, before: Answer): boolean {
  const places = ({ citations }: Pick<Answer, "citations">) =>
    citations.map(({ path, heading }) => `${path}\n${heading}`).join("\n");
  return now.text === before.text || places(now) === places(before);
}
