import { parsePattern, PatternError, type Step } from "./pattern-syntax.ts";

/** A pattern of RE2's kind; matching costs at most the product of the two lengths, whatever they say. */
export interface Pattern {
  /** Whether it matches anywhere in the text. */
  test(text: string): boolean;
  /** Units of work of a match with this text. */
  cost(text: string): number;
}

type Split = { op: "split"; either: number; or: number };
type Instruction =
  | { op: "take"; takes: (character: string) => boolean; next: number }
  | { op: "assert"; holds: (before: string, after: string) => boolean; next: number }
  | Split
  | { op: "match" };

const MAX_PATTERN = 1000;
/** Counted repetitions are written out: `(a{100}){100}` would be ten thousand. */
const MAX_STEPS = 10_000;

/** The pattern ready to match, or what is wrong with it. Look-around and back references are not regular: refused. */
export function compilePattern(source: string): Pattern | { problem: string } {
  if (source.length > MAX_PATTERN) return { problem: `it is longer than ${MAX_PATTERN} characters` };
  try {
    const program = new Assembler().assemble(parsePattern(source));
    return {
      test: (text) => run(program, text),
      cost: (text) => Math.ceil((text.length * program.length) / 8) + program.length,
    };
  } catch (error) {
    if (error instanceof PatternError) return { problem: error.message };
    throw error;
  }
}

/** Thompson's construction (Regular Expression Search Algorithm, 1968): each step ends where the next begins. */
class Assembler {
  readonly #program: Instruction[] = [];
  #steps = 0;

  assemble(step: Step): Instruction[] {
    this.#emit(step);
    this.#program.push({ op: "match" });
    return this.#program;
  }

  #emit(step: Step): void {
    this.#steps += 1;
    if (this.#steps > MAX_STEPS) throw new PatternError("its repetitions are too many");
    switch (step.kind) {
      case "take":
        this.#program.push({ op: "take", takes: step.takes, next: this.#end + 1 });
        return;
      case "assert":
        this.#program.push({ op: "assert", holds: step.holds, next: this.#end + 1 });
        return;
      case "sequence":
        for (const part of step.parts) this.#emit(part);
        return;
      case "either":
        return this.#emitEither(step.choices);
      case "repeat":
        return this.#emitRepeat(step);
    }
  }

  #emitEither(choices: Step[]): void {
    const jumps: Split[] = [];
    for (const [index, choice] of choices.entries()) {
      const split = index < choices.length - 1 ? this.#split() : null;
      this.#emit(choice);
      if (!split) break;
      jumps.push(this.#split());
      split.or = this.#end;
    }
    for (const jump of jumps) jump.either = jump.or = this.#end;
  }

  #emitRepeat({ part, min, max }: { part: Step; min: number; max: number | null }): void {
    for (let count = 0; count < min; count += 1) this.#emit(part);
    const splits: Split[] = [];
    for (let count = min; count < (max ?? min + 1); count += 1) {
      const at = this.#end;
      splits.push(this.#split());
      this.#emit(part);
      if (max === null) this.#program.push({ op: "split", either: at, or: at });
    }
    for (const split of splits) split.or = this.#end;
  }

  get #end(): number {
    return this.#program.length;
  }

  /** On to the next instruction, or to a place that is known later. */
  #split(): Split {
    const split: Split = { op: "split", either: this.#end + 1, or: 0 };
    this.#program.push(split);
    return split;
  }
}

/** All states at once, character by character; a state is entered once per place. */
function run(program: Instruction[], text: string): boolean {
  const characters = Array.from(text);
  const entered = new Int32Array(program.length).fill(-1);
  let states: number[] = [];
  for (let at = 0; at <= characters.length; at += 1) {
    const place = { at, before: characters[at - 1] ?? "", after: characters[at] ?? "" };
    const here: number[] = [];
    for (const state of [...states, 0]) if (enter(program, state, { ...place, entered, here })) return true;
    if (at === characters.length) return false;
    states = [];
    for (const state of here) {
      const instruction = program[state];
      if (instruction?.op === "take" && instruction.takes(place.after)) states.push(instruction.next);
    }
  }
  return false;
}

interface Place {
  at: number;
  before: string;
  after: string;
  entered: Int32Array;
  here: number[];
}

/** Follows what takes no character; true when the pattern is matched. */
function enter(program: Instruction[], start: number, { at, before, after, entered, here }: Place): boolean {
  const open = [start];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (entered[state] === at) continue;
    entered[state] = at;
    const instruction = program[state]!;
    if (instruction.op === "match") return true;
    if (instruction.op === "split") open.push(instruction.or, instruction.either);
    else if (instruction.op === "take") here.push(state);
    else if (instruction.holds(before, after)) open.push(instruction.next);
  }
  return false;
}
