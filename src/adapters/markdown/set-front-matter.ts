import { isDeepStrictEqual } from "node:util";
import { isCollection, isMap, isNode, isScalar, stringify, type Document, type Pair } from "yaml";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Splice } from "./splice.ts";
import { frontMatterRange, parseFrontMatter, readFrontMatter } from "./front-matter.ts";
import { dominantLineEnd, withLineEnds, type LineEnd } from "./lines.ts";

interface Setting {
  key: string;
  value: unknown;
}

/**
 * Replaces the one value of a top-level key, or adds the key behind the others, or a front matter block to a document
 * that has none. Comments, order and quoting of everything else stay. The result is read back before it is accepted.
 */
export function setFrontMatter(text: string, setting: Setting, path: string): Splice {
  checkSetting(setting, path);
  const lineEnd = dominantLineEnd(text);
  const splice = plan(text, setting, { path, lineEnd });
  const result = text.slice(0, splice.start) + splice.replacement + text.slice(splice.end);
  const wanted = {
    ...readFrontMatter(text, path).data,
    [setting.key]: JSON.parse(JSON.stringify(setting.value)) as unknown,
  };
  if (isDeepStrictEqual(readFrontMatter(result, path).data, wanted)) return splice;
  throw new SpecloopError(
    "bad_front_matter",
    `The key "${setting.key}" of ${path} is written in a way that cannot be edited safely.`,
    {
      target: path,
      fix: "Change it by replacing its exact text.",
    },
  );
}

function checkSetting({ key, value }: Setting, path: string): void {
  const usable = key.length > 0 && key.length <= 200 && key !== "__proto__" && !/\p{Cc}/u.test(key);
  if (!usable || value === undefined || typeof value === "function") {
    throw new SpecloopError("bad_input", `"${key}" and its value cannot be front matter.`, { target: path });
  }
}

function plan(text: string, setting: Setting, { path, lineEnd }: { path: string; lineEnd: LineEnd }): Splice {
  const range = frontMatterRange(text);
  const line = withLineEnds(block(setting), lineEnd);
  if (!range) {
    const gap = text === "" || /^[\r\n]/.test(text) ? "" : lineEnd;
    return { start: 0, end: 0, replacement: `---${lineEnd}${line}---${lineEnd}${gap}` };
  }
  const document = parseFrontMatter(text, path);
  const pair = pairOf(document, setting.key);
  if (!pair) return { start: range.end, end: range.end, replacement: line };
  const inside = valueSplice(text.slice(range.start, range.end), pair, setting.value);
  return {
    start: range.start + inside.start,
    end: range.start + inside.end,
    replacement: withLineEnds(inside.replacement, lineEnd),
  };
}

function pairOf({ contents }: Document, key: string): Pair | undefined {
  if (!isMap(contents)) return undefined;
  return contents.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
}

/** `key: value` as a block of lines. */
function block({ key, value }: Setting): string {
  return stringify({ [key]: value }, { schema: "core", lineWidth: 0 });
}

/** On one line, fit to stand behind `key: ` and inside brackets. */
function flow(value: unknown): string {
  return stringify(value, {
    schema: "core",
    lineWidth: 0,
    collectionStyle: "flow",
    flowCollectionPadding: false,
    defaultStringType: "QUOTE_DOUBLE",
    defaultKeyType: "PLAIN",
  }).trim();
}

function inline(value: unknown): string {
  const plain =
    typeof value === "string"
      ? stringify(value, { schema: "core", lineWidth: 0, blockQuote: false }).trim()
      : flow(value);
  return plain.includes("\n") ? JSON.stringify(value) : plain;
}

/** Offsets count from the beginning of the YAML. */
function valueSplice(yaml: string, pair: Pair, value: unknown): Splice {
  const node = isNode(pair.value) ? pair.value : null;
  const colon = colonEnd(pair);
  const range = node?.range;
  const source = range ? yaml.slice(range[0], range[1]).trimEnd() : "";
  if (!range || source === "") return { start: colon, end: colon, replacement: ` ${inline(value)}` };
  const [start] = range;
  const end = start + source.length;
  if (!isBlock(node)) return { start, end, replacement: isInBraces(yaml) ? flow(value) : inline(value) };
  if (Array.isArray(value) && value.length > 0 && isCollection(node)) {
    return { start, end, replacement: blockItems(yaml, start, value) };
  }
  const comment = /#[^\r\n]*/.exec(yaml.slice(colon, start))?.[0];
  return { start: colon, end, replacement: ` ${inline(value)}${comment ? ` ${comment}` : ""}` };
}

/** A collection by indentation, or a `|` or `>` text. */
function isBlock(node: unknown): boolean {
  return isCollection(node) ? !node.flow : isScalar(node) && String(node.type).startsWith("BLOCK");
}

/** List items below each other, each at the column where the old ones began. */
function blockItems(yaml: string, start: number, value: unknown[]): string {
  const column = start - Math.max(yaml.lastIndexOf("\n", start - 1), yaml.lastIndexOf("\r", start - 1)) - 1;
  return stringify(value, { schema: "core", lineWidth: 0 })
    .trimEnd()
    .replaceAll("\n", `\n${" ".repeat(column)}`);
}

/** Whether the whole mapping is written in braces, where plain text would end at a comma. */
function isInBraces(yaml: string): boolean {
  return yaml.trimStart().startsWith("{");
}

function colonEnd(pair: Pair): number {
  const indicator = pair.srcToken?.sep?.find(({ type }) => type === "map-value-ind");
  const key = isNode(pair.key) ? pair.key.range?.[1] : undefined;
  return indicator ? indicator.offset + 1 : (key ?? 0) + 1;
}
