import { Terms } from "../../adapters/search/index.ts";
import type { RecordedQuestion } from "../ports.ts";
import type { Candidate, Problem } from "../problem.ts";
import type { QuestionFactRow } from "../tables.ts";
import type { Detector, Scene } from "./detector.ts";

const DAY_MS = 86_400_000;
const WINDOW_DAYS = 30;
/** Newest questions that are compared; clusters that matter are among them. */
const MAX_QUESTIONS = 3000;
const MAX_CLUSTERS = 5;
/** Share of common terms (Jaccard) from which two questions count as the same gap. */
const SIMILAR = 0.5;
const MAX_LESSON = 4000;

/** Finds what is asked again and again and is not in the documents. */
export const repeatedUnanswered: Detector = {
  name: "repeated_unanswered",
  what: "Similar questions keep coming that the documents cannot answer.",
  detect: async (scene) => {
    const train = new Map((await scene.train()).map((question) => [question.questionId, question]));
    const open = (await questionFacts(scene)).filter((fact) => isGap(fact, train));
    const clusters = clusterQuestions(open).filter((cluster) => cluster.length >= scene.options.repeated);
    clusters.sort((a, b) => b.length - a.length || (a[0]!.question_id < b[0]!.question_id ? -1 : 1));
    return clusters.slice(0, MAX_CLUSTERS).map((cluster) => describe(cluster, train));
  },
};

async function questionFacts({ samples, clock }: Scene): Promise<QuestionFactRow[]> {
  return samples
    .selectFrom("loop_questions")
    .selectAll()
    .where("at", ">=", clock.now() - WINDOW_DAYS * DAY_MS)
    .where("text", "!=", "")
    .orderBy("at", "desc")
    .orderBy("question_id")
    .limit(MAX_QUESTIONS)
    .execute();
}

/**
 * Nothing answered it, or somebody had to. Of answered questions only those of the train split are looked at: the
 * others judge the proposal later, so it must not be made from them.
 */
function isGap(fact: QuestionFactRow, train: Map<string, RecordedQuestion>): boolean {
  if (fact.state === "pending" || fact.state === "expired") return true;
  const byDocuments = fact.route === null || fact.route === "documents" || fact.route === "cache";
  return fact.state === "answered" && !byDocuments && train.has(fact.question_id);
}

/**
 * Groups of questions with the same subject: each joins the first group whose first question is similar enough. Terms
 * that many of the questions share ("how many days …") count less than those that tell them apart.
 */
export function clusterQuestions<Fact extends { text: string }>(facts: readonly Fact[]): Fact[][] {
  const terms = new Terms();
  const asked = facts.map((fact) => new Set(terms.ofQuestion(fact.text).map(({ term }) => term)));
  const weight = weigher(asked);
  const clusters: { question: Weighed; facts: Fact[] }[] = [];
  const byTerm = new Map<string, number[]>();
  for (const [index, own] of asked.entries()) {
    if (own.size === 0) continue;
    const question = weigh(own, weight);
    const near = new Set(question.telling.flatMap((term) => byTerm.get(term) ?? []));
    const home = [...near].sort((a, b) => a - b).find((at) => areSimilar(question, clusters[at]!.question, weight));
    if (home !== undefined) {
      clusters[home]!.facts.push(facts[index]!);
      continue;
    }
    for (const term of question.telling) byTerm.set(term, [...(byTerm.get(term) ?? []), clusters.length]);
    clusters.push({ question, facts: [facts[index]!] });
  }
  return clusters.map((cluster) => cluster.facts);
}

type Weight = (term: string) => number;

interface Weighed {
  terms: Set<string>;
  total: number;
  numbers: string;
  /**
   * The heaviest terms, so many that the others together weigh less than the similarity asked for: two questions that
   * share none of them cannot be similar (prefix filter of similarity joins).
   */
  telling: string[];
}

/** Rarity of a term among these questions: log(1 + questions / questions with the term). */
function weigher(questions: Set<string>[]): Weight {
  const holding = new Map<string, number>();
  for (const terms of questions) for (const term of terms) holding.set(term, (holding.get(term) ?? 0) + 1);
  return (term) => Math.log(1 + questions.length / (holding.get(term) ?? questions.length));
}

function weigh(terms: Set<string>, weight: Weight): Weighed {
  const heavy = [...terms].sort((a, b) => weight(b) - weight(a) || (a < b ? -1 : 1));
  const total = heavy.reduce((sum, term) => sum + weight(term), 0);
  let rest = total;
  let count = 0;
  while (count < heavy.length && rest >= SIMILAR * total - 1e-9) {
    rest -= weight(heavy[count]!);
    count += 1;
  }
  return { terms, total, numbers: numbers(terms), telling: heavy.slice(0, count) };
}

/** Weighted Jaccard similarity; a number that differs makes another question, however alike the words are. */
function areSimilar(a: Weighed, b: Weighed, weight: Weight): boolean {
  if (a.numbers !== b.numbers) return false;
  let common = 0;
  for (const term of a.terms) if (b.terms.has(term)) common += weight(term);
  return common / (a.total + b.total - common) >= SIMILAR;
}

function numbers(terms: Set<string>): string {
  return [...terms]
    .filter((term) => /^\d+$/.test(term))
    .sort()
    .join(" ");
}

function describe(cluster: QuestionFactRow[], train: Map<string, RecordedQuestion>): Problem {
  const first = oneLine(cluster[0]!.text);
  const pending = cluster.filter(({ state }) => state !== "answered").length;
  return {
    code: "repeated_unanswered",
    metric: "question.documents_answered",
    summary: `${cluster.length} similar questions could not be answered from the documents, for example "${first}".`,
    evidence: [
      { label: "similar questions", value: cluster.length },
      { label: "of them without any answer", value: pending },
      ...cluster.slice(0, 10).map((fact) => ({ label: fact.state, value: oneLine(fact.text), ref: fact.question_id })),
    ],
    candidates: lessons(cluster, train),
    baseline: null,
    expected: null,
  };
}

/** Writing an accepted answer down, one candidate per different answer. Without one a person has to answer first. */
function lessons(cluster: QuestionFactRow[], train: Map<string, RecordedQuestion>): Candidate[] {
  const seen = new Set<string>();
  const found: Candidate[] = [];
  for (const { question_id } of cluster) {
    const question = train.get(question_id);
    const text = question?.judged === "wrong" ? undefined : question?.accepted?.text.trim().slice(0, MAX_LESSON);
    if (!question || !text || seen.has(text)) continue;
    seen.add(text);
    found.push({ kind: "lesson", title: oneLine(question.text), text, question: question_id });
  }
  return found.slice(0, 3);
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= 120 ? line : `${line.slice(0, 117)}…`;
}
