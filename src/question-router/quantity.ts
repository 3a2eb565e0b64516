/** `How many …`, `Which version …`: asks for a figure. `How far`, `how fast` and `how often` are answered in words as well. */
const ASKS =
  /\bhow (?:many|much|long|large|big|old|high|soon)\b|\b(?:which|what)(?:'s| is| are)?(?: the)?(?: (?!(?:do|does|did|happens) )[\p{L}.+#-]+){0,2} (?:versions?|ports?|percentages?|limits?|timeouts?|thresholds?|exit codes?|intervals?)\b|多少|几[个天次分秒小种条]|多[久长大]/iu;
const HOLDS =
  /\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|sixty|hundred|thousand|half|once|twice|single|none|never|always|every (?:second|minute|hour|day|week|month|time|save)|unlimited|forever|until|latest|hourly|daily|weekly|monthly|yearly)\b|[一二两三四五六七八九十百千无]/iu;
/** The number of an item in a list is no figure that it holds. */
const ORDINALS = /^[^\S\r\n]*\d{1,3}[.)]\s|^#+ .*$/gm;

/** Whether a question can only be answered with a number or a word for one. */
export function asksForFigure(question: string): boolean {
  return ASKS.test(question);
}

/** Whether a text holds a number, or a word that stands for one (`none`, `daily`). */
export function holdsFigure(text: string): boolean {
  return HOLDS.test(text.replaceAll(ORDINALS, ""));
}
