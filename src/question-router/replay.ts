import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { gitBlobId, sha256 } from "../foundation/hash.ts";
import type { Corpus } from "./corpus.ts";
import { options as fragment, type QuestionOptions } from "./options.ts";
import type { HistoryRow } from "./rows.ts";
import type { DocumentSearch } from "./search/port.ts";
import { tokenF1 } from "./token-f1.ts";
import {
  type Citation,
  KINDS,
  type Kind,
  type RecordedQuestion,
  type ReplayEnvironment,
  type ReplayOutcome,
} from "./types.ts";

/** Words of the accepted text that a replayed answer has to share: F1 of the two as bags of words. */
const SAME_TEXT_F1 = 0.5;
/** Of 100 questions, so many are for proposing; the others are for judging and are never shown to a proposer. */
const TRAIN_PERCENT = 60;

/** A recorded question with the answer that counts as right, when there is one. `now`: epoch milliseconds. */
export function toRecorded({ question, answers }: HistoryRow, now: number): RecordedQuestion {
  const accepted = answers.find(
    ({ answer, verdict }) =>
      verdict === "useful" || (verdict === null && (answer.route === "person" || answer.route === "agent")),
  );
  const judged = answers.find(({ verdict }) => verdict !== null)?.verdict ?? null;
  const expired = question.status === "expired" || (question.status === "pending" && question.expires_at <= now);
  return {
    questionId: question.id,
    text: question.text,
    kind: question.kind,
    accepted: accepted ? { text: accepted.answer.text, citations: accepted.answer.citations.map(place) } : null,
    shouldDecline: !accepted && (expired || judged === "wrong"),
    judged,
    split: splitOf(question.id),
    askedAt: question.asked_at,
  };
}

/** Which part of the record a question belongs to: by the hash of its id, so that it never changes. */
export function splitOf(questionId: string): "train" | "validation" {
  return Number.parseInt(sha256(questionId).slice(0, 8), 16) % 100 < TRAIN_PERCENT ? "train" : "validation";
}

interface ReplayDependencies {
  index: DocumentSearch;
  corpus: Corpus;
  current: QuestionOptions;
  clock: Clock;
}

/**
 * What the documents would answer in another environment: other options, other contents. Works on a copy of the index in
 * memory when contents differ; writes nothing, tells nobody, uses no cache.
 */
export async function replay(
  questions: RecordedQuestion[],
  environment: ReplayEnvironment,
  { index, corpus, current, clock }: ReplayDependencies,
  signal: AbortSignal,
): Promise<ReplayOutcome[]> {
  const options = withOverrides(current, environment.options);
  await corpus.settled();
  const overrides = Object.entries(environment.documents ?? {});
  await using copy = overrides.length > 0 || corpusDiffers(current, options) ? await index.fork() : null;
  if (copy) {
    await corpus.fill(copy, options);
    await applyOverrides(copy, overrides, corpus.belongs(options));
  }
  const outcomes: ReplayOutcome[] = [];
  for (const question of questions) {
    signal.throwIfAborted();
    outcomes.push(await replayOne(copy ?? index, question, options, clock));
  }
  return outcomes;
}

async function replayOne(
  index: DocumentSearch,
  question: RecordedQuestion,
  options: QuestionOptions,
  clock: Clock,
): Promise<ReplayOutcome> {
  const started = clock.monotonic();
  const kind = KINDS.find((kind) => kind === question.kind) ?? ("fact" satisfies Kind);
  const response = await index.answer({ text: question.text, kind, change: null }, options);
  const ms = clock.monotonic() - started;
  const base = { questionId: question.questionId, ms };
  if (response.outcome === "declined") {
    return {
      ...base,
      status: "declined",
      route: null,
      text: "",
      citations: [],
      right: question.accepted ? false : question.shouldDecline || null,
    };
  }
  const { text, citations } = response;
  const { accepted, shouldDecline } = question;
  const right = accepted ? isRight({ text, citations }, accepted) : shouldDecline ? false : null;
  return { ...base, status: "answered", route: "documents", text, citations: citations.map(place), right };
}

/**
 * Whether an answer counts as the accepted one: it cites the same section (one of them), or it shares at least half of
 * the words (F1 over bags of words, as in SQuAD's evaluation).
 */
export function isRight(
  answer: { text: string; citations: { path: string; heading: string }[] },
  accepted: { text: string; citations: { path: string; heading: string }[] },
): boolean {
  const places = new Set(accepted.citations.map(({ path, heading }) => `${path}\n${heading}`));
  if (answer.citations.some(({ path, heading }) => places.has(`${path}\n${heading}`))) return true;
  return tokenF1(answer.text, accepted.text) >= SAME_TEXT_F1;
}

/** Throws `bad_input` for a key that the section does not have or a value that it does not take. */
function withOverrides(current: QuestionOptions, overrides: Record<string, unknown>): QuestionOptions {
  const raw = structuredClone(current) as Record<string, unknown>;
  for (const [key, value] of Object.entries(overrides)) {
    const steps = key.split(".");
    const last = steps.pop()!;
    let target: unknown = raw;
    for (const step of steps) target = isObject(target) && Object.hasOwn(target, step) ? target[step] : null;
    if (!isObject(target) || !Object.hasOwn(target, last)) {
      throw new SpecloopError("bad_input", `There is no option questions.${key}.`, { target: key });
    }
    target[last] = value;
  }
  const parsed = fragment.schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SpecloopError("bad_input", `questions.${issue?.path.join(".")}: ${issue?.message}`, {
    target: issue?.path.join(".") ?? "",
  });
}

function corpusDiffers(a: QuestionOptions, b: QuestionOptions): boolean {
  return corpusOptions(a) !== corpusOptions(b);
}

/** What decides which documents are indexed, as one string. */
function corpusOptions({ documents: { globs, exclude, archived, maxBytes }, code }: QuestionOptions): string {
  return JSON.stringify([globs, exclude, archived, maxBytes, code]);
}

async function applyOverrides(
  index: DocumentSearch,
  overrides: [path: string, content: string | null][],
  belongs: (path: string) => boolean,
): Promise<void> {
  await index.removeDocuments(overrides.map(([path]) => path));
  const documents = overrides.flatMap(([path, text]) =>
    text === null || !belongs(path) ? [] : [{ path, revision: gitBlobId(text), text }],
  );
  await index.replaceDocuments(documents);
}

function place({ path, heading }: Pick<Citation, "path" | "heading">): { path: string; heading: string } {
  return { path, heading };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
