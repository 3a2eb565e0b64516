import { isDeepStrictEqual } from "node:util";
import { isMap, isNode, isScalar, type Pair } from "yaml";
import { SpecloopError } from "../../foundation/errors.ts";
import { frontMatterRange, parseFrontMatter, readFrontMatter } from "./front-matter.ts";
import { lineEndBehind, lineStartAt } from "./lines.ts";
import { blankAt, spliced, type Splice } from "./splice.ts";

/**
 * Takes a top-level key with its value and the comment behind it away; comments on lines of their own stay. Front matter
 * that has nothing left goes as a whole. The result is read back before it is accepted.
 */
export function removeFrontMatter(text: string, key: string, path: string): Splice {
  const range = frontMatterRange(text);
  const { data } = readFrontMatter(text, path);
  if (!range || !Object.hasOwn(data, key)) {
    const candidates = Object.keys(data).slice(0, 50);
    throw new SpecloopError("unknown_section", `The front matter of ${path} has no key "${key}".`, {
      target: path,
      details: { candidates },
    });
  }
  const yaml = text.slice(range.start, range.end);
  const { start, end } = linesOfPair(text, { key, offset: range.start, path });
  const rest = yaml.slice(0, start - range.start) + yaml.slice(end - range.start);
  const splice =
    rest.trim() === ""
      ? { start: 0, end: behind(text, range.bodyStart), replacement: "" }
      : { start, end, replacement: "" };
  const { [key]: _gone, ...wanted } = data;
  if (isDeepStrictEqual(readBack(spliced(text, splice), path), wanted)) return splice;
  throw new SpecloopError(
    "bad_front_matter",
    `The key "${key}" of ${path} is written in a way that cannot be taken away safely.`,
    { target: path, fix: "Take it away by replacing its exact text." },
  );
}

/** The line that parts front matter from the text goes with it. */
function behind(text: string, bodyStart: number): number {
  return blankAt(text, bodyStart) ? lineEndBehind(text, bodyStart) : bodyStart;
}

function readBack(text: string, path: string): Record<string, unknown> | null {
  try {
    return readFrontMatter(text, path).data;
  } catch {
    return null;
  }
}

function linesOfPair(text: string, { key, offset, path }: { key: string; offset: number; path: string }) {
  const { contents } = parseFrontMatter(text, path);
  const pair = isMap(contents) ? contents.items.find((item) => isKey(item, key)) : undefined;
  const start = offset + startOf(pair?.key);
  const colon = pair?.srcToken?.sep?.find(({ type }) => type === "map-value-ind");
  // A block's range ends behind its last line end, anything else on its line.
  const end = Math.max(colon ? offset + colon.offset + 1 : start, offset + endOf(pair?.value));
  const last = end > start && /[\r\n]/.test(text[end - 1] ?? "") ? end : lineEndBehind(text, end);
  return { start: lineStartAt(text, start), end: last };
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function endOf(node: unknown): number {
  return isNode(node) ? (node.range?.[1] ?? 0) : 0;
}

function isKey(item: Pair, key: string): boolean {
  return isScalar(item.key) && String(item.key.value) === key;
}
