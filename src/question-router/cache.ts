import { LRUCache } from "lru-cache";
import type { Live } from "../foundation/options.ts";
import type { Corpus } from "./corpus.ts";
import type { Ledger } from "./ledger.ts";
import type { QuestionOptions } from "./options.ts";
import type { StoredAnswer } from "./rows.ts";
import type { Answer, Kind } from "./types.ts";

export type Lookup =
  | { outcome: "hit"; questionId: string; answer: Answer }
  /** `rejected` are texts that were judged wrong or outdated under this key: no responder gives them again. */
  | { outcome: "miss"; reason: string; rejected: Set<string> };

/** People's answers stand before those of agents, and both before what a program found. */
const WORTH: Record<Answer["route"], number> = { person: 3, agent: 2, tool: 1, model: 1, documents: 1, similar: 0 };

/**
 * Answers given before, by exact key. An answer is served only while every document that it cites is as it was when the
 * answer was given; if the document becomes so again (a branch switch and back), the answer holds again.
 */
export class AnswerCache {
  readonly #ledger: Ledger;
  readonly #corpus: Corpus;
  readonly #options: Live<QuestionOptions>;
  readonly #recent: LRUCache<string, StoredAnswer>;
  /** Counts `forget`, so that rows which were read before it are not kept after it. */
  #forgotten = 0;

  constructor({ ledger, corpus, options }: { ledger: Ledger; corpus: Corpus; options: Live<QuestionOptions> }) {
    this.#ledger = ledger;
    this.#corpus = corpus;
    this.#options = options;
    this.#recent = new LRUCache({ max: options.current.cache.maxEntries });
  }

  /**
   * What somebody may do is read anew from the documents each time: whether they are in force shows in git, not in them,
   * so only a person's word on it is served again.
   */
  async find(key: string, kind: Kind): Promise<Lookup> {
    const mayServe = ({ answer }: StoredAnswer) => kind !== "authority" || answer.route === "person";
    const recent = this.#recent.get(key);
    if (recent && mayServe(recent) && (await this.#fault(recent.answer)) === null) return hit(recent);
    const forgotten = this.#forgotten;
    const all = await this.#ledger.answersByKey(key);
    let reason = "not asked before";
    for (const stored of all.filter((one) => !isRejected(one.verdict) && mayServe(one)).sort(byWorth)) {
      const fault = await this.#fault(stored.answer);
      if (fault !== null) {
        reason = `the answer by ${stored.answer.by} ${fault}`;
        continue;
      }
      if (forgotten === this.#forgotten) this.#recent.set(key, stored);
      return hit(stored);
    }
    this.#recent.delete(key);
    const rejected = all.filter(({ verdict }) => isRejected(verdict));
    if (rejected[0]?.answer.at === all[0]?.answer.at && rejected[0]) {
      reason = `the answer by ${rejected[0].answer.by} was judged ${rejected[0].verdict}`;
    }
    return { outcome: "miss", reason, rejected: new Set(rejected.map(({ answer }) => answer.text)) };
  }

  /** After a new answer or a verdict: the next lookup reads the rows. */
  forget(key: string): void {
    this.#forgotten += 1;
    this.#recent.delete(key);
  }

  forgetAll(): void {
    this.#forgotten += 1;
    this.#recent.clear();
  }

  /** Why an answer does not hold any more; null when it does. */
  async #fault({ citations, route, confidence }: Answer): Promise<string | null> {
    if (route === "documents" && confidence < this.#options.current.documents.minScore)
      return "is below documents.minScore";
    for (const { path, revision } of citations) {
      if ((await this.#corpus.revision(path)) !== revision) return `cites ${path}, which has changed`;
    }
    return null;
  }
}

function byWorth(a: StoredAnswer, b: StoredAnswer): number {
  return WORTH[b.answer.route] - WORTH[a.answer.route] || b.answer.at - a.answer.at;
}

function isRejected(verdict: StoredAnswer["verdict"]): boolean {
  return verdict === "wrong" || verdict === "outdated";
}

function hit({ questionId, answer }: StoredAnswer): Lookup {
  return { outcome: "hit", questionId, answer };
}
