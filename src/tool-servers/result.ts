import { neutralise } from "../adapters/llm/index.ts";
import type { DownstreamResult } from "../adapters/mcp-client/index.ts";

/** A result with its text cut to so many characters, and structured data of more than twice as many left out; both said. */
export function boundedResult(
  { text, structured }: DownstreamResult,
  maxCharacters: number,
): { text: string; structured: Record<string, unknown> | null } {
  const cut =
    text.length <= maxCharacters
      ? text
      : `${text.slice(0, maxCharacters)}\n[cut: the whole text has ${text.length} characters]`;
  if (structured === null) return { text: cut, structured: null };
  const size = JSON.stringify(structured).length;
  if (size <= maxCharacters * 2) return { text: cut, structured };
  return { text: `${cut}\n[structured data of ${size} characters left out]`, structured: null };
}

/** Characters of what a server says of its failure. */
const MAX_FAILURE = 4000;

/** What a server says of its failure: models read errors, too, and there without the marks of a result. */
export function failureWords(text: string): string {
  const lines = neutralise(text).slice(0, MAX_FAILURE).trim().split("\n");
  return lines.length === 1 ? lines[0]! : `\n${lines.map((line) => `> ${line}`).join("\n")}\n`;
}
