import { SpecloopError } from "../foundation/errors.ts";
import { sha256 } from "../foundation/hash.ts";
import type { Draft } from "./flights.ts";
import { type AskRequest, type Kind, MAX_QUESTION, MAX_WAIT_MS } from "./types.ts";

/**
 * The name under which answers are kept: the same question in other letter case, punctuation or spacing has the same
 * key; a question about another change or of another kind has another. Similar wording is never the same question:
 * 10 to 38 % of such hits are wrong.
 */
export function questionKey({ text, kind, change }: { text: string; kind: Kind; change: string | null }): string {
  return sha256(`${normalise(text)}\0${change ?? ""}\0${kind}`);
}

/**
 * NFKC, lower case, one space between words, without quotation marks and the punctuation that ends a word. What stands
 * inside a word or alone stays (`v1.2`, `a/b`, `--force`, `!=`, `C++`), and so does the case of one-letter flags and of bits
 * and bytes.
 */
export function normalise(text: string): string {
  return text
    .normalize("NFKC")
    .split(/\s+/)
    .map((word) => (CASE_COUNTS.test(word) ? word : word.toLowerCase()))
    .join(" ")
    .replaceAll(/(?<=\S)[.,;:!?。、]+(?=\s|$)/gu, "")
    .replaceAll(/[\p{Quotation_Mark}`]/gu, "")
    .trim();
}

const CASE_COUNTS = /^(?:-\p{L}|\d*[kKMGT]i?[bB])\p{P}*$/u;

/** A request with its defaults and its key. Throws `bad_input` for a text that asks nothing or is too long. */
export function toDraft({ text, kind = "fact", context }: AskRequest): Draft {
  checkQuestionText(text);
  const change = context?.change ?? null;
  return { text: text.trim(), kind, change, key: questionKey({ text, kind, change }) };
}

/** Throws `bad_input` for a time that is no number from 0 to 25000. */
export function checkWait(waitMs: number | undefined): void {
  if (waitMs === undefined || (waitMs >= 0 && waitMs <= MAX_WAIT_MS)) return;
  throw new SpecloopError("bad_input", `A call waits 0 to ${MAX_WAIT_MS} milliseconds, not ${waitMs}.`, {
    target: "waitMs",
  });
}

/** Throws `bad_input` for a text that asks nothing or is too long to be a question. */
function checkQuestionText(text: string): void {
  if (text.length > MAX_QUESTION) {
    throw new SpecloopError(
      "bad_input",
      `A question has at most ${MAX_QUESTION} characters; this one has ${text.length}.`,
      { target: "text" },
    );
  }
  if (!/[\p{L}\p{N}]/u.test(text)) {
    throw new SpecloopError("bad_input", "The question holds no word.", { target: "text" });
  }
}
