/** What nobody sees: zero-width, bidirectional, tag and control characters; newline and tab stay. */
const INVISIBLE = /(?![\t\n]|\u{fe0f})[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]/gu;

/** A text that somebody else wrote as a person may be shown it: nothing in it is invisible or turns the text around. */
export function visible(text: string): string {
  return text.replaceAll(/\r\n?|[\u2028\u2029]/g, "\n").replaceAll(INVISIBLE, "");
}

/** The same on one line of at most `most` characters. */
export function oneLine(text: string, most: number): string {
  const line = visible(text).replaceAll(/\s+/g, " ").trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}

/** One line that is text and nothing else in a markdown document: no link, no image, no HTML, no code. */
export function asMarkdownText(text: string, most: number): string {
  return oneLine(text, most).replaceAll(/[\\<>[\]`*_]/g, "\\$&");
}
