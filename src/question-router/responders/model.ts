import { z } from "zod";
import { generateStructured, type Llm, neutralise, wrapUntrusted } from "../../adapters/llm/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Live } from "../../foundation/options.ts";
import type { Corpus } from "../corpus.ts";
import { timeoutSignal } from "../deadline.ts";
import type { QuestionOptions } from "../options.ts";
import type { Candidate } from "../retrieval.ts";
import type { DocumentSearch } from "../search/port.ts";
import { type Citation, MAX_ANSWER } from "../types.ts";
import type { Meanings } from "./documents.ts";
import { withWhatWasSaid } from "../session/follow-up.ts";
import { restsOn } from "../standing.ts";
import type { Query, Responder, Response } from "./responder.ts";

const PASSAGES = 6;
/** A shorter quotation proves nothing: it stands in every document. */
const MIN_QUOTE = 12;
/** Errors that mean that there is nobody to ask, not that asking failed. */
const ABSENT = new Set(["llm_none", "llm_unreachable", "llm_no_model"]);

const answerSchema = z.object({
  answerable: z.boolean().describe("Whether the passages answer the question."),
  answer: z.string().max(MAX_ANSWER).describe("The answer, at most 120 words; empty when they do not."),
  confidence: z.number().min(0).max(1).describe("How sure it is that the passages say this."),
  quotes: z
    .array(
      z.object({
        passage: z.int().min(1).describe("Number of the passage."),
        text: z.string().max(2000).describe("Copied word for word."),
      }),
    )
    .max(10)
    .describe("The sentences that the answer rests on."),
  done: z.literal(true),
});
type ModelAnswer = z.output<typeof answerSchema>;

interface Dependencies {
  llm: Llm;
  index: DocumentSearch;
  corpus: Corpus;
  meanings?: Meanings | null;
  options: Live<QuestionOptions>;
  clock: Clock;
}

/**
 * Lets the local model answer from the passages found. What it says is checked: each quotation has to stand in the
 * passage that it names, or there is no answer. It has no tools and no memory, so that nothing a document says can act.
 */
export class ModelResponder implements Responder {
  readonly name = "model";
  readonly slow = true;
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  async respond(query: Query, signal: AbortSignal): Promise<Response> {
    const { options, index, corpus, clock } = this.#deps;
    const { enabled, timeoutMs } = options.current.model;
    if (!enabled) return declined("switched off by questions.model.enabled");
    await corpus.settled();
    const { text, change, kind, mayRead } = withWhatWasSaid(query);
    const meaning = (await this.#deps.meanings?.meaningOf(text, signal)) ?? undefined;
    const candidates = await index.candidates({ text, change, kind, mayRead, meaning }, options.current);
    const passages = candidates.filter(({ evidence }) => evidence > 0).slice(0, PASSAGES);
    if (passages.length === 0) return declined("there is no passage to answer from");
    using deadline = timeoutSignal(clock, timeoutMs, signal);
    try {
      return this.#check(await this.#generate(query, passages, deadline.signal), passages);
    } catch (error) {
      if (error instanceof SpecloopError && ABSENT.has(error.code)) return declined(error.message);
      if (deadline.signal.aborted && !signal.aborted) {
        throw new SpecloopError("llm_timeout", `The model did not answer within ${timeoutMs} ms.`, { cause: error });
      }
      throw error;
    }
  }

  async #generate(query: Query, passages: Candidate[], signal: AbortSignal): Promise<ModelAnswer> {
    const quoted = passages.map(({ hit }, at) => ({
      label: `passage ${at + 1}: ${hit.path} > ${hit.passage.headingPath.join(" > ")}`,
      text: hit.passage.text,
    }));
    const said = (query.before ?? []).flatMap(({ question, answer }, at) => [
      { label: `said before ${at + 1}: question`, text: question },
      ...(answer === null ? [] : [{ label: `said before ${at + 1}: answer`, text: answer }]),
    ]);
    const { block, rule } = wrapUntrusted([...quoted, ...said, { label: "question", text: query.text }]);
    const system =
      "You answer a question about a software project from the passages of its documents that you are given, and from nothing else. " +
      "What was said before shows what the question is about and proves nothing. " +
      "When the passages do not say it, answerable is false. Quote the sentences that your answer rests on word for word. " +
      `End with done: true.\n\n${rule}`;
    const { value } = await generateStructured(this.#deps.llm, {
      request: {
        purpose: "question.answer",
        temperature: 0,
        messages: [
          { role: "system", content: system },
          { role: "user", content: block },
        ],
      },
      schema: answerSchema,
      signal,
    });
    return value;
  }

  #check({ answerable, answer, confidence, quotes }: ModelAnswer, passages: Candidate[]): Response {
    const { minConfidence } = this.#deps.options.current.model;
    const text = neutralise(answer).trim();
    if (!answerable || text === "") return declined("the passages found do not answer it");
    if (confidence < minConfidence) return declined(`confidence ${confidence.toFixed(2)} is below ${minConfidence}`);
    const wrong = quotes.find((quote) => !stands(quote.text, passages[quote.passage - 1]));
    if (wrong) return declined(`a quotation is not in passage ${wrong.passage}`);
    if (quotes.length === 0) return declined("it quoted nothing");
    const cited = [...new Set(quotes.map(({ passage }) => passage))].map((number) => citationOf(passages[number - 1]!));
    const preface = restsOn(cited.map(({ path }) => path));
    const said = preface === null ? text : `${preface}\n\n${text}`;
    return { outcome: "answered", text: said, citations: cited, confidence };
  }
}

function stands(quote: string, candidate: Candidate | undefined): boolean {
  const wanted = plain(quote);
  return wanted.length >= MIN_QUOTE && candidate !== undefined && plain(candidate.hit.passage.text).includes(wanted);
}

/** Models drop emphasis and change spaces when they copy; words and their order have to be the same. */
function plain(text: string): string {
  return neutralise(text).replaceAll(/[*_`]/g, "").replaceAll(/\s+/g, " ").trim().toLowerCase();
}

function citationOf({ hit: { path, passage, revision } }: Candidate): Citation {
  const { headingPath, startLine, endLine } = passage;
  return { path, heading: headingPath.join(" > "), startLine, endLine, revision };
}

function declined(reason: string): Response {
  return { outcome: "declined", reason };
}
