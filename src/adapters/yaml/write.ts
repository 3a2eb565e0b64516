import { isMap, isScalar, parseDocument, stringify, type YAMLMap } from "yaml";
import { SpecloopError } from "../../foundation/errors.ts";
import { canonicalJson } from "../../foundation/hash.ts";
import { readYaml } from "./read.ts";

/** A plain value as YAML text that ends with a line end; long text stays on its line. */
export function writeYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/**
 * The YAML text with one key set. Everything else, comments and layout included, stays as it is; a key that is not
 * there is added at the end of its map. Throws `bad_config` when the text is not a mapping that can be read, or when
 * the key cannot be set without touching another.
 */
export function setYamlKey(text: string, key: readonly string[], value: unknown): string {
  const before = readYaml(text, "the YAML") ?? {};
  if (typeof before !== "object" || Array.isArray(before)) {
    throw new SpecloopError("bad_config", "The YAML is not a mapping, so no key of it can be set.");
  }
  const wanted = canonicalJson(withKey(before as Record<string, unknown>, key, value));
  for (const candidate of candidates(text, key, value)) {
    if (fits(candidate, wanted)) return candidate;
  }
  throw new SpecloopError("bad_config", `The key ${key.join(".")} cannot be set without changing others.`);
}

/** Ways to write it, the one that touches least first; the first whose meaning is exactly the wanted one is taken. */
function* candidates(text: string, key: readonly string[], value: unknown): Generator<string> {
  const document = parseDocument(text, { schema: "core", uniqueKeys: false });
  const node = document.hasIn(key) ? document.getIn(key, true) : undefined;
  if (isScalar(node) && node.range && isPlain(value)) {
    yield text.slice(0, node.range[0]) + JSON.stringify(value) + text.slice(node.range[1]);
  }
  if (node === undefined) yield* additions(text, document.contents, { key, value });
  document.setIn(key, value);
  yield document.toString({ lineWidth: 0 });
}

function* additions(
  text: string,
  contents: unknown,
  { key, value }: { key: readonly string[]; value: unknown },
): Generator<string> {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  if (contents === null || contents === undefined) {
    yield `${closed(text, eol)}${block(key, value, { indent: 0, eol })}`;
    return;
  }
  const { map, rest } = deepestMap(contents, key);
  const last = map?.items.at(-1);
  if (!map || map.flow || !last || !map.range) return;
  const indent = columnOf(text, map.range[0]);
  const end = lineEndAfter(text, endOf(last.value) ?? endOf(last.key) ?? text.length);
  yield `${closed(text.slice(0, end), eol)}${block(rest, value, { indent, eol })}${text.slice(end)}`;
}

function closed(text: string, eol: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}${eol}`;
}

/** The innermost map that exists on the way to the key, and what of the key is missing below it. */
function deepestMap(contents: unknown, key: readonly string[]): { map: YAMLMap | null; rest: readonly string[] } {
  if (!isMap(contents)) return { map: null, rest: key };
  let map: YAMLMap = contents;
  let depth = 0;
  for (; depth < key.length - 1; depth += 1) {
    const next = map.get(key[depth], true);
    if (!isMap(next)) break;
    map = next;
  }
  return { map, rest: key.slice(depth) };
}

function block(key: readonly string[], value: unknown, { indent, eol }: { indent: number; eol: string }): string {
  const lines = key.map((name, depth) => `${" ".repeat(indent + depth * 2)}${name}:`);
  return `${lines.join(eol)} ${JSON.stringify(value)}${eol}`;
}

function endOf(node: unknown): number | undefined {
  const range = (node as { range?: [number, number, number] | null } | null)?.range;
  return range?.[1];
}

function lineEndAfter(text: string, offset: number): number {
  if (offset > 0 && text[offset - 1] === "\n") return offset;
  const end = text.indexOf("\n", offset);
  return end === -1 ? text.length : end + 1;
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf("\n", offset - 1) + 1);
}

function isPlain(value: unknown): boolean {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function fits(candidate: string, wanted: string): boolean {
  try {
    return canonicalJson(readYaml(candidate, "the YAML")) === wanted;
  } catch {
    return false;
  }
}

function withKey(map: Record<string, unknown>, key: readonly string[], value: unknown): Record<string, unknown> {
  const [first, ...rest] = key as [string, ...string[]];
  if (rest.length === 0) return { ...map, [first]: value };
  const inner = map[first];
  const base = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner : {};
  return { ...map, [first]: withKey(base as Record<string, unknown>, rest, value) };
}
