import { AROUND, BASED, FOCUS, rewrite, SAID, VOICE } from "./frames.ts";
import { isExact, tokensOf } from "./tokens.ts";
import { baseOf } from "./verbs.ts";
import { CJK_SAME, IDLE, isListed, NEARLY_IDLE, nearStandIn, standIn, unitSign } from "./words.ts";

/** Raised whenever a rule or a table of this folder changes: gists of other versions are never compared. */
export const GIST_VERSION = 1;

/**
 * What a question asks, apart from how it is worded. Two questions of one gist ask the same; whatever is not known to be
 * another wording (a number, a name, a negation, a preposition, an order, any unknown word) is part of the gist.
 */
export interface Gist {
  /** Equal where the wording alone shows that the same is asked. */
  strict: string;
  /** Equal where it shows it but for words that are near in meaning: to be believed only with a second opinion. */
  near: string;
  /** The words it is worded with, for the similarity of two wordings of one gist. */
  words: string[];
}

/** Longest text that is compared by wording: longer ones are texts with a context of their own. */
const MAX_LENGTH = 400;

/** The gist of a question; null for a text that is too long or holds nothing to compare. */
export function gistOf(text: string): Gist | null {
  if (text.length > MAX_LENGTH) return null;
  const tokens = tokensOf(withSameCjk(text), isKnown);
  const asked = rewrite(tokens.join(" "), AROUND);
  const words = asked.split(" ").filter((token) => token !== "" && token !== "|" && !IDLE.has(token));
  if (words.length === 0) return null;
  const said = rewrite(rewrite(withOwners(asked), FOCUS), SAID)
    .split(" ")
    .filter((token) => token !== "");
  const strict = based(said, standIn);
  const near = based(
    said.filter((token) => !NEARLY_IDLE.has(token)),
    nearStandIn,
  );
  const reading = read(strict);
  return { strict: reading, near: near === strict ? reading : read(near), words: words.map(plainBase) };
}

/**
 * How alike two wordings of one gist are, 0.5..1: with the same words in another form 1, with nothing but words that
 * stand for each other 0.5. (Dice's coefficient of the two bags of words, upper half.)
 */
export function wordingSimilarity(a: Gist, b: Gist): number {
  const left = new Map<string, number>();
  for (const word of a.words) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of b.words) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    common += 1;
  }
  return 0.5 + common / (a.words.length + b.words.length);
}

/** The tokens by the words that stand for them, led back to their bases. */
function based(said: string[], standsFor: (word: string) => string): string {
  return said
    .filter((token, index, all) => !IDLE.has(token) && !isIdleArticle(token, all[index + 1]))
    .map((token, index, all) => canonical(token, all[index - 1], standsFor))
    .join(" ");
}

function read(tokens: string): string {
  return rewrite(hoist(rewrite(tokens, BASED)), VOICE)
    .replaceAll(/ +/g, " ")
    .trim();
}

/** `what is the port of the daemon` and `what is the daemon's port`: the owner stands first. */
function withOwners(asked: string): string {
  const match =
    /^((?:what|which) (?:is|are|was|were)) (?:the |a )?((?:\S+ ){1,4}?)of (?:the |our |a |an )?(\S+(?: \S+){0,3})$/.exec(
      asked,
    );
  if (
    !match ||
    /\b(?:number|location|reason|way|ways|procedure|method|steps|not|no|or|and|is|are|does|do)\b/.test(
      `${match[2]} ${match[3]}`,
    )
  )
    return asked;
  return `${match[1]} ${match[3]} ${match[2]!.trim()}`;
}

function isIdleArticle(token: string, next: string | undefined): boolean {
  return token === "a" && next !== "few" && next !== "little" && next !== "lot" && next !== "bit";
}

const MARK = /^[A-Z]/;
const PRESENT: ReadonlySet<string> = new Set(["is", "are", "am", "be", "being"]);
const PAST: ReadonlySet<string> = new Set(["was", "were"]);

function canonical(token: string, before: string | undefined, standsFor: (word: string) => string): string {
  const sign = before !== undefined && /^=\d/.test(before) ? unitSign(token) : null;
  if (sign !== null) return sign;
  if (isExact(token) || MARK.test(token)) return token;
  if (PRESENT.has(token)) return "be";
  if (PAST.has(token)) return "past be";
  if (token === "did") return "past";
  if (MODALS.has(token)) return `M:${token}`;
  const base = twice(token);
  const mark = /[~+]$/.exec(base)?.[0] ?? "";
  return standsFor(mark === "" ? base : base.slice(0, -1)) + mark;
}

const MODALS: ReadonlySet<string> = new Set([
  "can",
  "could",
  "may",
  "might",
  "must",
  "shall",
  "should",
  "will",
  "would",
]);

/** `settings` is the plural of `setting`, which may be a form of `set`. */
function twice(word: string): string {
  const once = baseOf(word);
  return once === word || /[~+]$/.test(once) ? once : baseOf(once);
}

function plainBase(token: string): string {
  return isExact(token) ? token : twice(token).replace(/[~+]$/, "");
}

const SUBORDINATE =
  / (?:that|which|who|whose|when|where|while|if|because|before|after|unless|until|since|although|whether|\|) /;
const HOISTED = /^((?:YN|WHAT|WHO|WHERE|WHEN|WHY|HOW|HOW-\S+|HOWMANY|HOWLONG|HOWOFTEN)) (.*)$/;

/**
 * Puts the mood, the tense and the `be` of the question right behind what it asks for, where a question puts it itself and
 * a sentence does not (`where is X kept`, `tell me where X is kept`). Not where a clause follows, whose own they might be.
 */
function hoist(text: string): string {
  const match = HOISTED.exec(text);
  if (!match || SUBORDINATE.test(` ${match[2]} `)) return text;
  const [, focus, rest] = match as unknown as [string, string, string];
  const found = / ((?:not )?M:\S+|past be|past|be) /.exec(` ${rest} `);
  if (!found) return text;
  // `WHAT AUX the command that …`: what stands between is the subject, unless there is none.
  const inside = ` ${rest} `.replace(found[0], " ").trim();
  if (/^(?:WHAT|WHO|HOWMANY)$/.test(focus) && found.index > 0 && !/^be$|^past be$/.test(found[1]!)) {
    return `${focus} ${found[1]!.replace(" ", "-")} ${inside}`;
  }
  if (/^(?:WHAT|WHO|HOWMANY)$/.test(focus) && found.index > 0) return text;
  return `${focus} ${found[1]!.replace("not ", "not-")} ${inside}`;
}

function isKnown(word: string): boolean {
  return (
    IDLE.has(word) || isListed(word) || FUNCTION_WORDS.has(word) || baseOf(word) !== word || /[~+]$/.test(baseOf(word))
  );
}

/** Words of grammar: as names (`May`, `IT`, `WHO`, `Will`) they are something else. */
const FUNCTION_WORDS: ReadonlySet<string> = new Set(
  (
    "a an the i we you he she it they me us him her them my your his its their this that these those who whom whose which " +
    "what when where why how if whether is are am was were be been being do does did has have had can could may might must " +
    "shall should will would not no never none all any some every each only both either neither and or but so than as at by " +
    "for from in into of off on onto out over to under up down with without before after since until while because about " +
    "here there then now again still yet already one first last next set run read cut put please thanks ok well need go us"
  ).split(" "),
);

function withSameCjk(text: string): string {
  if (!/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)) return text;
  return CJK_SAME.reduce((sofar, [from, to]) => sofar.replaceAll(from, to), text);
}
