import type { Meaning, SearchIndex } from "../adapters/search/index.ts";
import { asksItself } from "./asks-itself.ts";
import { extract } from "./extract.ts";
import type { QuestionOptions } from "./options.ts";
import { asksForFigure, holdsFigure } from "./quantity.ts";
import { type Candidate, retrieve, type Retrieved } from "./retrieval.ts";
import { prefaceOf } from "./standing.ts";
import type { Citation, Kind } from "./types.ts";

/** Two documents this close in evidence and in order both speak to a question: what they say is shown side by side. */
const TIE = { evidence: 0.02, score: 0.03 };

export interface DocumentQuery {
  text: string;
  change: string | null;
  /** Absent: a fact. */
  kind?: Kind | undefined;
  /** What may not be read is passed over as if it were not there. Absent: everything may. */
  mayRead?: ((path: string) => boolean) | undefined;
  /** What the question means, where a model tells. */
  meaning?: Pick<Meaning, "model" | "vector"> | undefined;
}

export type DocumentAnswer =
  | { outcome: "answered"; text: string; citations: Citation[]; confidence: number }
  | { outcome: "declined"; reason: string };

/** The answer that an index gives under these options; no side effect, so that it can be replayed. */
export function answerFromDocuments(
  index: SearchIndex,
  query: DocumentQuery,
  { documents, embeddings }: Pick<QuestionOptions, "documents" | "embeddings">,
): DocumentAnswer {
  const { minScore, maxPassages } = documents;
  const { meaning, mayRead } = query;
  const retrieved = retrieve(index, query, {
    limit: maxPassages,
    mayRead,
    meaning: meaning && { ...meaning, ...embeddings, minScore },
  });
  const [best, next] = firstTwo(retrieved.candidates, ({ hit }) => !asksItself(hit.passage.text, query.text));
  if (!best) return { outcome: "declined", reason: "no section holds a word of the question" };
  if (best.confidence < minScore || best.evidence === 0) {
    const much = `it holds ${best.evidence.toFixed(2)} of the question${mayRead ? "" : ` in ${best.hit.path}`}`;
    return {
      outcome: "declined",
      reason: `best confidence is ${best.confidence.toFixed(2)} (${much}), below ${minScore}`,
    };
  }
  if (asksForFigure(query.text) && !holdsFigure(best.hit.passage.text))
    return {
      outcome: "declined",
      reason: `it asks for a number, and the section that comes nearest holds none${mayRead ? "" : ` (${best.hit.path})`}`,
    };
  return answerWith(index, retrieved, next && rivals(best, next) ? [best, next] : [best]);
}

/** The first two that pass, without looking at the others. */
function firstTwo(candidates: Candidate[], passes: (candidate: Candidate) => boolean): Candidate[] {
  const chosen: Candidate[] = [];
  for (const candidate of candidates) {
    if (chosen.length === 2) break;
    if (passes(candidate)) chosen.push(candidate);
  }
  return chosen;
}

/** Whether the next candidate stands in another document of the same kind and holds as much of the question. */
function rivals(best: Candidate, next: Candidate): boolean {
  if (next.hit.path === best.hit.path) return false;
  const close = Math.abs(best.evidence - next.evidence) < TIE.evidence && best.score - next.score < TIE.score;
  return close && topFolder(next) === topFolder(best) && next.hit.passage.text !== best.hit.passage.text;
}

/** `openspec/specs`, `openspec/changes`, `docs`: what a change proposes does not contest what a spec says. */
function topFolder({ hit }: Candidate): string {
  return /^(.*?openspec\/[^/]+|[^/]+)(?:\/|$)/.exec(hit.path)?.[1] ?? hit.path;
}

function answerWith(index: SearchIndex, { terms }: Retrieved, chosen: Candidate[]): DocumentAnswer {
  const parts = chosen.map(({ hit }) => {
    const { text, startLine, endLine } = extract(hit.passage, terms, index);
    const citation = {
      path: hit.path,
      heading: hit.passage.headingPath.join(" > "),
      startLine,
      endLine,
      revision: hit.revision,
    };
    const preface = prefaceOf(hit.path, hit.passage);
    return { text: preface === null ? text : `${preface}\n\n${text}`, citation };
  });
  const text =
    parts.length === 1 ? parts[0]!.text : parts.map(({ text, citation }) => `${citation.path}:\n${text}`).join("\n\n");
  const confidence = Math.min(...chosen.map(({ confidence }) => confidence));
  return { outcome: "answered", text, citations: parts.map(({ citation }) => citation), confidence };
}
