/** One part of a pattern. */
export type Step =
  | { kind: "take"; takes: (character: string) => boolean }
  | { kind: "assert"; holds: (before: string, after: string) => boolean }
  | { kind: "sequence"; parts: Step[] }
  | { kind: "either"; choices: Step[] }
  | { kind: "repeat"; part: Step; min: number; max: number | null };

export class PatternError extends Error {}

const MAX_NESTING = 50;
const MAX_COUNT = 1000;

type Takes = (character: string) => boolean;

const digit: Takes = (c) => c >= "0" && c <= "9";
const word: Takes = (c) => /^\w$/.test(c);
const space: Takes = (c) => /^\s$/.test(c);
const not =
  (takes: Takes): Takes =>
  (c) =>
    !takes(c);
const only =
  (one: string): Takes =>
  (c) =>
    c === one;
const CLASSES: Record<string, Takes> = { d: digit, D: not(digit), w: word, W: not(word), s: space, S: not(space) };
const CONTROLS: Record<string, string> = { n: "\n", r: "\r", t: "\t", f: "\f", v: "\v" };
const edge = (before: string, after: string) => word(before) !== word(after);
const ASSERTIONS: Record<string, (before: string, after: string) => boolean> = {
  "^": (before) => before === "",
  $: (_before, after) => after === "",
  b: edge,
  B: (before, after) => !edge(before, after),
};

/** Reads RE2's syntax without flags and Unicode classes; throws PatternError. */
export function parsePattern(source: string): Step {
  const reader = new Reader(source);
  const step = either(reader, 0);
  if (!reader.done) throw new PatternError('a ")" has no "("');
  return step;
}

class Reader {
  readonly #characters: string[];
  #at = 0;

  constructor(source: string) {
    this.#characters = Array.from(source);
  }

  get done(): boolean {
    return this.#at >= this.#characters.length;
  }

  peek(): string {
    return this.#characters[this.#at] ?? "";
  }

  next(): string {
    const character = this.peek();
    this.#at += 1;
    return character;
  }

  skip(expected: string): boolean {
    const found = this.#characters.slice(this.#at, this.#at + expected.length).join("") === expected;
    if (found) this.#at += expected.length;
    return found;
  }

  /** Takes what matches from here on. */
  take(pattern: RegExp): RegExpExecArray | null {
    const found = pattern.exec(this.#characters.slice(this.#at, this.#at + 80).join(""));
    if (found) this.#at += Array.from(found[0]).length;
    return found;
  }
}

function either(reader: Reader, depth: number): Step {
  if (depth > MAX_NESTING) throw new PatternError("it is nested too deeply");
  const choices = [sequence(reader, depth)];
  while (reader.skip("|")) choices.push(sequence(reader, depth));
  return { kind: "either", choices };
}

function sequence(reader: Reader, depth: number): Step {
  const parts: Step[] = [];
  while (!reader.done && reader.peek() !== "|" && reader.peek() !== ")") parts.push(repeated(reader, depth));
  return { kind: "sequence", parts };
}

function repeated(reader: Reader, depth: number): Step {
  const part = atom(reader, depth);
  const found = reader.take(/^(?:[*+?]|\{(\d{1,4})(?:(,)(\d{1,4})?)?\})/);
  if (!found) return part;
  reader.skip("?");
  if (/^[*+?]/.test(reader.peek())) throw new PatternError("a repetition is repeated");
  const [sign, from, comma, to] = found;
  const [min, max] =
    from === undefined
      ? [sign === "+" ? 1 : 0, sign === "?" ? 1 : null]
      : [Number(from), comma ? (to === undefined ? null : Number(to)) : Number(from)];
  if (min > MAX_COUNT || (max ?? 0) > MAX_COUNT || (max !== null && max < min)) {
    throw new PatternError(`${sign} cannot be counted`);
  }
  return { kind: "repeat", part, min, max };
}

function atom(reader: Reader, depth: number): Step {
  const character = reader.next();
  if (character === "(") return group(reader, depth);
  if (character === "[") return { kind: "take", takes: set(reader) };
  if (character === ".") return { kind: "take", takes: (c) => c !== "\n" };
  if (character === "^" || character === "$") return { kind: "assert", holds: ASSERTIONS[character]! };
  if (character === "\\") return escaped(reader);
  if ("*+?".includes(character)) throw new PatternError(`"${character}" repeats nothing`);
  return { kind: "take", takes: only(character) };
}

function group(reader: Reader, depth: number): Step {
  if (!reader.skip("?:") && !reader.take(/^\?P?<[A-Za-z_]\w*>/) && reader.peek() === "?") {
    throw new PatternError("look-around and flags are not supported");
  }
  const step = either(reader, depth + 1);
  if (!reader.skip(")")) throw new PatternError('a "(" is not closed');
  return step;
}

function escaped(reader: Reader): Step {
  const assertion = ["b", "B"].includes(reader.peek()) ? ASSERTIONS[reader.next()] : undefined;
  if (assertion) return { kind: "assert", holds: assertion };
  const found = escape(reader);
  return { kind: "take", takes: typeof found === "string" ? only(found) : found };
}

/** What stands after a backslash: a class, or one character. */
function escape(reader: Reader): Takes | string {
  const code = reader.take(/^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|x\{([0-9a-fA-F]{1,6})\})/);
  if (code) {
    const value = Number.parseInt(code[1] ?? code[2] ?? code[3] ?? "", 16);
    if (value > 0x10ffff) throw new PatternError("a character code is too large");
    return String.fromCodePoint(value);
  }
  const character = reader.next();
  if (character === "") throw new PatternError("it ends with a backslash");
  if (CLASSES[character]) return CLASSES[character];
  if (CONTROLS[character]) return CONTROLS[character];
  if (/^[0-9A-Za-z]$/.test(character)) throw new PatternError(`\\${character} is not supported`);
  return character;
}

function set(reader: Reader): Takes {
  const negated = reader.skip("^");
  const parts: Takes[] = [];
  for (let first = true; first || reader.peek() !== "]"; first = false) {
    if (reader.done) throw new PatternError('a "[" is not closed');
    if (first && reader.peek() === "]") throw new PatternError("a set is empty; write \\] for a bracket");
    const from = member(reader);
    if (typeof from !== "string" || reader.peek() !== "-") parts.push(typeof from === "string" ? only(from) : from);
    else parts.push(range(reader, from));
  }
  reader.next();
  const takes: Takes = (c) => parts.some((part) => part(c));
  return negated ? not(takes) : takes;
}

/** From the hyphen on; one at the end of the set is itself. */
function range(reader: Reader, from: string): Takes {
  reader.next();
  if (reader.peek() === "]") return (c) => c === from || c === "-";
  const to = member(reader);
  if (typeof to !== "string") throw new PatternError("a range ends with a class");
  const [low, high] = [from.codePointAt(0)!, to.codePointAt(0)!];
  if (high < low) throw new PatternError(`the range ${from}-${to} is the wrong way round`);
  return (c) => {
    const code = c.codePointAt(0) ?? -1;
    return code >= low && code <= high;
  };
}

function member(reader: Reader): Takes | string {
  return reader.skip("\\") ? escape(reader) : reader.next();
}
