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

/** Groups of questions with the same subject: each joins the first group whose first question is similar enough. */
export function clusterQuestions<Fact extends { text: string }>(facts: readonly Fact[]): Fact[][] {
  const terms = new Terms();
  const clusters: { terms: Set<string>; facts: Fact[] }[] = [];
  const byTerm = new Map<string, number[]>();
  for (const fact of facts) {
    const own = new Set(terms.ofQuestion(fact.text));
    if (own.size === 0) continue;
    const home = [...new Set([...own].flatMap((term) => byTerm.get(term) ?? []))]
      .sort((a, b) => a - b)
      .find((index) => areSimilar(own, clusters[index]!.terms));
    if (home !== undefined) {
      clusters[home]!.facts.push(fact);
      continue;
    }
    for (const term of own) byTerm.set(term, [...(byTerm.get(term) ?? []), clusters.length]);
    clusters.push({ terms: own, facts: [fact] });
  }
  return clusters.map((cluster) => cluster.facts);
}

function numbers(terms: Set<string>): string {
  return [...terms]
    .filter((term) => /^\d+$/.test(term))
    .sort()
    .join(" ");
}

/** A number that differs makes another question, however alike the words are. */
function areSimilar(a: Set<string>, b: Set<string>): boolean {
  const common = [...a].filter((term) => b.has(term)).length;
  return common / (a.size + b.size - common) >= SIMILAR && numbers(a) === numbers(b);
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
