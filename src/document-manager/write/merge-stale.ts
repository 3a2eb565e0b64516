import { applyEdit, planEdit, scanSections, type DocumentEdit } from "../../adapters/markdown/index.ts";
import { matchLines } from "../../adapters/openspec/index.ts";

/** An edit that was made against `base`, while the document says `current` by now. Texts may have a byte order mark. */
export interface Stale {
  base: string;
  current: string;
  edits: DocumentEdit[];
  path: string;
}

/**
 * The document with both changes, null where they may touch each other. Two ways lead there: the lines that the edit
 * changed and those that changed meanwhile have an untouched line between them; or each edit finds the lines that it
 * replaces as they were (two neighbouring tasks may be ticked by two agents). What is a heading must come out as both
 * sides together say. Throws what planning the edit on its base throws. Pure.
 */
export function mergeStale(stale: Stale): string | null {
  const { base, current, edits, path } = stale;
  const edited = edits.reduce((text, edit) => applyEdit(text, edit, path), base);
  const merged = mergeLines(base, edited, current) ?? replay(stale);
  if (merged === null) return null;
  const [was, ours, theirs, now] = [base, edited, current, merged].map(headings);
  return was && ours && theirs && now && isSum({ was, ours, theirs, now }) ? merged : null;
}

/** Lines of the base from `start` to before `end`, and what one side made of them. */
interface Hunk {
  start: number;
  end: number;
  lines: string[];
}

function mergeLines(base: string, ours: string, theirs: string): string | null {
  const lines = linesOf(base);
  const [left, right] = [hunksOf(lines, linesOf(ours)), hunksOf(lines, linesOf(theirs))];
  const touching = left.some((mine) => right.some((other) => mine.end >= other.start && other.end >= mine.start));
  if (touching) return null;
  const merged: string[] = [];
  let at = 0;
  for (const { start, end, lines: made } of [...left, ...right].toSorted((a, b) => a.start - b.start)) {
    merged.push(...lines.slice(at, start), ...made);
    at = end;
  }
  return [...merged, ...lines.slice(at)].join("");
}

function hunksOf(base: string[], other: string[]): Hunk[] {
  const same = matchLines(base, other).filter(([from, to]) => base[from] === other[to]);
  const hunks: Hunk[] = [];
  let [at, to] = [0, 0];
  for (const [line, there] of [...same, [base.length, other.length] as const]) {
    if (line > at || there > to) hunks.push({ start: at, end: line, lines: other.slice(to, there) });
    [at, to] = [line + 1, there + 1];
  }
  return hunks;
}

/** Makes the edits on both texts side by side, as long as each finds the same lines to replace in both. */
function replay({ base, current, edits, path }: Stale): string | null {
  let [was, now] = [base, current];
  for (const edit of edits) {
    if (edit.kind === "write") return null;
    try {
      const [there, here] = [touched(was, edit, path), touched(now, edit, path)];
      if (there.lines !== here.lines || there.made !== here.made) return null;
      [was, now] = [applyEdit(was, edit, path), applyEdit(now, edit, path)];
    } catch {
      // Its target is no longer there, or there twice.
      return null;
    }
  }
  return now;
}

/** The whole lines that an edit replaces; where it only inserts, the lines around that place. */
function touched(text: string, edit: DocumentEdit, path: string): { lines: string; made: string } {
  const body = text.replace(/^\uFEFF/, "");
  const { start, end, replacement } = planEdit(body, edit, path);
  const inserts = start === end;
  const from = body.lastIndexOf("\n", inserts ? start - 2 : start - 1) + 1;
  const until = body.indexOf("\n", inserts ? end : Math.max(end - 1, start));
  return { lines: body.slice(from, until === -1 ? body.length : until + 1), made: replacement };
}

function headings(text: string): string[] {
  const body = text.replace(/^\uFEFF/, "");
  return scanSections(body)
    .filter(({ level }) => level > 0)
    .map(({ level, path }) => `${level} ${path.at(-1) ?? ""}`);
}

/** Whether the merged document has the headings of the base, with those that each side added and without those it took. */
function isSum({ was, ours, theirs, now }: Record<"was" | "ours" | "theirs" | "now", string[]>): boolean {
  const count = new Map<string, number>();
  const add = (names: string[], by: number) => {
    for (const name of names) count.set(name, (count.get(name) ?? 0) + by);
  };
  add(ours, 1);
  add(theirs, 1);
  add(was, -1);
  add(now, -1);
  return [...count.values()].every((left) => left === 0);
}

/** Lines with their line ends. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
