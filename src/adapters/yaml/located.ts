import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Pair } from "yaml";
import { alignScalar } from "./align.ts";
import { isTooIntricate } from "./bounds.ts";

/** Offsets into the text, the end exclusive. */
export interface Place {
  start: number;
  end: number;
}

export type YamlFault =
  | "too-large"
  | "too-intricate"
  | "syntax"
  | "duplicate-key"
  | "alias"
  | "tag"
  | "nesting"
  | "key";

export interface LocatedYaml {
  /** Plain data: maps, lists, texts, numbers, booleans, null. What has a fault is left out. */
  value: unknown;
  faults: ({ code: YamlFault; message: string } & Place)[];
  /** Of the value at a path, or of what is nearest above it. */
  at(path: readonly PropertyKey[]): Place;
  /** Of the key that the path ends with. */
  keyAt(path: readonly PropertyKey[]): Place;
  /** Of a part of the text that is the value at a path, whichever way it is written there. */
  within(path: readonly PropertyKey[], part: Place): Place;
  position(offset: number): { line: number; column: number };
}

interface Bounds {
  maxCharacters: number;
  maxTokens: number;
}

const MAX_DEPTH = 40;
const CORE_TAG = /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/;
/** What follows a mistake is mostly its echo. */
const MAX_SYNTAX = 10;
const AT_START: Place = { start: 0, end: 0 };

/** Reads YAML 1.2 of which every part can be pointed at. Reports all faults and never throws. */
export function readLocatedYaml(text: string, { maxCharacters, maxTokens }: Bounds): LocatedYaml {
  const reader = new Reader(text);
  if (text.length > maxCharacters) {
    reader.fault("too-large", `The text has ${text.length} characters; ${maxCharacters} are read.`, AT_START);
  } else if (isTooIntricate(text, maxTokens)) {
    reader.fault("too-intricate", "The text has more keys, items and brackets than are read.", AT_START);
  } else {
    reader.read();
  }
  return reader;
}

interface Entry {
  place: Place;
  key: Place | null;
  scalar: { source: string; value: string; at: number } | null;
}

class Reader implements LocatedYaml {
  value: unknown = null;
  readonly faults: LocatedYaml["faults"] = [];
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #entries = new Map<string, Entry>();

  constructor(text: string) {
    this.#text = text;
  }

  read(): void {
    try {
      const documents = parseAllDocuments(this.#text, {
        lineCounter: this.#lines,
        schema: "core",
        prettyErrors: false,
        uniqueKeys: false,
      });
      const [first, second] = Array.from(documents);
      for (const { message, pos } of (first?.errors ?? []).slice(0, MAX_SYNTAX)) {
        const deep = message.includes("call stack");
        const place = { start: pos[0], end: pos[1] };
        this.fault(deep ? "nesting" : "syntax", deep ? "The text is nested too deeply." : `${message}.`, place);
      }
      if (second) this.fault("syntax", "A second document begins here; one is read.", placeOf(second.range));
      this.value = this.#walk(first?.contents, [], null);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.fault("nesting", "The text is nested too deeply.", AT_START);
    }
  }

  fault(code: YamlFault, message: string, place: Place): void {
    this.faults.push({ code, message, ...place });
  }

  at(path: readonly PropertyKey[]): Place {
    return this.#nearest(path).place;
  }

  keyAt(path: readonly PropertyKey[]): Place {
    const entry = this.#entries.get(nameOf(path));
    return entry?.key ?? this.at(path);
  }

  within(path: readonly PropertyKey[], part: Place): Place {
    const scalar = this.#entries.get(nameOf(path))?.scalar;
    if (!scalar) return this.at(path);
    const offsets = alignScalar(scalar.source, scalar.value);
    const start = offsets[Math.min(part.start, offsets.length - 1)] ?? 0;
    const last = offsets[Math.min(Math.max(part.end - 1, part.start), offsets.length - 1)] ?? start;
    return { start: scalar.at + start, end: scalar.at + Math.max(start, last) + 1 };
  }

  position(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #nearest(path: readonly PropertyKey[]): Entry {
    for (let length = path.length; length >= 0; length -= 1) {
      const entry = this.#entries.get(nameOf(path.slice(0, length)));
      if (entry) return entry;
    }
    return { place: AT_START, key: null, scalar: null };
  }

  #walk(node: unknown, path: PropertyKey[], key: Place | null): unknown {
    if (path.length > MAX_DEPTH) {
      if (!this.faults.some(({ code }) => code === "nesting")) {
        this.fault("nesting", `More than ${MAX_DEPTH} levels are nested here.`, placeOf(rangeOf(node)));
      }
      return null;
    }
    const place = placeOf(rangeOf(node) ?? (key ? [key.end, key.end] : null));
    const entry: Entry = { place, key, scalar: null };
    this.#entries.set(nameOf(path), entry);
    if (isAlias(node)) {
      this.fault("alias", `The alias *${node.source} is not followed; write the value out.`, place);
      return null;
    }
    const tag = (node as { tag?: unknown } | null)?.tag;
    if (typeof tag === "string" && !CORE_TAG.test(tag)) {
      this.fault("tag", `The tag ${tag} means nothing here.`, place);
    }
    if (isMap(node)) return this.#map(node.items, path);
    if (isSeq(node)) return node.items.map((item, index) => this.#walk(item, [...path, index], null));
    if (!isScalar(node)) return null;
    const { value } = node;
    if (typeof value === "string") {
      entry.scalar = { source: this.#text.slice(place.start, place.end), value, at: place.start };
    }
    return typeof value === "bigint" ? Number(value) : value;
  }

  #map(items: Pair[], path: PropertyKey[]): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    for (const { key, value } of items) {
      const place = placeOf(rangeOf(key));
      const name = nameOfKey(key);
      if (name === null) {
        this.fault(isAlias(key) ? "alias" : "key", "A key is a plain text.", place);
      } else if (name === "__proto__") {
        this.fault("key", "This key means something else to JavaScript.", place);
      } else if (entries.has(name)) {
        this.fault("duplicate-key", `The key "${name.slice(0, 100)}" stands here twice.`, place);
      } else {
        entries.set(name, this.#walk(value, [...path, name], place));
      }
    }
    return Object.fromEntries(entries);
  }
}

/** Numbers and booleans name as they are written in JSON; a list or a map names nothing. */
function nameOfKey(key: unknown): string | null {
  if (!isScalar(key) || key.value === null) return null;
  return typeof key.value === "string" ? key.value : JSON.stringify(key.value);
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.map((part) => JSON.stringify(String(part))).join(",");
}

function rangeOf(node: unknown): [number, number, number] | null | undefined {
  return (node as { range?: [number, number, number] | null } | null | undefined)?.range;
}

function placeOf(range: readonly number[] | null | undefined): Place {
  return range ? { start: range[0] ?? 0, end: Math.max(range[1] ?? 0, range[0] ?? 0) } : AT_START;
}
