import { neutralise, type Untrusted, wrapUntrusted } from "../adapters/llm/index.ts";
import type { WovenPart } from "./node-type.ts";
import { asText } from "./templates-text.ts";

/** A word or a short name stands in its sentence; it has no room for an instruction that a reader would not see. */
const MAX_IN_LINE = 80;
const IN_LINE = /^[\p{L}\p{N}][\p{L}\p{N} ._,()/@+&'’:%-]*$/u;

/**
 * A prompt of what the author wrote and of values. Numbers, truth values and short plain texts of one line stand where
 * they are; everything else is data: it stands between delimiters that nobody can foresee, with a rule at the beginning
 * that it is never followed.
 */
export function withValuesAsData(parts: WovenPart[]): string {
  const data: Untrusted[] = [];
  const pieces = parts.map((part) => {
    if (typeof part === "string") return part;
    const text = asText(part.value);
    if (isPlain(part.value, text)) return neutralise(text);
    data.push({ label: part.cel, text: typeof part.value === "object" ? JSON.stringify(part.value, null, 2) : text });
    return data.length;
  });
  if (data.length === 0) return pieces.join("");
  const { block, rule } = wrapUntrusted(data);
  const blocks = block.split(/\n\n(?=\[data [0-9a-f]{12} \d+ ")/);
  const text = pieces.map((piece) => (typeof piece === "number" ? `\n${blocks[piece - 1]}\n` : piece)).join("");
  return `${rule}\n\n${text}`;
}

function isPlain(value: unknown, text: string): boolean {
  if (value === null || ["number", "boolean", "undefined"].includes(typeof value)) return true;
  return typeof value === "string" && (text === "" || (text.length <= MAX_IN_LINE && IN_LINE.test(text)));
}
