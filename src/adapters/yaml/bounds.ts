import { Lexer } from "yaml";

/** A configuration of a hundred keys has some 700; parsing this many takes about 0.1 s, whatever they are. */
const MAX_TOKENS = 10_000;

/**
 * Whether a text has more YAML tokens than any document that we read. Parsing costs 10 µs and more for each, so 256 kB of
 * brackets stop a daemon for seconds; the lexer stops as soon as it is clear.
 */
export function isTooIntricate(text: string, maxTokens = MAX_TOKENS): boolean {
  let count = 0;
  for (const _token of new Lexer().lex(text)) {
    count += 1;
    if (count > maxTokens) return true;
  }
  return false;
}
