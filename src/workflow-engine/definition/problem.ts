import type { LocatedYaml } from "../../adapters/yaml/index.ts";
import type { Diagnostic } from "../../foundation/errors.ts";
import { namesLike } from "../../foundation/near-names.ts";

/** One mistake in a definition. `severity` error: there is no plan. */
export interface DefinitionProblem extends Diagnostic {
  severity: "error" | "warning";
  /** `schema/unknown-key`, `graph/cycle`, `expr/type`: stable. */
  code: string;
  /** `file:line:column`, or the path alone where there is no text. */
  target: string;
  fix: string;
  file: string;
  /** From 1; null for a definition that was built by a program. */
  line: number | null;
  column: number | null;
  /** Of the character after the mistake, on the same line. */
  endColumn: number | null;
  /** `nodes.review.when`: where it is in the data. */
  path: string;
  /** The line with the mistake, and carets under it; empty where there is no text. */
  excerpt: string;
}

/** Where a mistake is: a path in the data, and there the key, the value, or a part of the value's text. */
export interface Spot {
  path: readonly PropertyKey[];
  key?: boolean;
  part?: { start: number; end: number };
}

interface Report {
  code: string;
  message: string;
  fix: string;
  severity?: "error" | "warning";
}

/** More than these help nobody. */
const MAX_PROBLEMS = 100;
const MAX_EXCERPT = 160;

/** Collects mistakes and finds their places in the text. */
export class Problems {
  readonly #found: { problem: DefinitionProblem; offset: number }[] = [];
  readonly #file: string;
  readonly #text: string;
  readonly #yaml: LocatedYaml | null;

  constructor(file: string, text: string, yaml: LocatedYaml | null) {
    this.#file = file;
    this.#text = text;
    this.#yaml = yaml;
  }

  get failed(): boolean {
    return this.#found.some(({ problem }) => problem.severity === "error");
  }

  /** Whether more would not be told. */
  get full(): boolean {
    return this.#found.length >= MAX_PROBLEMS;
  }

  add({ path, key = false, part }: Spot, report: Report): void {
    const name = path.map(String).join(".");
    const yaml = this.#yaml;
    if (!yaml) return this.#push(report, { path: name, target: name === "" ? this.#file : `${this.#file}: ${name}` });
    this.addAt(key ? yaml.keyAt(path) : part ? yaml.within(path, part) : yaml.at(path), report, name);
  }

  addAt({ start, end }: { start: number; end: number }, report: Report, path = ""): void {
    const from = this.#yaml?.position(start) ?? { line: 1, column: 1 };
    const target = `${this.#file}:${from.line}:${from.column}`;
    const line = this.#lineAt(start);
    const width = Math.max(1, Math.min(end - start, line.length - from.column + 1));
    const excerpt = excerptOf(line, from, width);
    this.#push(report, { path, target, ...from, endColumn: from.column + width, excerpt }, start);
  }

  /** In the order of the text. */
  list(): DefinitionProblem[] {
    return this.#found.toSorted((a, b) => a.offset - b.offset).map(({ problem }) => problem);
  }

  #push(report: Report, place: Partial<DefinitionProblem> & { path: string; target: string }, offset = -1): void {
    if (this.full) return;
    const nowhere = { line: null, column: null, endColumn: null, excerpt: "" };
    this.#found.push({ problem: { severity: "error", ...report, file: this.#file, ...nowhere, ...place }, offset });
  }

  #lineAt(offset: number): string {
    const start = this.#text.lastIndexOf("\n", offset - 1) + 1;
    const end = this.#text.indexOf("\n", offset);
    return this.#text.slice(start, end === -1 ? undefined : end).replace(/\r$/, "");
  }
}

/** A long line is cut around the mistake; what is no visible character is shown as a blank of the same width. */
function excerptOf(line: string, { line: number, column }: { line: number; column: number }, width: number): string {
  const from = Math.max(0, Math.min(column - 1 - 60, line.length - MAX_EXCERPT));
  const shown = line.slice(from, from + MAX_EXCERPT).replaceAll(/\p{C}/gu, " ");
  const gutter = String(number).padStart(6);
  const carets = "^".repeat(Math.max(1, Math.min(width, MAX_EXCERPT - (column - 1 - from))));
  return `${gutter} | ${shown}\n${" ".repeat(6)} | ${" ".repeat(column - 1 - from)}${carets}`;
}

/** `Did you mean "agent"?`, or what there is. */
export function suggestion(word: string, known: readonly string[]): string {
  const [near] = namesLike(word, known);
  if (near !== undefined) return `Did you mean "${near}"?`;
  if (known.length === 0) return "There are none here.";
  const shown = known.slice(0, 12).join(", ");
  return `Known: ${shown}${known.length > 12 ? ` and ${known.length - 12} more` : ""}.`;
}

/** Text of a definition as a message shows it. */
export function quoted(text: string): string {
  const visible = text.replaceAll(/\p{C}/gu, " ");
  return `"${visible.length > 60 ? `${visible.slice(0, 60)}…` : visible}"`;
}
