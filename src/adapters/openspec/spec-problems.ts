import { hashesIn, type Lines, type Span } from "./lines.ts";
import { requirementName, type Requirement } from "./requirement.ts";

/** Why OpenSpec 1.13 does not write a main spec that it has merged a delta into. */
export interface SpecProblem {
  /** 1-based. */
  line: number;
  /** Half a sentence: what is wrong. */
  message: string;
  /** It is gone when this requirement is removed or replaced; null when only an edit of the spec mends it. */
  requirement: string | null;
}

/** More are not looked for: one is enough to refuse. */
const MAX_PROBLEMS = 20;
const DELTA_HEADER = /^##\s+(?:ADDED|MODIFIED|REMOVED|RENAMED)\s+Requirements\s*$/i;
const HEADER = /^(#{1,6})\s+(.+)$/;

/** Where a main spec has its requirements and its purpose. */
export interface SpecParts {
  purpose: Span | null;
  requirements: Span | null;
  blocks: Requirement[];
}

/**
 * What is wrong with a main spec so that archive refuses to write it, whatever the delta says (openspec 1.13,
 * `parsers/spec-structure` before the merge, `validation/validator` after it; warnings do not count). Pure.
 */
export function specProblems(lines: Lines, { purpose, requirements, blocks }: SpecParts): SpecProblem[] {
  if (lines.text.every((line) => line.trim() === "")) return [whole("it is empty")];
  const problems = [
    ...(hasText(lines, purpose) ? [] : [{ ...whole("it has no Purpose"), line: (purpose?.from ?? 0) + 1 }]),
    ...(requirements === null ? [whole("it has no section Requirements")] : []),
    ...misplaced(lines, requirements),
    ...(requirements === null ? [] : unfinished(lines, requirements)),
    ...blocks
      .filter(({ text }) => text === "")
      .map(({ name, line }) => {
        return { line, message: `the requirement "${name}" has no text`, requirement: name };
      }),
  ];
  return problems.slice(0, MAX_PROBLEMS);
}

function whole(message: string): SpecProblem {
  return { line: 1, message, requirement: null };
}

function hasText({ text }: Lines, span: Span | null): boolean {
  if (span === null) return false;
  for (let index = span.from + 1; index < span.to; index += 1) if (text[index]!.trim() !== "") return true;
  return false;
}

function misplaced({ text, hashes }: Lines, section: Span | null): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const seen = new Set<string>();
  for (const index of hashes) {
    const line = text[index]!;
    const add = (message: string) => problems.push({ line: index + 1, message, requirement: null });
    const name = requirementName(line);
    if (DELTA_HEADER.test(line)) add(`"${line.trim()}" is a heading of deltas`);
    else if (name === null) continue;
    else if (section === null || index <= section.from || index >= section.to)
      add(`the requirement "${name}" stands outside the section Requirements`);
    else if (seen.has(name)) add(`the requirement "${name}" stands there twice`);
    else seen.add(name);
    if (problems.length >= MAX_PROBLEMS) break;
  }
  return problems;
}

/** Headings directly below the section are requirements to OpenSpec's reader, and need a scenario with something below it. */
function unfinished(lines: Lines, section: Span): SpecProblem[] {
  const { text } = lines;
  const problems: SpecProblem[] = [];
  const headers = hashesIn(lines, { from: section.from + 1, to: section.to }).filter((at) => HEADER.test(text[at]!));
  let open: { from: number; level: number; scenario: boolean } | null = null;
  // What stands behind a requirement under a heading of another kind goes with it.
  let block: string | null = null;
  const close = () => {
    if (open && !open.scenario) problems.push({ ...without(text[open.from]!, open.from), requirement: block });
  };
  for (const [order, index] of headers.entries()) {
    const level = HEADER.exec(text[index]!)![1]!.length;
    if (open === null || level <= open.level) {
      close();
      block = requirementName(text[index]!) ?? block;
      open = { from: index, level, scenario: false };
    } else if (!open.scenario) {
      open.scenario = hasText(lines, { from: index, to: headers[order + 1] ?? section.to });
    }
    if (problems.length >= MAX_PROBLEMS) return problems;
  }
  close();
  return problems;
}

function without(line: string, from: number): SpecProblem {
  const name = requirementName(line);
  const what = name === null ? `"${line.trim()}"` : `the requirement "${name}"`;
  return { line: from + 1, message: `${what} has no scenario`, requirement: name };
}
