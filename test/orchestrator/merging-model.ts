import { parseSpec } from "../../src/adapters/openspec/index.ts";
import type { Base } from "../../src/orchestrator/bases/base.ts";
import { baseKey, baseStates, modificationsOf, staleBases, targetOf } from "../../src/orchestrator/bases/index.ts";
import { isCurrent } from "../../src/orchestrator/bases/states.ts";
import { changeOf, documentOf, type ChangeFiles } from "../../src/orchestrator/index.ts";
import { planMerge } from "../../src/orchestrator/merge/plan.ts";
import { spliced } from "../../src/orchestrator/merge/splice.ts";

/** What one of the parties does. */
export type Step = { kind: "write" | "merge" | "archive"; party: number } | Edit;

interface Edit {
  kind: "add" | "reword" | "remove" | "scenario";
  party: number;
  /** Which of its sentences. */
  at: number;
}

export const MAIN = `# Auth Specification

## Purpose
People sign in with their own name so that nobody works in the name of others.

## Requirements

### Requirement: Sign in
The system SHALL let people sign in s0.
It SHALL greet them s1.
It SHALL tell the time s2.

#### Scenario: good s3
- **WHEN** the password is right s4
- **THEN** they are in s5
`;
const PATH = "openspec/changes/c/specs/auth/spec.md";

/** Someone's delta, with what its author meant: which sentences came and which went on purpose. */
export class Author {
  delta: string;
  readonly added = new Set<string>();
  readonly removed = new Set<string>();

  /** Begins with the requirement as it is. */
  constructor(main: string) {
    this.delta = deltaFor(main);
  }

  edit({ kind, at }: Edit, name: string): void {
    const lines = this.delta.split("\n");
    const places = lines.flatMap((line, index) => (sentenceIn(line) !== null ? [index] : []));
    const index = places[at % places.length]!;
    const line = lines[index]!;
    const sentence = sentenceIn(line)!;
    const isHeading = line.startsWith("#");
    if (kind === "scenario") {
      lines.push("", `#### Scenario: more ${name}`, `- **THEN** ${name}0`);
      this.added.add(name).add(`${name}0`);
    } else if (kind === "add") {
      lines.splice(index + 1, 0, isHeading || line.startsWith("-") ? `- **AND** ${name}` : `It SHALL ${name}.`);
      this.added.add(name);
    } else if (isHeading) return;
    else if (kind === "remove") {
      lines.splice(index, 1);
      this.#forget(sentence);
    } else {
      lines[index] = line.replace(sentence, name);
      this.#forget(sentence);
      this.added.add(name);
    }
    this.delta = lines.join("\n");
  }

  /** How a person settles a conflict: the spec as it is, without what was to go and with what was to come. */
  settle(main: string): void {
    const kept = deltaFor(main)
      .split("\n")
      .filter((line) => !this.removed.has(sentenceIn(line) ?? ""));
    const known = new Set(kept.map(sentenceIn));
    const news = [...this.added].filter((sentence) => !known.has(sentence));
    this.delta = applyToDelta(kept.join("\n"), news.map((sentence) => `It SHALL ${sentence}.`).join("\n"));
  }

  #forget(sentence: string): void {
    if (!this.added.delete(sentence)) this.removed.add(sentence);
  }
}

/** The sentences that the spec must have: what was archived, less what was taken out on purpose. */
export class Wanted {
  #sentences = new Set(sentences(MAIN));

  archived({ added, removed }: Author): void {
    for (const sentence of removed) this.#sentences.delete(sentence);
    for (const sentence of added) this.#sentences.add(sentence);
  }

  get all(): string[] {
    return [...this.#sentences].toSorted();
  }
}

/**
 * Several authors over one requirement. Sentences are told apart by the word `s<number>` at their end. Bases, gate and
 * merge are the product's own pure parts; only the files and git are left out.
 */
export class Model {
  main = MAIN;
  merges = 0;
  conflicts = 0;
  readonly wanted = new Wanted();
  readonly #authors = new Map<number, { author: Author; base: string }>();
  #next = 100;

  take(step: Exclude<Step, { kind: "archive" }>): void {
    const known = this.#authors.get(step.party);
    if (step.kind === "write") {
      if (!known) this.#authors.set(step.party, { author: new Author(this.main), base: blockOf(this.main) });
    } else if (known && step.kind === "merge") this.#merge(known);
    else if (known && "at" in step) {
      known.author.edit(step, `s${(this.#next += 1)}`);
      this.#look(known);
    }
  }

  /** What the archive gate says: a delta that may be archived, or why not. */
  gate(party: number): { delta: string } | "none" | "stale" {
    const known = this.#authors.get(party);
    if (!known) return "none";
    this.#look(known);
    const bases = baseStates(filesOf(known.author), { specs: this.#specs() }, basesOf(known.base));
    return staleBases({ bases }).length > 0 ? "stale" : { delta: known.author.delta };
  }

  archive(party: number, main: string): void {
    this.main = main;
    this.wanted.archived(this.#authors.get(party)!.author);
    this.#authors.delete(party);
  }

  #specs() {
    return new Map([["auth", documentOf("openspec/specs/auth/spec.md", "spec", Buffer.from(this.main))]]);
  }

  /** What the daemon does after every batch of saves. */
  #look(known: { author: Author; base: string }): void {
    const [modification] = modificationsOf(filesOf(known.author));
    const main = targetOf(modification!, this.#specs().get("auth"))!.raw;
    if (isCurrent(modification!, { text: known.base, source: "seen" }, main)) known.base = main;
  }

  #merge(known: { author: Author; base: string }): void {
    this.#look(known);
    const files = filesOf(known.author);
    const blocks = planMerge({ files, specs: this.#specs(), bases: basesOf(known.base), resolved: new Set() });
    if (blocks.length === 0) return;
    if (blocks.some(({ outcome }) => outcome === "conflict")) {
      this.conflicts += 1;
      known.author.settle(this.main);
    } else {
      this.merges += 1;
      known.author.delta = spliced(known.author.delta, blocks);
    }
    known.base = blockOf(this.main);
  }
}

/** A delta that repeats the requirement as it is. */
export function deltaFor(main: string): string {
  return `## MODIFIED Requirements\n\n${blockOf(main)}\n`;
}

export function applyToDelta(delta: string, sentence: string): string {
  return sentence === "" ? delta : delta.replace("\n\n####", `\n${sentence}\n\n####`);
}

export function sentences(text: string): string[] {
  return text.split("\n").flatMap((line) => sentenceIn(line) ?? []);
}

function filesOf({ delta }: Author): ChangeFiles {
  const document = documentOf(PATH, "delta", Buffer.from(delta));
  const documents = new Map([["specs/auth/spec.md", document]]);
  return changeOf({ id: "c", documents, truncated: false, git: "untracked", branch: null });
}

function basesOf(text: string): Map<string, Base> {
  const at = { capability: "auth", requirement: "Sign in" };
  return new Map([
    [baseKey(at), { ...at, text, commit: null, source: "seen", takenAt: 0, blockHash: "", goneAt: null }],
  ]);
}

function blockOf(main: string): string {
  return parseSpec(main).requirements[0]!.raw;
}

function sentenceIn(line: string): string | null {
  return /\bs\d+\b/.exec(line)?.[0] ?? null;
}
