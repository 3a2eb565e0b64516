import type { Live } from "../../foundation/options.ts";
import type { AnswerCache } from "../cache.ts";
import type { Embedder } from "../embedder.ts";
import type { QuestionOptions } from "../options.ts";
import { type Entries, type Entry, ownGist } from "../similar/entries.ts";
import { type Gist, wordingSimilarity } from "../similar/gist.ts";
import { learntThreshold } from "../similar/threshold.ts";
import type { Answer } from "../types.ts";
import type { Query, Responder, Response } from "./responder.ts";

/** Vectors of two questions that ask the same are at least this near (cosine), where words alone do not show it. */
const NEAR_COSINE = 0.9;
/** Vectors that are this far from each other contradict words that look alike. */
const FAR_COSINE = 0.4;
const UNANSWERED = "the same was asked in other words, and there is no answer to it that holds";
/** Scale of similarities where no vectors were compared. */
const WORDS = "words";

export interface SimilarParts {
  entries: Entries;
  cache: AnswerCache;
  /** Null, or without a model: by words alone. */
  embedder?: Embedder | null;
  options: Live<QuestionOptions>;
}

interface Candidate {
  entry: Entry;
  similarity: number;
  scale: string;
}

/**
 * Answers with what a question of the same gist was answered. That they ask the same is shown by their wording, never by
 * a similarity alone: caches that go by nearness of meaning take `enable` for `disable`. Similarity only decides whether a
 * shown equality is used, per entry, as verdicts have taught.
 */
export class SimilarResponder implements Responder {
  readonly name = "similar";
  readonly slow = false;
  readonly #parts: SimilarParts;

  constructor(parts: SimilarParts) {
    this.#parts = parts;
  }

  async respond(query: Query, signal: AbortSignal): Promise<Response> {
    const { enabled } = this.#parts.options.current.cache.similar;
    if (!enabled) return declined("switched off by questions.cache.similar.enabled");
    const { gist = ownGist(query) } = query;
    if (!gist) return declined("such a question is never answered from another one");
    const candidates = await this.#candidates(query, gist, signal);
    if (candidates.length === 0) return declined("nothing of the same meaning was asked before");
    let reason = UNANSWERED;
    for (const candidate of candidates.toSorted((a, b) => b.similarity - a.similarity)) {
      const response = await this.#from(candidate, query);
      if (response.outcome === "answered") return response;
      if (reason === UNANSWERED) reason = response.reason;
    }
    return declined(reason);
  }

  async #candidates(query: Query, gist: Gist, signal: AbortSignal): Promise<Candidate[]> {
    const { entries, embedder } = this.#parts;
    const strict = await entries.alike(query, gist, "strict");
    const model = embedder?.model ?? null;
    if (model === null) return strict.map((entry) => byWords(entry, gist));
    const known = new Set(strict.map(({ key }) => key));
    const near = (await entries.alike(query, gist, "near")).filter(({ key }) => !known.has(key));
    if (strict.length + near.length === 0) return [];
    const all = [...strict, ...near];
    const vectors = await embedder!.vectors([query.text, ...all.map(({ text }) => text)], signal);
    const own = vectors?.[0];
    if (!vectors || !own || vectors.length !== all.length + 1) return strict.map((entry) => byWords(entry, gist));
    return all.flatMap((entry, index) => {
      const cosine = product(own, vectors[index + 1]!);
      const needed = index < strict.length ? FAR_COSINE : NEAR_COSINE;
      if (!(cosine >= needed)) return [];
      const similarity = (wordingSimilarity(gist, entry.gist) + Math.min(1, cosine)) / 2;
      return [{ entry, similarity, scale: model }];
    });
  }

  async #from({ entry, similarity, scale }: Candidate, query: Query): Promise<Response> {
    const { cache, entries, options } = this.#parts;
    const found = await cache.find({ key: entry.key, kind: query.kind, mayRead: query.mayRead });
    // An answer that was taken from a third question is found at that one.
    if (found.outcome === "miss" || found.answer.route === "similar") {
      return declined(UNANSWERED);
    }
    const { minSimilarity, targetError } = options.current.cache.similar;
    const learnt = await entries.observations(entry.key, scale);
    const threshold = learntThreshold(learnt, { start: minSimilarity, floor: 0.5, targetError });
    if (similarity < threshold) {
      return declined(
        `the same was asked as ${found.questionId}; similarity ${similarity.toFixed(2)} is below its ${threshold.toFixed(2)}`,
      );
    }
    return toResponse(found, { entry, similarity, scale });
  }
}

function toResponse(
  { questionId, answer }: { questionId: string; answer: Answer },
  { entry, similarity, scale }: Candidate,
): Response {
  return {
    outcome: "answered",
    text: answer.text,
    citations: answer.citations,
    confidence: answer.confidence,
    by: answer.by,
    derivedFrom: { answerId: answer.id, questionId, entry: entry.key, similarity, scale },
    note: `asked before as ${questionId} "${entry.text}", similarity ${similarity.toFixed(2)} by ${scale}`,
  };
}

function byWords(entry: Entry & { gist: Gist }, gist: Gist): Candidate {
  return { entry, similarity: wordingSimilarity(gist, entry.gist), scale: WORDS };
}

/** Of vectors of unit length the cosine; not a number for vectors of different models. */
function product(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += a[index]! * b[index]!;
  return sum;
}

function declined(reason: string): Response & { outcome: "declined" } {
  return { outcome: "declined", reason };
}
