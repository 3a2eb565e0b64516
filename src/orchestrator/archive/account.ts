import {
  parseDelta,
  parseSpec,
  splitLines,
  type ParsedDelta,
  type Requirement,
} from "../../adapters/openspec/index.ts";
import type { Diagnostic } from "../../foundation/errors.ts";

/** One main spec before and after a merge of one delta; null for "no file". */
export interface MergedSpec {
  capability: string;
  before: string | null;
  delta: string;
  after: string | null;
}

interface Block {
  name: string;
  raw: string;
}

/**
 * Every text of the spec and of the delta that `after` does not account for; empty when the merge is what the delta says
 * and nothing else. Pure: an account of its own, which does not trust the merge that it checks. Rules are OpenSpec 1.13's:
 * RENAMED, REMOVED, MODIFIED, ADDED in this order, whole blocks, names compared exactly. Blank lines and white space at
 * line ends do not count.
 */
export function accountFor({ capability, before, delta: text, after }: MergedSpec): Diagnostic[] {
  const delta = parseDelta(text);
  const main = before === null ? [] : parseSpec(before).requirements;
  const problems = [...droppedSilently(capability, delta, main), ...duplicates(capability, main, delta)];
  const { blocks, impossible } = expectedBlocks(capability, main, delta);
  const found = after === null ? [] : parseSpec(after).requirements;
  return [
    ...problems,
    ...impossible,
    ...compareBlocks(capability, blocks, found),
    ...lostAround(capability, { before, after, kept: blocks.length }),
  ];
}

/** Lines that count, in order. */
function linesThatCount(text: string): string[] {
  return splitLines(text)
    .text.map((line) => line.trimEnd())
    .filter((line) => line !== "");
}

/**
 * What OpenSpec leaves behind with a warning at most: requirements of the delta outside its sections, and sections of
 * other kinds that hang on a block which is removed or replaced.
 */
function droppedSilently(capability: string, delta: ParsedDelta, main: readonly Requirement[]): Diagnostic[] {
  const orphans = delta.orphaned.map(({ name, line }) =>
    doubt("text_not_applied", `The delta's requirement "${name}" stands outside its sections.`, {
      target: `${capability}:${line}`,
      fix: "Move it below ADDED, MODIFIED, REMOVED or RENAMED Requirements.",
    }),
  );
  const replaced = new Map([
    ...delta.removed.map(({ name }) => [name, ""] as const),
    ...delta.modified.map(({ name, raw }) => [name, raw] as const),
  ]);
  const tails = main.flatMap(({ name, raw, line }) => {
    const next = replaced.get(name);
    if (next === undefined) return [];
    const gone = missingLines(foreignTail(raw), linesThatCount(next));
    if (gone.length === 0) return [];
    return [
      doubt("text_would_go_along", `"${gone[0]}" stands inside the block of "${name}" and would go with it.`, {
        target: `${capability}:${line}`,
        fix: "Move that section of the spec below a requirement of its own, or above ## Requirements.",
      }),
    ];
  });
  return [...orphans, ...tails];
}

/** The lines of a block from the first heading that is neither the requirement's nor a scenario's. */
function foreignTail(raw: string): string[] {
  const { text, fenced } = splitLines(raw);
  const at = text.findIndex((line, index) => index > 0 && !fenced[index] && /^ {0,3}#{1,3}(?:[ \t]|$)/.test(line));
  return at === -1 ? [] : linesThatCount(text.slice(at).join("\n"));
}

/** OpenSpec keeps the last of two blocks with one name, so none of them may be touched. */
function duplicates(capability: string, main: readonly Requirement[], delta: ParsedDelta): Diagnostic[] {
  const touched = new Set([
    ...delta.modified.map(({ name }) => name),
    ...delta.removed.map(({ name }) => name),
    ...delta.renamed.flatMap(({ from, to }) => [from, to]),
  ]);
  const names = main.map(({ name }) => name);
  const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index && touched.has(name)));
  return [...twice].map((name) =>
    doubt("duplicate_requirement", `The spec has "${name}" more than once.`, {
      target: capability,
      fix: "Give each requirement of the spec a name of its own first.",
    }),
  );
}

function expectedBlocks(
  capability: string,
  main: readonly Requirement[],
  delta: ParsedDelta,
): { blocks: Block[]; impossible: Diagnostic[] } {
  const blocks: Block[] = main.map(({ name, raw }) => ({ name, raw }));
  const impossible: Diagnostic[] = [];
  const at = (name: string) => blocks.findIndex((block) => block.name === name);
  const cannot = (what: string, name: string) =>
    impossible.push(
      doubt("text_not_applied", `${what} "${name}" has no requirement of that name to work on.`, {
        target: capability,
      }),
    );
  for (const { from, to } of delta.renamed) {
    const block = blocks[at(from)];
    if (block) blocks[at(from)] = { name: to, raw: [`### Requirement: ${to}`, ...rest(block.raw)].join("\n") };
    else if (at(to) === -1) cannot("RENAMED", from);
  }
  for (const { name } of delta.removed) if (at(name) !== -1) blocks.splice(at(name), 1);
  for (const { name, raw } of delta.modified) {
    if (at(name) === -1) cannot("MODIFIED", name);
    else blocks[at(name)] = { name, raw };
  }
  for (const { name, raw } of delta.added) {
    const there = blocks[at(name)];
    if (!there) blocks.push({ name, raw });
    else if (!sameLines(there.raw, raw)) impossible.push(notAdded(capability, name));
  }
  return { blocks, impossible };
}

function notAdded(capability: string, name: string): Diagnostic {
  return doubt("text_not_applied", `ADDED "${name}" is in the spec already, with another text.`, {
    target: capability,
  });
}

function rest(raw: string): string[] {
  return raw.split("\n").slice(1);
}

/** Each expected block once and whole, and no other; an ADDED that was there already must be there as it is added. */
function compareBlocks(capability: string, expected: Block[], found: readonly Requirement[]): Diagnostic[] {
  const left = [...found];
  const problems: Diagnostic[] = [];
  for (const { name, raw } of expected) {
    const same = left.findIndex((block) => block.name === name && sameLines(block.raw, raw));
    const index = same === -1 ? left.findIndex((block) => block.name === name) : same;
    const block = left[index];
    if (!block) problems.push(lost(capability, name, linesThatCount(raw)));
    else {
      left.splice(index, 1);
      problems.push(...compareLines(capability, { name, raw }, block));
    }
  }
  return [...problems, ...left.map((block) => unexpected(capability, block.name, linesThatCount(block.raw)))];
}

function compareLines(capability: string, expected: Block, found: Block): Diagnostic[] {
  if (sameLines(expected.raw, found.raw)) return [];
  const [want, have] = [bodyOf(expected.raw), bodyOf(found.raw)];
  const gone = missingLines(want, have);
  const extra = missingLines(have, want);
  if (gone.length > 0) return [lost(capability, expected.name, gone)];
  if (extra.length > 0) return [unexpected(capability, expected.name, extra)];
  return [doubt("text_reordered", `The lines of "${expected.name}" are in another order.`, { target: capability })];
}

/** The header may be written with other spaces; its name was compared. */
function bodyOf(raw: string): string[] {
  return linesThatCount(rest(raw).join("\n"));
}

function sameLines(a: string, b: string): boolean {
  return bodyOf(a).join("\n") === bodyOf(b).join("\n");
}

/** Title, purpose, introduction and everything behind the requirements stay as they are. */
function lostAround(
  capability: string,
  { before, after, kept }: { before: string | null; after: string | null; kept: number },
): Diagnostic[] {
  if (before === null) return [];
  // A capability whose last requirement goes may be retired: OpenSpec removes the file with its title and purpose.
  if (after === null) return kept === 0 ? [] : [lost(capability, null, ["the whole spec"])];
  const gone = missingLines(around(before), around(after));
  return gone.length === 0 ? [] : [lost(capability, null, gone)];
}

function around(content: string): string[] {
  const lines = splitLines(content).text;
  for (const { line, endLine } of parseSpec(content).requirements) lines.fill("", line - 1, endLine);
  return linesThatCount(lines.join("\n"));
}

/** Lines of `wanted` that `there` does not have, each as often as it is missing. */
function missingLines(wanted: readonly string[], there: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of there) counts.set(line, (counts.get(line) ?? 0) + 1);
  return wanted.filter((line) => {
    const left = counts.get(line) ?? 0;
    counts.set(line, left - 1);
    return left <= 0;
  });
}

function lost(capability: string, name: string | null, lines: string[]): Diagnostic {
  const where = name === null ? `the spec of ${capability}` : `"${name}" of ${capability}`;
  return doubt("text_lost", `${where} would lose ${count(lines)}: ${excerpt(lines)}`, { target: capability });
}

function unexpected(capability: string, name: string, lines: string[]): Diagnostic {
  return doubt(
    "text_unexpected",
    `"${name}" of ${capability} would have ${count(lines)} that nobody wrote: ${excerpt(lines)}`,
    {
      target: capability,
    },
  );
}

function count(lines: string[]): string {
  return lines.length === 1 ? "a line" : `${lines.length} lines`;
}

function excerpt(lines: string[]): string {
  const [first = ""] = lines;
  return first.length > 160 ? `${first.slice(0, 160)}…` : first;
}

function doubt(code: string, message: string, more: { target: string; fix?: string }): Diagnostic {
  return { severity: "error", code, message, ...more };
}
