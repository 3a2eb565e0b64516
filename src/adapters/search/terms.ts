import { porterStem } from "./porter.ts";
import { isStopWord } from "./stop-words.ts";

/** Words of a question that are searched for at most: longer ones are texts, not questions. */
const MAX_QUESTION_TERMS = 48;
/** Stems kept: a corpus of 10,000 sections has about 30,000 different words. */
const MAX_STEMS = 60_000;

const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+/gu;
const ASCII = /^\p{ASCII}*$/u;
const WORD = /[\p{L}\p{N}\p{Co}]+/gu;
/** What a programmer would call an identifier, a flag, a path or a file name. */
const IDENTIFIER = /[A-Za-z0-9_$@][\w$@./:-]*(?:[._/:-]\w|[a-z0-9][A-Z])[\w$@./:-]*/g;
/** Particles and question words of Chinese and Japanese that say nothing about the subject. */
const CJK_FUNCTION =
  /什么|怎么样|怎么|如何|为什么|哪个|哪些|是否|可以|能否|多少|请问|我们|这个|那个|です|ます|ですか|どの|どう|なぜ|[的了吗呢吧啊是在和与或及之其はをがにでともへや]/gu;

export interface QuestionTerm {
  /** As it was written: this goes into a query, where FTS5 stems it itself (a stem stemmed again is another one). */
  word: string;
  term: string;
}

/** Turns text into terms as FTS5's `porter unicode61` does; CJK text becomes pairs of characters. */
export class Terms {
  readonly #stems = new Map<string, string>();
  readonly #numbers = new Map<string, number>();

  /** The different content terms of a question in order, stop words removed; all words when nothing else is left. */
  ofQuestion(question: string): QuestionTerm[] {
    const text = fold(question);
    const words: string[] = text.replaceAll(CJK, " ").match(WORD) ?? [];
    const content = words.filter((word) => !isStopWord(word));
    const pairs = cjkPairs(text.replaceAll(CJK_FUNCTION, " "));
    const chosen = content.length + pairs.length > 0 ? content : words;
    const terms = new Map<string, QuestionTerm>();
    for (const word of chosen) terms.set(this.#stem(word), { word, term: this.#stem(word) });
    for (const pair of pairs) terms.set(pair, { word: pair, term: pair });
    return [...terms.values()].slice(0, MAX_QUESTION_TERMS);
  }

  /** The terms of a text in order, each as often as it stands there. */
  ofText(text: string): string[] {
    const folded = fold(text);
    const words: string[] = folded.match(WORD) ?? [];
    return [...words.map((word) => this.#stem(word)), ...cjkPairs(folded)];
  }

  /** The terms of a text by number; terms that had none get one. */
  numbersOf(text: string): number[] {
    return this.ofText(text).map((term) => {
      const known = this.#numbers.get(term);
      if (known !== undefined) return known;
      this.#numbers.set(term, this.#numbers.size);
      return this.#numbers.size - 1;
    });
  }

  /** The number of a term that stood in a text before. */
  numberOf(term: string): number | undefined {
    return this.#numbers.get(term);
  }

  #stem(word: string): string {
    const known = this.#stems.get(word);
    if (known !== undefined) return known;
    if (this.#stems.size >= MAX_STEMS) this.#stems.clear();
    const stem = porterStem(word);
    this.#stems.set(word, stem);
    return stem;
  }
}

/** Lower case without diacritics, as `unicode61` with `remove_diacritics` sees it. */
function fold(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return text
    .normalize("NFD")
    .replaceAll(/[\u0300-\u036f]/g, "")
    .normalize("NFC")
    .toLowerCase();
}

/** `变更提案` -> `变更 更提 提案`: unicode61 takes a run of CJK for one word, so pairs are what can be found. */
export function cjkPairs(text: string): string[] {
  if (ASCII.test(text)) return [];
  return [...text.matchAll(CJK)].flatMap(([run]) => {
    const characters = Array.from(run);
    return characters.length === 1
      ? characters
      : characters.slice(1).map((next, index) => `${characters[index]}${next}`);
  });
}

/** Identifiers, flags, paths and file names of a text. */
export function identifiers(text: string): string[] {
  return [...new Set(text.match(IDENTIFIER) ?? [])];
}
