import { SpecloopError } from "../../foundation/errors.ts";
import type { Live } from "../../foundation/options.ts";
import type { Corpus } from "../corpus.ts";
import type { DocumentAnswer } from "../document-answer.ts";
import type { QuestionOptions } from "../options.ts";
import type { InForce } from "../people/index.ts";
import type { DocumentSearch, SearchQuery } from "../search/port.ts";
import type { Citation } from "../types.ts";
import type { Query, Responder, Response } from "./responder.ts";

/** How old the list of files may be when nothing was found, before it is looked at again. */
const STALE_SCAN_MS = 10_000;
/** How often an answer is sought anew because a document changed under it. */
const ATTEMPTS = 3;
/** Words that are so sure of their answer need no model beside them. */
const SURE = 0.8;

interface Dependencies {
  index: DocumentSearch;
  corpus: Corpus;
  /** Which documents may answer `authority` questions. */
  inForce: InForce;
  /** Null where no model can embed: then everything goes by words. */
  meanings?: Meanings | null;
  options: Live<QuestionOptions>;
}

/** What questions mean, where a model tells in time. */
export interface Meanings {
  meaningOf(text: string, signal: AbortSignal): Promise<SearchQuery["meaning"] | null>;
}

/** Answers with the lines of the documents that say it. */
export class DocumentsResponder implements Responder {
  readonly name = "documents";
  readonly slow = false;
  readonly #index: DocumentSearch;
  readonly #corpus: Corpus;
  readonly #inForce: InForce;
  readonly #meanings: Meanings | null;
  readonly #options: Live<QuestionOptions>;

  constructor({ index, corpus, inForce, meanings, options }: Dependencies) {
    this.#index = index;
    this.#corpus = corpus;
    this.#inForce = inForce;
    this.#meanings = meanings ?? null;
    this.#options = options;
  }

  async respond(query: Query, signal: AbortSignal): Promise<Response> {
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
      const response = await this.#search(query, signal);
      if (response.outcome === "declined") return response;
      if (!(await this.#holds(response.citations))) continue;
      const allows = query.kind !== "authority" || (await this.#inForce.holds(response.citations));
      return allows ? response : notInForce(response);
    }
    return { outcome: "declined", reason: "the documents kept changing while they were read" };
  }

  async #holds(citations: Citation[]): Promise<boolean> {
    for (const { path, revision } of citations) if ((await this.#corpus.revision(path)) !== revision) return false;
    return true;
  }

  /** By words first, which costs next to nothing; where these are not sure, by what the question means as well. */
  async #search(query: Query, signal: AbortSignal): Promise<DocumentAnswer> {
    const asked = { text: query.text, change: query.change, kind: query.kind, mayRead: this.#mayCite(query) };
    const byWords = await this.#answer(asked);
    if (byWords.outcome === "answered" && byWords.confidence >= SURE) return byWords;
    const meaning = await this.#meanings?.meaningOf(query.text, signal);
    if (!meaning) return byWords;
    const byBoth = await this.#answer({ ...asked, meaning });
    return byBoth.outcome === "answered" ? byBoth : byWords;
  }

  async #answer(asked: SearchQuery): Promise<DocumentAnswer> {
    try {
      return await this.#index.answer(asked, this.#options.current);
    } catch (error) {
      // The index empties itself when its file is damaged; the documents fill it again.
      if (!(error instanceof SpecloopError) || error.code !== "store_corrupt") throw error;
      await this.#corpus.scan();
      return this.#index.answer(asked, this.#options.current);
    }
  }

  /** Documents that may not answer are passed over in the search, so that others answer. */
  #mayCite({ kind, mayRead }: Query): ((path: string) => boolean) | undefined {
    if (kind !== "authority") return mayRead;
    return (path) => this.#inForce.isAuthority(path) && (mayRead?.(path) ?? true);
  }
}

function notInForce({ citations }: { citations: Citation[] }): Response {
  const paths = citations.map(({ path }) => path).join(", ");
  return { outcome: "declined", reason: `${paths} is not committed as it stands here, and a draft allows nothing` };
}
