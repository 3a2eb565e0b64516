import type { SearchIndex } from "../../adapters/search/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Live } from "../../foundation/options.ts";
import { asksItself } from "../asks-itself.ts";
import type { Corpus } from "../corpus.ts";
import { extract } from "../extract.ts";
import type { QuestionOptions } from "../options.ts";
import type { InForce } from "../people/index.ts";
import { type Candidate, retrieve, type Retrieved } from "../retrieval.ts";
import { Turnstile } from "../turnstile.ts";
import type { Citation } from "../types.ts";
import type { Query, Responder, Response } from "./responder.ts";

/** Two documents this close in evidence and in order both speak to a question: what they say is shown side by side. */
const TIE = { evidence: 0.02, score: 0.03 };
/** How old the list of files may be when nothing was found, before it is looked at again. */
const STALE_SCAN_MS = 10_000;
/** How often an answer is sought anew because a document changed under it. */
const ATTEMPTS = 3;
interface Dependencies {
  index: SearchIndex;
  corpus: Corpus;
  /** Which documents may answer `authority` questions. */
  inForce: InForce;
  options: Live<QuestionOptions>;
  clock: Clock;
}

/** Answers with the lines of the documents that say it. */
export class DocumentsResponder implements Responder {
  readonly name = "documents";
  readonly slow = false;
  readonly #index: SearchIndex;
  readonly #corpus: Corpus;
  readonly #inForce: InForce;
  readonly #options: Live<QuestionOptions>;
  readonly #turnstile: Turnstile;

  constructor({ index, corpus, inForce, options, clock }: Dependencies) {
    this.#index = index;
    this.#corpus = corpus;
    this.#inForce = inForce;
    this.#options = options;
    this.#turnstile = new Turnstile(clock);
  }

  respond(query: Query, signal: AbortSignal): Promise<Response> {
    return this.#turnstile.run(() => this.#respond(query, signal));
  }

  async #respond(query: Query, signal: AbortSignal): Promise<Response> {
    await this.#corpus.settled();
    let response = await this.#current(query, signal);
    if (response.outcome === "declined" && (await this.#corpus.scanIfOlderThan(STALE_SCAN_MS))) {
      response = await this.#current(query, signal);
    }
    return response;
  }

  /** What the documents say as they are on the disk now, whatever the watcher has told so far. */
  async #current(query: Query, signal: AbortSignal): Promise<Response> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      signal.throwIfAborted();
      const response = await this.#search(query);
      if (response.outcome === "declined") return response;
      if (query.kind === "authority" && !(await this.#inForce.holds(response.citations))) return notInForce(response);
      if (await this.#holds(response.citations)) return response;
    }
    return { outcome: "declined", reason: "the documents kept changing while they were read" };
  }

  async #holds(citations: Citation[]): Promise<boolean> {
    for (const { path, revision } of citations) if ((await this.#corpus.revision(path)) !== revision) return false;
    return true;
  }

  #mayCite({ kind }: Query): (path: string) => boolean {
    return kind === "authority" ? (path) => this.#inForce.isAuthority(path) : () => true;
  }

  async #search(query: Query): Promise<Response> {
    try {
      return answerFromDocuments(this.#index, query, this.#options.current, this.#mayCite(query));
    } catch (error) {
      // The index empties itself when its file is damaged; the documents fill it again.
      if (!(error instanceof SpecloopError) || error.code !== "store_corrupt") throw error;
      await this.#corpus.scan();
      return answerFromDocuments(this.#index, query, this.#options.current, this.#mayCite(query));
    }
  }
}

function notInForce({ citations }: { citations: Citation[] }): Response {
  const paths = citations.map(({ path }) => path).join(", ");
  return { outcome: "declined", reason: `${paths} is not committed as it stands here, and a draft allows nothing` };
}

/** The answer that an index gives under these options; no side effect, so that it can be replayed. */
export function answerFromDocuments(
  index: SearchIndex,
  query: Query,
  options: QuestionOptions,
  mayCite: (path: string) => boolean = () => true,
): Response {
  const { minScore, maxPassages } = options.documents;
  const mayRead = (path: string) => mayCite(path) && (query.mayRead?.(path) ?? true);
  const found = retrieve(index, query, { limit: maxPassages, mayRead });
  const candidates = found.candidates.filter(({ hit }) => !asksItself(hit.passage.text, query.text));
  const retrieved = { ...found, candidates };
  const [best] = retrieved.candidates;
  if (!best) return { outcome: "declined", reason: "no section holds a word of the question" };
  if (best.evidence < minScore || best.evidence === 0) {
    const much = `${best.evidence.toFixed(2)} of the question in ${best.hit.path}`;
    return { outcome: "declined", reason: `best evidence is ${much}, below ${minScore}` };
  }
  const rival = rivalOf(best, retrieved.candidates);
  return answerWith(index, retrieved, rival ? [best, rival] : [best]);
}

/** The next candidate, when it stands in another document of the same kind and holds as much of the question. */
function rivalOf(best: Candidate, candidates: Candidate[]): Candidate | undefined {
  const [, next] = candidates;
  if (!next || next.hit.path === best.hit.path) return undefined;
  const close = Math.abs(best.evidence - next.evidence) < TIE.evidence && best.score - next.score < TIE.score;
  return close && next.hit.passage.text !== best.hit.passage.text && topFolder(next) === topFolder(best)
    ? next
    : undefined;
}

/** `openspec/specs`, `openspec/changes`, `docs`: what a change proposes does not contest what a spec says. */
function topFolder({ hit }: Candidate): string {
  return /^(.*?openspec\/[^/]+|[^/]+)(?:\/|$)/.exec(hit.path)?.[1] ?? hit.path;
}

function answerWith(index: SearchIndex, { terms }: Retrieved, chosen: Candidate[]): Response {
  const parts = chosen.map(({ hit }) => {
    const { text, startLine, endLine } = extract(hit.passage, terms, index);
    const citation = {
      path: hit.path,
      heading: hit.passage.headingPath.join(" > "),
      startLine,
      endLine,
      revision: hit.revision,
    };
    return { text, citation };
  });
  const text =
    parts.length === 1 ? parts[0]!.text : parts.map(({ text, citation }) => `${citation.path}:\n${text}`).join("\n\n");
  const confidence = Math.min(...chosen.map(({ evidence }) => evidence));
  return { outcome: "answered", text, citations: parts.map(({ citation }) => citation), confidence };
}
