import { matchLines } from "./line-diff.ts";

/** The three sides of a merge: what both were made from, what the spec says now, what the delta says. */
export interface Sides<Value> {
  base: Value;
  theirs: Value;
  ours: Value;
}

/** A stretch of a merged text. */
export type Stretch = { kind: "merged"; lines: string[] } | ({ kind: "conflict" } & Sides<string[]>);

/**
 * Merges lines three ways (diff3: Khanna, Kunal, Pierce, "A Formal Investigation of Diff3", 2007). A stretch that both
 * sides changed is a conflict, unless one of them has done what the other did and more. Where only white space at the
 * ends of lines differs, `ours` stays.
 */
export function mergeLines(sides: Sides<string[]>): Stretch[] {
  const { base, theirs, ours } = sides;
  const [inTheirs, inOurs] = [new Map(matchLines(base, theirs)), new Map(matchLines(base, ours))];
  const stretches: Stretch[] = [];
  let [o, t, u] = [0, 0, 0];
  for (let at = 0; at <= base.length; at += 1) {
    const isEnd = at === base.length;
    const [there, here] = isEnd ? [theirs.length, ours.length] : [inTheirs.get(at), inOurs.get(at)];
    if (there === undefined || here === undefined) continue;
    const changed = { base: base.slice(o, at), theirs: theirs.slice(t, there), ours: ours.slice(u, here) };
    stretches.push(...settle(changed), ...(isEnd ? [] : [merged([ours[here]!])]));
    [o, t, u] = [at + 1, there + 1, here + 1];
  }
  return stretches;
}

/** What a stretch becomes that at least one side changed; null for a conflict. */
export function settleLines({ base, theirs, ours }: Sides<string[]>): string[] | null {
  if (areEqual(theirs, base) || areEqual(theirs, ours)) return ours;
  if (areEqual(ours, base) || has(theirs, ours, base)) return theirs;
  return has(ours, theirs, base) ? ours : null;
}

/** Whether two stretches say the same; white space at the ends of lines and blank lines make no difference. */
export function areEqual(a: string[], b: string[]): boolean {
  const [left, right] = [written(a), written(b)];
  return left.length === right.length && left.every((line, at) => line === right[at]);
}

/** The lines that are not blank, without white space at their ends. */
export function written(lines: string[]): string[] {
  return lines.map((line) => line.trimEnd()).filter((line) => line !== "");
}

function settle(sides: Sides<string[]>): Stretch[] {
  if (sides.base.length + sides.theirs.length + sides.ours.length === 0) return [];
  const settled = settleLines(sides);
  return [settled ? merged(settled) : { kind: "conflict", ...sides }];
}

function merged(lines: string[]): Stretch {
  return { kind: "merged", lines };
}

/** Whether `whole` has done what `part` did to the base: every line that came, in order, and none that went. */
function has(whole: string[], part: string[], base: string[]): boolean {
  const [from, to, all] = [written(base), written(part), written(whole)];
  const pairs = matchLines(from, to);
  const [stayed, old] = [new Set(pairs.map(([, index]) => index)), new Set(pairs.map(([index]) => index))];
  const came = to.filter((_, index) => !stayed.has(index));
  const went = from.filter((_, index) => !old.has(index));
  const there = new Set(all);
  return went.every((line) => !there.has(line)) && isSubsequence(came, all);
}

function isSubsequence(part: string[], whole: string[]): boolean {
  let at = 0;
  for (const line of whole) if (at < part.length && line === part[at]) at += 1;
  return at === part.length;
}
