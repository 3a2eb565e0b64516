/**
 * How far a question needs what was said before it. `certain`: it goes on (`and …`, `what about …`), points back with
 * nothing before it to point at (`is it …`) or leaves out what it is about (`why?`, `the staging one`). `possible`: a word
 * points back, and what it means may stand in the question itself (`When the daemon stops, does it …`).
 */
export type Dependence = "none" | "possible" | "certain";

export function dependence(text: string): Dependence {
  const plain = text
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[\u2018\u2019]/g, "'")
    .replaceAll(/`[^`]*`|"[^"]*"/g, " quoted ")
    .replaceAll(OWN, " here ")
    .replaceAll(EXPLETIVE, " is ok ")
    .replaceAll(/[\s,]+/g, " ")
    .trim();
  if (CJK.test(plain)) return CJK_GOES_ON.test(plain) ? "certain" : CJK_BACK.test(plain) ? "possible" : "none";
  if (GOES_ON.test(plain) || LEAVES_OUT.test(plain) || ONE.test(plain)) return "certain";
  const pointing = POINTS_BACK.exec(plain);
  if (!pointing) return "none";
  const before = plain.slice(0, pointing.index).match(/[\p{L}\p{N}'_./-]+/gu) ?? [];
  return before.filter((word) => !GRAMMAR.has(word)).length >= INSIDE ? "possible" : "certain";
}

/** Whether a question can be understood by itself. */
export function isSelfContained(text: string): boolean {
  return dependence(text) === "none";
}

/** So many words of content before a pronoun may hold what it stands for. */
const INSIDE = 2;
const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
/** Here the question names what it points at. */
const OWN =
  /\b(?:this|that|these|those) (?:project|repository|repo|codebase|code base|product|tool|package|daemon|server)(?:'s)?\b/g;
/** `Is it possible to …` points at nothing. */
const EXPLETIVE =
  /\b(?:is|was|would|will) it (?:possible|allowed|permitted|ok|okay|necessary|required|safe|better|true|planned|decided|documented)(?= (?:to|that|whether|if|for|where|how)\b)/g;
const GOES_ON =
  /^(?:(?:and|but|or|also|then|plus|again|otherwise|instead|nor|neither|yes|no)\b|(?:ok|okay|so|well) (?:and|but|then)\b|(?:what|how) (?:about|if it|else)\b|why not\b|how so\b|are you sure|same\b|(?:for|in|on|with|without|from|to|at|by|before|after|during|because)\b(?!.*\b(?:what|which|whom|who|how|when|where|why|is|are|do|does|did|can|may|must|should|will|was|were|has|have)\b))/;
const LEAVES_OUT =
  /^(?:how|when|where|who|why|what|which|which ones?|how many|how much|how long|how often|since when|by whom|really|more|for example|an example|examples?|details)\s*[?.!]*$/;
/** `the staging one`, `and the new ones`: what they are ones of was said before. */
const ONE =
  /\b(?:the|a|an|that|this|other|another|\p{L}+) ones?(?=\s*(?:[?.!]|$))(?<!\b(?:only|at least|exactly|than|more than|every|each|any|just) ones?)/u;
const POINTS_BACK =
  /\b(?:it|its|it's|itself|they|them|their|theirs|he|him|his|she|her|this|these|those|former|latter|aforementioned|the above|the previous|the same|such)\b|\b(?:is|was|does|do|did|can|could|will|would|should|must|may|are|were|of|for|with|after|before|about|like|in|on|at|by|from|to|without|than|if|why|how) that\b|^that\b|\bthat\s*[?.!]*$|\bthat (?:one|case|time|way|too)\b/;
const CJK_GOES_ON = /^(?:那么?|还有|另外|然后|而且|但是|或者|以及|それで|では|じゃあ)|^为什么[??]?$|^.{1,8}呢[??]?$/;
const CJK_BACK = /它|其(?![他它中实])|这|那|上述|前者|后者|刚才|それ|これ|あれ|その|この/;
const GRAMMAR: ReadonlySet<string> = new Set(
  (
    "a an the is are am was were be do does did has have had can could may might must shall should will would not if when " +
    "where why how what which who whom whose i we you one to of in on at by for from with and or but so then there here please " +
    "happens happen work works use used mean means"
  ).split(" "),
);
