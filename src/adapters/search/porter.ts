/**
 * Porter's stemmer (M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980) as SQLite's FTS5 applies it:
 * to lower-case ASCII words of 3 to 64 letters. It has to agree with FTS5, because document frequencies are read from
 * FTS5's vocabulary by stem; `test/adapters/search/porter.test.ts` compares the two over real text.
 */
export function porterStem(word: string): string {
  if (word.length < 3 || word.length > 64 || /\P{ASCII}/u.test(word)) return word;
  const steps = [plurals, pastAndProgressive, finalY, doubleSuffixes, singleSuffixes, longSuffixes, finalE, doubleL];
  return steps.reduce((stem, step) => step(stem), word);
}

type Rule = readonly [suffix: string, replacement: string];

function plurals(word: string): string {
  if (/.(?:sses|ies)$/.test(word)) return word.slice(0, -2);
  return word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}

function pastAndProgressive(word: string): string {
  if (/.eed$/.test(word)) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const suffix = ["ed", "ing"].find((suffix) => word.endsWith(suffix));
  if (!suffix) return word;
  const stem = word.slice(0, -suffix.length);
  return shape(stem).includes("v") ? repair(stem) : word;
}

/** After `ed` or `ing` is gone: conflat(ed) -> conflate, hopp(ing) -> hop, fil(ing) -> file. */
function repair(stem: string): string {
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsInDoubleConsonant(stem) && !/[lsz]$/.test(stem)) return stem.slice(0, -1);
  return measure(stem) === 1 && endsShort(stem) ? `${stem}e` : stem;
}

function finalY(word: string): string {
  return word.endsWith("y") && shape(word.slice(0, -1)).includes("v") ? `${word.slice(0, -1)}i` : word;
}

const DOUBLE: Rule[] = [
  ["ational", "ate"],
  ["tional", "tion"],
  ["enci", "ence"],
  ["anci", "ance"],
  ["izer", "ize"],
  ["logi", "log"],
  ["bli", "ble"],
  ["alli", "al"],
  ["entli", "ent"],
  ["eli", "e"],
  ["ousli", "ous"],
  ["ization", "ize"],
  ["ation", "ate"],
  ["ator", "ate"],
  ["alism", "al"],
  ["iveness", "ive"],
  ["fulness", "ful"],
  ["ousness", "ous"],
  ["aliti", "al"],
  ["iviti", "ive"],
  ["biliti", "ble"],
];

function doubleSuffixes(word: string): string {
  return replaceSuffix(word, DOUBLE);
}

const SINGLE: Rule[] = [
  ["icate", "ic"],
  ["ative", ""],
  ["alize", "al"],
  ["iciti", "ic"],
  ["ical", "ic"],
  ["ful", ""],
  ["ness", ""],
];

function singleSuffixes(word: string): string {
  return replaceSuffix(word, SINGLE);
}

/** The first rule whose suffix fits decides, whether or not the stem is long enough for it. */
function replaceSuffix(word: string, rules: Rule[]): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix));
  if (!rule) return word;
  const stem = word.slice(0, word.length - rule[0].length);
  return measure(stem) > 0 ? stem + rule[1] : word;
}

const LONG = /(?:al|ance|ence|er|ic|able|ible|ant|ement|ment|ent|ion|ou|ism|ate|iti|ous|ive|ize)$/;

function longSuffixes(word: string): string {
  const suffix = LONG.exec(word)?.[0];
  if (!suffix) return word;
  const stem = word.slice(0, -suffix.length);
  if (suffix === "ion" && !/[st]$/.test(stem)) return word;
  return measure(stem) > 1 ? stem : word;
}

function finalE(word: string): string {
  if (!word.endsWith("e")) return word;
  const stem = word.slice(0, -1);
  const length = measure(stem);
  return length > 1 || (length === 1 && !endsShort(stem)) ? stem : word;
}

function doubleL(word: string): string {
  return word.endsWith("ll") && measure(word) > 1 ? word.slice(0, -1) : word;
}

/** One letter per letter: `c` consonant, `v` vowel; a `y` is a vowel after a consonant. */
function shape(word: string): string {
  let result = "";
  for (const letter of word) {
    const vowel = "aeiou".includes(letter) || (letter === "y" && result.endsWith("c"));
    result += vowel ? "v" : "c";
  }
  return result;
}

/** Porter's m: how often a run of vowels is followed by a run of consonants. */
function measure(stem: string): number {
  return shape(stem).match(/v+c+/g)?.length ?? 0;
}

function endsInDoubleConsonant(stem: string): boolean {
  return stem.length > 1 && stem.at(-1) === stem.at(-2) && shape(stem).endsWith("c");
}

function endsShort(stem: string): boolean {
  return shape(stem).endsWith("cvc") && !/[wxy]$/.test(stem);
}
