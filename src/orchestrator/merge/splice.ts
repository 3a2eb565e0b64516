import { matchLines } from "../../adapters/openspec/index.ts";
import type { DeltaEdit } from "./port.ts";
import type { PlannedBlock } from "./plan.ts";

const BOM = "\uFEFF";
const CONTEXT = 2;

/** A delta with its merged blocks in place; everything else stays byte for byte. */
export function spliced(text: string, blocks: PlannedBlock[]): string {
  const bom = text.startsWith(BOM) ? BOM : "";
  let rest = text.slice(bom.length);
  for (const { start, end, text: merged } of inReverse(blocks)) {
    rest = `${rest.slice(0, start)}${withLineEnds(merged, rest.slice(start, end))}${rest.slice(end)}`;
  }
  return bom + rest;
}

/**
 * The edits that make one text of the other. A whole write takes the line end that the document uses most, so that a
 * document with several kinds is edited block by block.
 */
export function editsFor(before: string, after: string, blocks: PlannedBlock[]): DeltaEdit[] {
  if (!hasMixedLineEnds(before)) return [{ kind: "write", content: after }];
  const rest = before.startsWith(BOM) ? before.slice(1) : before;
  return inReverse(blocks).map(({ start, end, text }) => {
    const find = rest.slice(start, end);
    return { kind: "replace_text", find, replace: withLineEnds(text, find) };
  });
}

/** A unified diff of the blocks that change. */
export function blocksDiff(path: string, blocks: PlannedBlock[]): string {
  const hunks = blocks.flatMap(({ modification: { block }, text }) =>
    block && text !== null ? [hunk(block.line, block.raw.split("\n"), text.split("\n"))] : [],
  );
  return hunks.length === 0 ? "" : [`--- a/${path}`, `+++ b/${path}`, ...hunks].join("\n");
}

function inReverse(blocks: PlannedBlock[]): { start: number; end: number; text: string }[] {
  return blocks
    .flatMap(({ modification: { block }, text }) =>
      block && text !== null ? [{ start: block.start, end: block.end, text }] : [],
    )
    .toSorted((a, b) => b.start - a.start);
}

function withLineEnds(text: string, like: string): string {
  return like.includes("\r\n") ? text.replaceAll("\n", "\r\n") : text;
}

function hasMixedLineEnds(text: string): boolean {
  const returns = text.split("\r\n").length - 1;
  return returns > 0 && returns !== text.split("\n").length - 1;
}

function hunk(line: number, before: string[], after: string[]): string {
  const marked = mark(before, after);
  const changed = marked.flatMap((one, at) => (one.startsWith(" ") ? [] : [at]));
  const from = Math.max(0, (changed[0] ?? 0) - CONTEXT);
  const to = Math.min(marked.length, (changed.at(-1) ?? 0) + CONTEXT + 1);
  const shown = marked.slice(from, to);
  const skipped = marked.slice(0, from).length;
  const [old, now] = [shown.filter((one) => !one.startsWith("+")), shown.filter((one) => !one.startsWith("-"))];
  return [`@@ -${line + skipped},${old.length} +${line + skipped},${now.length} @@`, ...shown].join("\n");
}

function mark(before: string[], after: string[]): string[] {
  const marked: string[] = [];
  let [x, y] = [0, 0];
  for (const [oldAt, newAt] of [...matchLines(before, after), [before.length, after.length] as const]) {
    marked.push(
      ...before.slice(x, oldAt).map((line) => `-${line}`),
      ...after.slice(y, newAt).map((line) => `+${line}`),
    );
    if (newAt < after.length) marked.push(` ${after[newAt]}`);
    [x, y] = [oldAt + 1, newAt + 1];
  }
  return marked;
}
