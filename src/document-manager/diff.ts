import { matchLines } from "../adapters/openspec/index.ts";

const CONTEXT = 3;
const MAX_CHARACTERS = 20_000;

/** Lines `from` up to `to`, counted from 0, of the old text that became those of the new one. */
interface Change {
  old: { from: number; to: number };
  now: { from: number; to: number };
}

/** A unified diff of two texts. Null stands for "no file". Cut behind 20,000 characters, and says so. */
export function unifiedDiff(path: string, before: string | null, after: string | null): string {
  if (before === after) return "";
  const [old, now] = [lines(before), lines(after)];
  const title = [
    `--- ${before === null ? "/dev/null" : `a/${path}`}`,
    `+++ ${after === null ? "/dev/null" : `b/${path}`}`,
  ];
  const hunks = together(changesOf(old, now)).flatMap((changes) => hunk(changes, old, now));
  return cut([...title, ...hunks].join("\n"));
}

function changesOf(old: string[], now: string[]): Change[] {
  // White space at line ends makes no difference to the matching; it does to who reads the diff.
  const equal = matchLines(old, now).filter(([x, y]) => old[x] === now[y]);
  const changes: Change[] = [];
  let [x, y] = [0, 0];
  for (const [toOld, toNow] of [...equal, [old.length, now.length] as const]) {
    if (toOld > x || toNow > y) changes.push({ old: { from: x, to: toOld }, now: { from: y, to: toNow } });
    [x, y] = [toOld + 1, toNow + 1];
  }
  return changes;
}

/** Changes whose contexts touch share a hunk. */
function together(changes: Change[]): Change[][] {
  const groups: Change[][] = [];
  for (const change of changes) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    if (group && last && change.old.from - last.old.to <= 2 * CONTEXT) group.push(change);
    else groups.push([change]);
  }
  return groups;
}

function hunk(changes: Change[], old: string[], now: string[]): string[] {
  const [first, last] = [changes[0]!, changes.at(-1)!];
  const before = Math.min(CONTEXT, first.old.from);
  const after = Math.min(CONTEXT, old.length - last.old.to);
  const body: string[] = [];
  let at = first.old.from - before;
  const same = (to: number) => body.push(...old.slice(at, to).map((line) => ` ${line}`));
  for (const change of changes) {
    same(change.old.from);
    body.push(...old.slice(change.old.from, change.old.to).map((line) => `-${line}`));
    body.push(...now.slice(change.now.from, change.now.to).map((line) => `+${line}`));
    at = change.old.to;
  }
  same(last.old.to + after);
  const ofOld = span(first.old.from - before, last.old.to + after);
  const ofNow = span(first.now.from - before, last.now.to + after);
  return [`@@ -${ofOld} +${ofNow} @@`, ...body.map(withMark)];
}

/** Lines with their line ends, so that a change of line ends alone is seen. */
function lines(text: string | null): string[] {
  return text === null || text === "" ? [] : (text.match(/[^\n]*\n|[^\n]+$/g) ?? []);
}

function withMark(line: string): string {
  return line.endsWith("\n") ? line.slice(0, -1) : `${line}\n\\ No newline at end of file`;
}

function span(from: number, to: number): string {
  const count = to - from;
  return `${count === 0 ? from : from + 1},${count}`;
}

function cut(text: string): string {
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS)}\n… (diff cut)`;
}
