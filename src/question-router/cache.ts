import { LRUCache } from "lru-cache";
import type { Clock } from "../foundation/clock.ts";
import type { Live } from "../foundation/options.ts";
import type { Corpus } from "./corpus.ts";
import type { Ledger } from "./ledger.ts";
import type { QuestionOptions } from "./options.ts";
import type { StoredAnswer } from "./rows.ts";
import type { Entries, Source } from "./similar/entries.ts";
import type { Answer, Kind } from "./types.ts";

export type Lookup =
  | { outcome: "hit"; questionId: string; answer: Answer }
  /** `rejected` are texts that were judged wrong or outdated under this key: no responder gives them again. */
  | { outcome: "miss"; reason: string; rejected: Set<string> };

/** Keys whose last change is remembered: more than are asked at a time. */
const MAX_CHANGES = 10_000;

/** What is looked up: the key of a question, and for whom. */
export interface Wanted {
  key: string;
  /** Where somebody with a narrower view of the documents looks besides: what was answered for everybody. */
  shared?: string | undefined;
  kind: Kind;
  /** Answers that cite what the asker may not read are none. Absent: everything may be read. */
  mayRead?: ((path: string) => boolean) | undefined;
}

/** People's answers stand before those of agents, and both before what a program found. */
const WORTH: Record<Answer["route"], number> = { person: 3, agent: 2, tool: 1, model: 1, documents: 1, similar: 0 };

/**
 * Answers given before, by exact key. An answer is served only while every document that it cites is as it was when the
 * answer was given; if the document becomes so again (a branch switch and back), the answer holds again. What was taken from
 * a similar question's answer holds as long as that one stands.
 */
export class AnswerCache {
  readonly #ledger: Ledger;
  readonly #corpus: Pick<Corpus, "revision">;
  readonly #entries: Entries;
  readonly #clock: Clock;
  readonly #options: Live<QuestionOptions>;
  readonly #recent: LRUCache<string, StoredAnswer>;
  /** Counts `forget`, so that rows which were read before it are not kept after it. */
  #forgotten = 0;
  /** What `#forgotten` was when a key was forgotten last. */
  readonly #changes = new LRUCache<string, number>({ max: MAX_CHANGES });

  constructor({ ledger, corpus, entries, clock, options }: CacheParts) {
    this.#ledger = ledger;
    this.#corpus = corpus;
    this.#entries = entries;
    this.#clock = clock;
    this.#options = options;
    this.#recent = new LRUCache({ max: options.current.cache.maxEntries });
  }

  /** The best answer that holds and that the asker may read. */
  async find({ key, shared, ...asker }: Wanted): Promise<Lookup> {
    const own = await this.#find(key, asker);
    if (own.outcome === "hit" || shared === undefined) return own;
    const other = await this.#find(shared, asker);
    return other.outcome === "hit" ? other : { ...own, rejected: new Set([...own.rejected, ...other.rejected]) };
  }

  async #find(key: string, asker: Asker): Promise<Lookup> {
    const recent = this.#recent.get(key);
    if (recent && (await this.#fault(recent, asker)) === null) return hit(recent);
    const forgotten = this.#forgotten;
    const all = await this.#ledger.answersByKey(key);
    let reason = "not asked before";
    for (const stored of all.filter(({ verdict }) => !isRejected(verdict)).sort(byWorth)) {
      const fault = await this.#fault(stored, asker);
      if (fault !== null) {
        reason = fault;
        continue;
      }
      // What a narrower view chose is not the best for everybody.
      if (forgotten === this.#forgotten && !asker.mayRead) this.#recent.set(key, stored);
      return hit(stored);
    }
    if (!asker.mayRead) this.#recent.delete(key);
    const rejected = all.filter(({ verdict }) => isRejected(verdict));
    if (rejected[0]?.answer.at === all[0]?.answer.at && rejected[0]) {
      reason = `the answer by ${rejected[0].answer.by} was judged ${rejected[0].verdict}`;
    }
    return { outcome: "miss", reason, rejected: new Set(rejected.map(({ answer }) => answer.text)) };
  }

  /** After a new answer or a verdict: the next lookup reads the rows. */
  forget(key: string): void {
    this.#forgotten += 1;
    this.#changes.set(key, this.#forgotten);
    this.#recent.delete(key);
  }

  /** The present, for `changedSince`. */
  get moment(): number {
    return this.#forgotten;
  }

  /** Whether there may be an answer now where there was none at that moment. */
  changedSince(moment: number, { key, shared }: Pick<Wanted, "key" | "shared">): boolean {
    const last = (of: string | undefined) => (of === undefined ? 0 : (this.#changes.get(of) ?? 0));
    return last(key) > moment || last(shared) > moment;
  }

  forgetAll(): void {
    this.#forgotten += 1;
    this.#recent.clear();
  }

  /** Why an answer is not served, as a sentence; null when it is. */
  async #fault({ answer }: StoredAnswer, asker: Asker): Promise<string | null> {
    const { citations, route, by, at } = answer;
    const refused = this.#refused(answer, asker);
    if (refused !== null) return refused;
    const source = route === "similar" ? await this.#entries.sourceOf(answer.id) : null;
    const gone = route === "similar" ? faultOfSource(source) : null;
    if (gone !== null) return gone;
    const { ttlHours } = this.#options.current.cache;
    if (this.#clock.now() - (source?.at ?? at) > ttlHours[asker.kind] * HOUR)
      return `the answer by ${by} is older than cache.ttlHours.${asker.kind}`;
    for (const { path, revision } of citations) {
      if ((await this.#corpus.revision(path)) !== revision)
        return `the answer by ${by} cites ${path}, which has changed`;
    }
    return null;
  }

  /** What nobody has to be asked for. */
  #refused({ citations, route, confidence, by }: Answer, { kind, mayRead }: Asker): string | null {
    const { documents, cache } = this.#options.current;
    if (mayRead && citations.some(({ path }) => !mayRead(path)))
      return "the answer given before rests on documents that this asker may not read";
    // Whether a document is in force shows in git, not in it: only a person's word on what is allowed is served again.
    if (kind === "authority" && route !== "person") return "what is allowed is read anew from the documents each time";
    if (route === "documents" && confidence < documents.minScore)
      return `the answer by ${by} is below documents.minScore`;
    return route === "similar" && !cache.similar.enabled ? "answers of similar questions are switched off" : null;
  }
}

interface CacheParts {
  ledger: Ledger;
  corpus: Pick<Corpus, "revision">;
  entries: Entries;
  clock: Clock;
  options: Live<QuestionOptions>;
}

type Asker = Omit<Wanted, "key" | "shared">;

const HOUR = 3_600_000;

function faultOfSource(source: Source | null): string | null {
  if (source === null) return "it is not known where the answer was taken from";
  if (isRejected(source.verdict)) return `the answer it was taken from was judged ${source.verdict}`;
  return source.standing ? null : "the answer it was taken from was corrected";
}

function byWorth(a: StoredAnswer, b: StoredAnswer): number {
  return WORTH[b.answer.route] - WORTH[a.answer.route] || b.answer.at - a.answer.at;
}

function isRejected(verdict: string | null): boolean {
  return verdict === "wrong" || verdict === "outdated";
}

function hit({ questionId, answer }: StoredAnswer): Lookup {
  return { outcome: "hit", questionId, answer };
}
