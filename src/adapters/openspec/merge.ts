import { blockOf, partsOf, type BlockParts, type Unit } from "./blocks.ts";
import { areEqual, mergeLines, settleLines, written, type Sides } from "./merge-lines.ts";

/** One place of a requirement that both sides changed; null where a side does not have it. */
export interface MergeConflict extends Sides<string | null> {
  /** Name of the scenario; null for the statement. */
  scenario: string | null;
}

export interface BlockMerge {
  /** The merged block with `\n` line ends; null when there is a conflict. */
  text: string | null;
  conflicts: MergeConflict[];
}

/**
 * Merges a requirement three ways: its statement line by line, its scenarios as wholes by name, because half a scenario
 * of each side is no behaviour that anybody wrote down. A scenario that one side renamed and left as it was otherwise is
 * followed. The header is `ours`. Blocks have `\n` line ends. Pure; linear in what is equal.
 */
export function mergeBlocks(sides: Sides<string>): BlockMerge {
  const parts = { base: partsOf(sides.base), theirs: partsOf(sides.theirs), ours: partsOf(sides.ours) };
  if (Object.values(parts).some(({ units }) => units.length > MAX_SCENARIOS)) return mergeWhole(sides);
  const statement = mergeStatement(parts);
  const units = mergeUnits(parts);
  const conflicts = [...statement.conflicts, ...units.conflicts];
  if (conflicts.length > 0) return { text: null, conflicts };
  const { header } = parts.ours;
  return { text: blockOf({ header, statement: statement.lines, units: units.units }), conflicts };
}

/** Whether two blocks say the same below their headers, but for blank lines and white space at the ends of lines. */
export function saysTheSame(a: string, b: string): boolean {
  return a === b || areEqual(a.split("\n").slice(1), b.split("\n").slice(1));
}

/** Lines of a block with the scenario that they stand in, so that equal steps of two scenarios are two lines. */
export function placedLines(raw: string): { scenario: string | null; line: string }[] {
  const { statement, units } = partsOf(raw);
  return [
    ...written(statement).map((line) => ({ scenario: null, line })),
    ...units.flatMap(({ name, header, body }) =>
      written([header, ...body]).map((line) => ({ scenario: name, line: line.trim() })),
    ),
  ];
}

/** More scenarios than a requirement has: they are not compared with each other, which takes the square of their number. */
const MAX_SCENARIOS = 500;

function mergeWhole({ base, theirs, ours }: Sides<string>): BlockMerge {
  const body = (raw: string) => raw.split("\n").slice(1);
  const lines = settleLines({ base: body(base), theirs: body(theirs), ours: body(ours) });
  if (lines === null) return { text: null, conflicts: [{ scenario: null, base, theirs, ours }] };
  return { text: [ours.split("\n", 1)[0], ...lines].join("\n"), conflicts: [] };
}

function mergeStatement({ base, theirs, ours }: Sides<BlockParts>): { lines: string[]; conflicts: MergeConflict[] } {
  const sides = { base: base.statement, theirs: theirs.statement, ours: ours.statement };
  const whole = settleLines(sides);
  if (whole) return { lines: whole, conflicts: [] };
  const stretches = mergeLines(sides);
  return {
    lines: stretches.flatMap((stretch) => (stretch.kind === "merged" ? stretch.lines : [])),
    conflicts: stretches.flatMap((stretch) =>
      stretch.kind === "conflict"
        ? [{ scenario: null, base: text(stretch.base), theirs: text(stretch.theirs), ours: text(stretch.ours) }]
        : [],
    ),
  };
}

function mergeUnits(parts: Sides<BlockParts>): { units: Unit[]; conflicts: MergeConflict[] } {
  const { base, theirs, ours } = parts;
  const [inTheirs, inOurs] = [follow(base.units, theirs.units), follow(base.units, ours.units)];
  const conflicts: MergeConflict[] = [];
  const take = (sides: Units): Unit[] => {
    const settled = settleUnit(sides);
    if (settled === "conflict") conflicts.push(conflictOf(sides));
    return settled === "conflict" || settled === null ? [] : [settled];
  };
  const byBase = new Map(base.units.map((unit) => [unit.name, unit]));
  const merged = ours.units.flatMap((unit) => {
    const name = inOurs.baseOf(unit);
    const old = name === null ? undefined : byBase.get(name);
    const there = name === null ? inTheirs.added.get(unit.name) : inTheirs.byBase.get(name);
    return take({ base: old, theirs: there, ours: unit });
  });
  for (const unit of base.units)
    if (!inOurs.byBase.has(unit.name)) take({ base: unit, theirs: inTheirs.byBase.get(unit.name) });
  const ownNames = new Set(inOurs.added.keys());
  const came = theirs.units.filter((unit) => inTheirs.baseOf(unit) === null && !ownNames.has(unit.name));
  const units = insert(merged, came, theirs.units);
  return { units, conflicts: [...conflicts, ...doubled(units, parts)] };
}

/** Which unit of a side was made from which of the base. */
interface Followed {
  /** By name in the base. */
  byBase: Map<string, Unit>;
  /** Units that the base does not have, by their own name. */
  added: Map<string, Unit>;
  baseOf(unit: Unit): string | null;
}

/** By name; a unit under a new name with the very steps of one that is gone was renamed. */
function follow(base: Unit[], side: Unit[]): Followed {
  const names = new Set(side.map(({ name }) => name));
  const known = new Set(base.map(({ name }) => name));
  const gone = base.filter(({ name }) => !names.has(name));
  const byBase = new Map<string, Unit>();
  const baseNames = new Map<Unit, string>();
  for (const unit of side) {
    const same = (old: Unit) => !byBase.has(old.name) && written(old.body).length > 0 && areEqual(old.body, unit.body);
    const name = known.has(unit.name) ? unit.name : gone.find(same)?.name;
    if (name === undefined) continue;
    byBase.set(name, unit);
    baseNames.set(unit, name);
  }
  const added = new Map(side.filter((unit) => !baseNames.has(unit)).map((unit) => [unit.name, unit]));
  return { byBase, added, baseOf: (unit) => baseNames.get(unit) ?? null };
}

/** One scenario on the three sides, where they have it. */
type Units = { [Side in keyof Sides<Unit>]?: Unit | undefined };

/** Null when it goes. */
function settleUnit({ base, theirs, ours }: Units): Unit | null | "conflict" {
  if (!theirs && !ours) return null;
  if (!theirs || !ours) {
    const left = (theirs ?? ours)!;
    if (!base) return left;
    return isSame(left, base) ? null : "conflict";
  }
  const header = settleHeader(base, theirs, ours);
  const body = settleLines({ base: base?.body ?? [], theirs: theirs.body, ours: ours.body });
  return header === null || body === null ? "conflict" : { ...ours, header, body };
}

/** The name that one side gave it. */
function settleHeader(base: Unit | undefined, theirs: Unit, ours: Unit): string | null {
  if (theirs.name === ours.name || theirs.name === base?.name) return ours.header;
  return ours.name === base?.name ? theirs.header : null;
}

function isSame(a: Unit, b: Unit): boolean {
  return a.name === b.name && areEqual(a.body, b.body);
}

/** One side gave a scenario the name that the other side gave to another one: OpenSpec compares names alone. */
function doubled(units: Unit[], { theirs, ours }: Sides<BlockParts>): MergeConflict[] {
  const inside = (side: Unit[], { header }: Unit) => side.filter((unit) => unit.header.trim() === header.trim());
  const twice = units.filter((unit, at) => {
    const same = inside(units, unit);
    const known = Math.max(inside(theirs.units, unit).length, inside(ours.units, unit).length);
    return same.length > known && units.findIndex((other) => other.header.trim() === unit.header.trim()) === at;
  });
  return twice.map((unit) => {
    const [there, here] = [inside(theirs.units, unit)[0], inside(ours.units, unit)[0]];
    return conflictOf({ theirs: there, ours: here ?? unit });
  });
}

/** Puts what the other side added behind what stands before it there. */
function insert(merged: Unit[], came: Unit[], order: Unit[]): Unit[] {
  const result = [...merged];
  for (const unit of came) {
    const before = new Set(order.slice(0, order.indexOf(unit)).map(({ header }) => header.trim()));
    const at = result.findLastIndex(({ header }) => before.has(header.trim()));
    result.splice(at === -1 && before.size > 0 ? result.length : at + 1, 0, { ...unit, gap: 1 });
  }
  return result;
}

function conflictOf({ base, theirs, ours }: Units): MergeConflict {
  const whole = (unit: Unit | undefined) => (unit ? text([unit.header, ...unit.body]) : null);
  const scenario = (ours ?? theirs ?? base)!.name;
  return { scenario, base: whole(base), theirs: whole(theirs), ours: whole(ours) };
}

function text(lines: string[]): string {
  return lines.join("\n").trim();
}
