import { isAlias, isMap, isScalar, LineCounter, parseDocument, visit, type Document, type YAMLMap } from "yaml";
import { SpecloopError } from "../../foundation/errors.ts";
import { isTooIntricate } from "../yaml/index.ts";
import { lineNumberAt, linesOf, splitBom } from "./lines.ts";
import type { FrontMatter } from "./port.ts";

/** Larger front matter is refused: it is data about a document, not a document. */
const MAX_BYTES = 64 * 1024;

/**
 * The front matter of a document: YAML between a first line `---` and the next line `---`. `---js`, `---json` and the
 * like are text, nothing of them is ever run. Throws `bad_front_matter` with the line for what is not a plain mapping:
 * broken YAML, aliases, keys given twice, more than 64 kB.
 */
export function readFrontMatter(text: string, path: string): FrontMatter {
  const { rest } = splitBom(text);
  const range = frontMatterRange(rest);
  if (!range) return { data: {}, range: null, bodyStart: 0 };
  const document = parseFrontMatter(rest, path);
  return { data: dataOf(document), range: { start: range.start, end: range.end }, bodyStart: range.bodyStart };
}

export interface FrontMatterRange {
  start: number;
  end: number;
  bodyStart: number;
}

/** Where the YAML lies in a text without byte order mark; null without front matter. */
export function frontMatterRange(text: string): FrontMatterRange | null {
  let start = -1;
  for (const line of linesOf(text)) {
    const fence = /^---[ \t]*$/.test(text.slice(line.start, line.contentEnd));
    if (start === -1) {
      if (!fence || line.end === line.contentEnd) return null;
      start = line.end;
    } else if (fence) return { start, end: line.start, bodyStart: line.end };
  }
  return null;
}

/** The checked YAML document between the fences; offsets of its nodes count from the beginning of the YAML. */
export function parseFrontMatter(text: string, path: string): Document {
  const range = frontMatterRange(text);
  if (!range) throw bad(path, 1, "there is none");
  const yaml = text.slice(range.start, range.end);
  if (Buffer.byteLength(yaml) > MAX_BYTES) throw bad(path, 1, `it is larger than ${MAX_BYTES / 1024} kB`);
  if (isTooIntricate(yaml)) throw bad(path, 1, "it has more keys, items and brackets than are read");
  const counter = new LineCounter();
  const lineOf = (offset: number) => lineNumberAt(text, range.start) + counter.linePos(offset).line - 1;
  const document = parse(yaml, counter, (why) => bad(path, 2, why));
  const [error] = document.errors;
  if (error) throw bad(path, lineOf(error.pos[0]), error.message.split("\n")[0] ?? "it is broken");
  check(document, (offset, why) => bad(path, lineOf(offset), why));
  return document;
}

/** Duplicate keys are looked for by us: the library's own check takes minutes for a hostile mapping. */
function parse(yaml: string, lineCounter: LineCounter, refuse: (why: string) => SpecloopError): Document {
  try {
    return parseDocument(yaml, {
      schema: "core",
      uniqueKeys: false,
      keepSourceTokens: true,
      lineCounter,
      logLevel: "error",
      prettyErrors: false,
    });
  } catch {
    throw refuse("it is nested too deeply");
  }
}

function check(document: Document, refuse: (offset: number, why: string) => SpecloopError): void {
  if (document.contents !== null && !isMap(document.contents) && !isEmptyScalar(document.contents)) {
    throw refuse(document.contents.range?.[0] ?? 0, "it is not a mapping of keys to values");
  }
  visit(document, {
    Alias: (_key, node) => {
      throw refuse(node.range?.[0] ?? 0, "aliases (*name) are not accepted");
    },
    Map: (_key, node) => {
      const twice = duplicateKey(node);
      if (twice) throw refuse(twice.offset, `the key "${twice.name}" is given twice`);
    },
  });
}

function isEmptyScalar(node: unknown): boolean {
  return isScalar(node) && node.value === null;
}

function duplicateKey(map: YAMLMap): { name: string; offset: number } | null {
  const seen = new Set<string>();
  for (const { key } of map.items) {
    if (isAlias(key) || !isScalar(key)) continue;
    const name = String(key.value);
    if (seen.has(name)) return { name, offset: key.range?.[0] ?? 0 };
    seen.add(name);
  }
  return null;
}

function dataOf(document: Document): Record<string, unknown> {
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function bad(path: string, line: number, why: string): SpecloopError {
  return new SpecloopError("bad_front_matter", `The front matter of ${path} cannot be used: ${why}.`, {
    target: `${path}:${line}`,
    details: { line },
  });
}
