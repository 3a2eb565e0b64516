import type { Candidate } from "../retrieval.ts";
import type { DocumentSearch, SearchQuery, SearchSettings } from "../search/port.ts";
import { tokenF1 } from "../token-f1.ts";
import type { ExpectedPlace, LabelledQuestion } from "./labelled.ts";

/** How far down the list of sections a right one is looked for. */
export const DEPTH = 10;
/** Questions asked at once: what others ask meanwhile comes in between. */
const AT_ONCE = 16;

export type Searched = Pick<DocumentSearch, "answer" | "candidates">;

/** What came of one labelled question. */
export interface Measured {
  question: LabelledQuestion;
  /** Which of the sections found is the first right one, from 1; null when none of the first ten is. */
  rank: number | null;
  /** Ranks of all right sections among the first ten, from 1. */
  ranks: number[];
  /** What would be answered if nothing were too weak; null when no section holds a word of the question. */
  answer: GivenAnswer | null;
}

export interface GivenAnswer {
  confidence: number;
  right: boolean;
  /** `path > heading`, of two documents both. */
  place: string;
  /** Overlap with the sentence that was given for it (F1 of words); null without one, or when the section is wrong. */
  overlap: number | null;
}

/**
 * Asks every question of the documents alone, without a threshold, so that every threshold can be judged afterwards. No
 * side effect. Throws what the search throws, and the signal's reason when it is aborted.
 */
export async function measure(
  search: Searched,
  questions: LabelledQuestion[],
  settings: SearchSettings,
  signal?: AbortSignal,
): Promise<Measured[]> {
  const maxPassages = Math.max(DEPTH, settings.documents.maxPassages);
  const open = { ...settings, documents: { ...settings.documents, maxPassages, minScore: 0 } };
  const measured: Measured[] = [];
  for (let at = 0; at < questions.length; at += AT_ONCE) {
    signal?.throwIfAborted();
    const batch = questions.slice(at, at + AT_ONCE);
    measured.push(...(await Promise.all(batch.map((question) => measureOne(search, question, open)))));
  }
  return measured;
}

async function measureOne(search: Searched, question: LabelledQuestion, settings: SearchSettings): Promise<Measured> {
  const query: SearchQuery = { text: question.question, kind: question.kind ?? "fact", change: null };
  const candidates = await search.candidates(query, settings);
  const ranks = candidates.slice(0, DEPTH).flatMap((candidate, at) => (isRight(question, candidate) ? [at + 1] : []));
  const answer = await answerOf(search, { question, query, settings });
  return { question, rank: ranks[0] ?? null, ranks, answer };
}

function isRight({ expected }: LabelledQuestion, { hit }: Candidate): boolean {
  return expected.some((place) => isPlace(place, { path: hit.path, headings: hit.passage.headingPath }));
}

interface Asked {
  question: LabelledQuestion;
  query: SearchQuery;
  settings: SearchSettings;
}

async function answerOf(search: Searched, { question, query, settings }: Asked): Promise<GivenAnswer | null> {
  const given = await search.answer(query, settings);
  if (given.outcome === "declined") return null;
  const places = given.citations.map(({ path, heading }) => ({ path, headings: heading.split(" > ") }));
  const right = places.some((place) => question.expected.some((one) => isPlace(one, place)));
  const place = given.citations.map(({ path, heading }) => `${path} > ${heading}`).join("; ");
  const overlap = question.answer === undefined || !right ? null : tokenF1(given.text, question.answer);
  return { confidence: given.confidence, right, place, overlap };
}

/** Whether a section is the expected one or stands below it. */
function isPlace({ path, heading }: ExpectedPlace, place: { path: string; headings: string[] }): boolean {
  if (place.path !== path) return false;
  return heading === undefined || place.headings.some((found) => plain(found) === plain(heading));
}

function plain(heading: string): string {
  return heading
    .replace(/^(?:requirement|scenario):/i, "")
    .replaceAll("`", "")
    .replaceAll(/\s+/g, " ")
    .trim()
    .toLowerCase();
}
