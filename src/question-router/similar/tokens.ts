/**
 * A question as tokens: words in lower case as they are, and behind `=` everything that counts letter by letter: numbers,
 * versions, identifiers, paths, flags, quotations, names that are written like another word. `|` ends a sentence.
 */
export function tokensOf(text: string, isWord: (word: string) => boolean): string[] {
  const plain = text
    .normalize("NFKC")
    .replaceAll(/[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, "")
    .replaceAll(/[\u2018\u2019]/g, "'");
  const tokens: string[] = [];
  for (const part of plain.matchAll(PART)) {
    const quoted = part[1] ?? part[2] ?? part[3];
    if (quoted === undefined) pieces(part[0], tokens, isWord);
    else if (quoted.trim() !== "") tokens.push(exact(quoted.trim().replaceAll(/\s+/g, " ")));
  }
  return tokens;
}

/** Whether a token counts letter by letter. */
export function isExact(token: string): boolean {
  return token.startsWith("=");
}

/** Code spans, quotations, and runs of anything else. */
const PART = /`+([^`]+)`+|"([^"]*)"|[\u201c\u201e\u00ab\u300c]([^\u201d\u00bb\u300d]*)[\u201d\u00bb\u300d]|\S+/g;
const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;
const CJK_OR_NOT =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]|[^\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+/gu;
const WORD = /^\p{L}+(?:-\p{L}+)*$/u;
const CAMEL = /\p{Ll}\p{Lu}|\p{Lu}{2,}\p{Ll}/u;
/** A number with a unit that can be nothing else: `10m` may be minutes, metres or months and stays as it is. */
const MEASURE = /^(\d+(?:\.\d+)?)(ms|s|sec|secs|min|mins|h|hr|hrs|KB|MB|GB|TB|KiB|MiB|GiB|%)$/;
/** `Mb` is no `MB`. */
const UNIT_SIGN = /^(?:[kKMGT]i?[bB]|ms|s|min|h|d)$/;
const SHORT: [RegExp, string][] = [
  [/^(can)'t$|^(can)not$/, "can not"],
  [/^won't$/, "will not"],
  [/^shan't$/, "shall not"],
  [/^(\p{L}+)n't$/u, "$1 not"],
  [/^(what|which|where|who|how|when|why|that|it|there|here)'s$/, "$1 is"],
  [/^(\p{L}+)'re$/u, "$1 are"],
  [/^(\p{L}+)'ve$/u, "$1 have"],
  [/^(\p{L}+)'ll$/u, "$1 will"],
  [/^(\p{L}+)'d$/u, "$1 would"],
  [/^i'm$/, "i am"],
  [/^([\p{L}-]+)'s$/u, "$1"],
  [/^([\p{L}-]+s)'$/u, "$1"],
];

function pieces(run: string, tokens: string[], isWord: (word: string) => boolean): void {
  if (CJK.test(run)) {
    for (const [piece] of run.matchAll(CJK_OR_NOT)) {
      if (CJK.test(piece)) tokens.push(piece);
      else pieces(piece, tokens, isWord);
    }
    return;
  }
  const { core, ends } = trimmed(run);
  if (core !== "") tokens.push(...tokenOf(core, tokens, isWord));
  if (ends && tokens.length > 0 && tokens.at(-1) !== "|") tokens.push("|");
}

/** Without what surrounds a word in a sentence; `ends` where a sentence or clause ends behind it. */
function trimmed(run: string): { core: string; ends: boolean } {
  if (/^[-\u2013\u2014]+$/.test(run)) return { core: "", ends: true };
  const open = run.replace(/^[([{'*_]+(?=[\p{L}\p{N}(])/u, "");
  const tail = /[.,;:!?\u2026\u3002\u3001*_')\]}]+$/u.exec(open)?.[0] ?? "";
  const core = open.slice(0, open.length - tail.length);
  if (core === "" && !/[.;:!?\u2026\u3002]/.test(run)) return { core: run.replace(/,$/, ""), ends: false };
  // `f()`, `a[0]` and `users'` end in what elsewhere closes a sentence.
  const kept = /^(?:\(\)|\[\]|\{\})/.exec(tail)?.[0] ?? (/\[[^\]]*$/.test(core) && tail.startsWith("]") ? "]" : "");
  const plural = kept === "" && tail.startsWith("'") && core.endsWith("s") && !run.startsWith("'") ? "'" : "";
  return { core: core + kept + plural, ends: /[.;:!?\u2026\u3002]/.test(tail) };
}

function tokenOf(core: string, before: string[], isWord: (word: string) => boolean): string[] {
  if (core === "&") return ["and"];
  if (UNIT_SIGN.test(core) && /^=[\d.]+$/.test(before.at(-1) ?? "")) return [exact(core)];
  const measure = MEASURE.exec(core);
  if (measure) return [exact(measure[1]!), exact(measure[2]!)];
  const lower = core.toLowerCase();
  const opened = opening(core, before);
  const short = SHORT.find(([pattern]) => pattern.test(lower));
  if (short && !CAMEL.test(core)) return lower.replace(short[0], short[1]).trim().split(/\s+/);
  if (!WORD.test(core) || CAMEL.test(core)) return [exact(core)];
  if (core === lower || lower === "i") return [lower];
  // `May` in the middle of a sentence is a month and `GET` a method, where `may` and `get` are words of another kind.
  return isWord(lower) && !opened ? [exact(core)] : [lower];
}

/** Whether a capital letter here says no more than that a sentence begins. */
function opening(core: string, before: string[]): boolean {
  const first = before.length === 0 || before.at(-1) === "|";
  return first && (core.length === 1 || core.slice(1) === core.slice(1).toLowerCase());
}

/** Spaces inside would read as the border between two tokens. */
function exact(text: string): string {
  return `=${text.replaceAll(" ", "\u00a0")}`;
}
