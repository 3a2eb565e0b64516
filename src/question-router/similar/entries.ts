import { setImmediate } from "node:timers/promises";
import type { Kysely } from "kysely";
import { insertSealed, type Store } from "../../adapters/store/index.ts";
import { sha256 } from "../../foundation/hash.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { QuestionTables } from "../tables.ts";
import { isSelfContained } from "../session/dependent.ts";
import type { Kind } from "../types.ts";
import { type Gist, GIST_VERSION, gistOf } from "./gist.ts";
import type { Observation } from "./threshold.ts";

type Db = Kysely<QuestionTables>;

/** Where an answer was taken from. */
export interface Derivation {
  answerId: string;
  questionId: string;
  /** Key of that question. */
  entry: string;
  /** 0..1 on `scale`. */
  similarity: number;
  /** `words`, or the name of an embedding model. */
  scale: string;
}

/** A question that was asked before, as far as it is compared. */
export interface Entry {
  key: string;
  text: string;
}

/** The answer that another one was taken from, as it stands now. */
export interface Source {
  questionId: string;
  answerId: string;
  at: number;
  author: string;
  verdict: string | null;
  /** Whether it is still the answer of its question. */
  standing: boolean;
}

/** Characters of a hash that are kept: 96 bits, so that no two gists share one. */
const HASH = 24;
/** Questions of one gist that are looked at; they were worded differently, so there are few. */
const MAX_ENTRIES = 20;
/** Judged answers of an entry that its threshold is learnt from, newest first. */
const MAX_OBSERVATIONS = 200;
const PAGE = 200;
/** Questions that are read in one turn: they take some milliseconds. */
const PER_TURN = 25;

interface Unread {
  key: string;
  text: string;
  kind: Kind;
  change_id: string | null;
  terms: string | null;
}

interface Asked {
  text: string;
  kind: Kind;
  change: string | null;
}

/**
 * Puts a question into the index, in the transaction that accepts it. One that was asked on terms of its own (several
 * agents, one of some choices) is answered on these terms only and not compared.
 */
export async function insertGist(
  tx: Db,
  question: Asked & { key: string; terms?: unknown; gist?: Gist | null | undefined },
): Promise<void> {
  const { gist = ownGist(question) } = question;
  const reading = question.terms ? NO_GIST : hashes(question, gist);
  const row = { key: question.key, ...reading, version: GIST_VERSION };
  await tx
    .insertInto("question_gists")
    .values(row)
    .onConflict((conflict) => conflict.column("key").doUpdateSet(row))
    .execute();
}

/** Records where an answer was taken from, in the transaction that keeps it. */
export async function insertDerivation(
  tx: Db,
  answerId: string,
  { answerId: source, questionId, entry, similarity, scale }: Derivation,
  at: number,
): Promise<void> {
  await insertSealed(tx, "similar_hits", {
    answer_id: answerId,
    source_answer_id: source,
    source_question_id: questionId,
    entry,
    similarity,
    scale,
    at,
  });
}

/** Whether a question is compared with others at all. */
function isComparable({ text, kind }: Pick<Asked, "text" | "kind">): boolean {
  return kind !== "authority" && isSelfContained(text);
}

/** What a question asks; null where it is not compared with others. */
export function ownGist(asked: Pick<Asked, "text" | "kind">): Gist | null {
  return isComparable(asked) ? gistOf(asked.text) : null;
}

/** Reads the index of questions and what became of answers that were taken from others. */
export class Entries {
  readonly #store: Store<QuestionTables>;
  readonly #logger: Logger;
  readonly #life = new AbortController();
  #completing: Promise<void> = Promise.resolve();

  constructor({ store, logger }: { store: Store<QuestionTables>; logger: Logger }) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Begins to put into the index what is not in it; nobody waits for that. */
  start(): void {
    this.#completing = this.#completeQuietly();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort();
    await this.#completing;
  }

  /** Questions of the same kind and change with this gist, by the wording alone or by words that are near as well. */
  async alike(asked: Asked, gist: Gist, how: "strict" | "near"): Promise<(Entry & { gist: Gist })[]> {
    const rows = await this.#store.read
      .selectFrom("question_gists")
      .innerJoin("questions", "questions.key", "question_gists.key")
      .select(["questions.key", "questions.text", "questions.kind", "questions.change_id"])
      .where(`question_gists.${how}`, "=", hashes(asked, gist)[how])
      .where("question_gists.version", "=", GIST_VERSION)
      .orderBy("questions.asked_at", "desc")
      .limit(4 * MAX_ENTRIES)
      .execute();
    const byKey = new Map(rows.map((row) => [row.key, row]));
    const found = [...byKey.values()].slice(0, MAX_ENTRIES);
    return found.flatMap(({ key, text, kind, change_id }) => {
      const own =
        kind === asked.kind && change_id === asked.change && isComparable({ text, kind }) ? gistOf(text) : null;
      return own && own[how] === gist[how] ? [{ key, text, gist: own }] : [];
    });
  }

  /** What was said of answers that were taken from this entry. */
  async observations(entry: string, scale: string): Promise<Observation[]> {
    const rows = await this.#store.read
      .selectFrom("similar_hits")
      .innerJoin("answers", "answers.id", "similar_hits.answer_id")
      .select(["similar_hits.similarity", "answers.verdict"])
      .where("similar_hits.entry", "=", entry)
      .where("similar_hits.scale", "=", scale)
      .where("answers.verdict", "in", ["useful", "wrong"])
      .orderBy("similar_hits.at", "desc")
      .limit(MAX_OBSERVATIONS)
      .execute();
    return rows.map(({ similarity, verdict }) => ({ similarity, right: verdict === "useful" }));
  }

  /** Where an answer was taken from, with what was said of that one since; null for an answer of its own. */
  async sourceOf(answerId: string): Promise<Source | null> {
    const row = await this.#store.read
      .selectFrom("similar_hits")
      .innerJoin("answers", "answers.id", "similar_hits.source_answer_id")
      .innerJoin("questions", "questions.id", "similar_hits.source_question_id")
      .select([
        "answers.id",
        "answers.at",
        "answers.author",
        "answers.verdict",
        "questions.id as question",
        "questions.answer_id",
      ])
      .where("similar_hits.answer_id", "=", answerId)
      .executeTakeFirst();
    if (!row) return null;
    const { id, at, author, verdict, question, answer_id } = row;
    return { questionId: question, answerId: id, at, author, verdict, standing: answer_id === id };
  }

  /** Keys of the questions whose answers were taken from this one. */
  async derivedKeys(answerId: string): Promise<string[]> {
    const rows = await this.#store.read
      .selectFrom("similar_hits")
      .innerJoin("answers", "answers.id", "similar_hits.answer_id")
      .select("answers.key")
      .where("similar_hits.source_answer_id", "=", answerId)
      .execute();
    return rows.map(({ key }) => key);
  }

  /**
   * Puts questions that are not in the index, or by older rules, into it: those that were asked before there was one.
   * Page by page, so that nobody waits for it. Returns how many there were.
   */
  async complete(signal: AbortSignal): Promise<number> {
    let after = "";
    let added = 0;
    for (;;) {
      if (signal.aborted) return added;
      const rows = await this.#page(after);
      const last = rows.at(-1);
      if (!last) return added;
      after = last.id;
      const missing = rows.filter(({ version }) => version !== GIST_VERSION);
      for (let from = 0; from < missing.length && !signal.aborted; from += PER_TURN) {
        await this.#insert(missing.slice(from, from + PER_TURN));
        added += Math.min(PER_TURN, missing.length - from);
      }
      // SQLite answers in the same turn: without this nobody else would get one.
      await setImmediate();
    }
  }

  /** What is missing is compared after the next start. */
  async #completeQuietly(): Promise<void> {
    try {
      await this.complete(this.#life.signal);
    } catch (error) {
      this.#logger.warn({ err: error }, "questions could not be put into the index of what they ask");
    }
  }

  async #insert(rows: Unread[]): Promise<void> {
    await setImmediate();
    await this.#store.write(async (tx) => {
      for (const { key, text, kind, change_id, terms } of rows)
        await insertGist(tx, { key, text, kind, change: change_id, terms });
    });
  }

  #page(after: string) {
    return this.#store.read
      .selectFrom("questions")
      .leftJoin("question_gists", "question_gists.key", "questions.key")
      .leftJoin("question_terms", "question_terms.question_id", "questions.id")
      .select([
        "questions.id",
        "questions.key",
        "questions.text",
        "questions.kind",
        "questions.change_id",
        "question_gists.version",
        "question_terms.question_id as terms",
      ])
      .where("questions.id", ">", after)
      .orderBy("questions.id")
      .limit(PAGE)
      .execute();
  }
}

const NO_GIST = { strict: "", near: "" };

function hashes({ kind, change }: Asked, gist: Gist | null): { strict: string; near: string } {
  if (!gist) return NO_GIST;
  const hash = (reading: string) => sha256(`${kind}\0${change ?? ""}\0${reading}`).slice(0, HASH);
  const strict = hash(gist.strict);
  return { strict, near: gist.near === gist.strict ? strict : hash(gist.near) };
}
