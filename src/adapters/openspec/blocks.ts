import { splitLines } from "./lines.ts";
import { normalizeName } from "./requirement.ts";

/** A requirement block in the parts that are merged one by one. */
export interface BlockParts {
  /** The line of the requirement's name. */
  header: string;
  /** What stands between the header and the first heading below it. */
  statement: string[];
  /** Headings with what follows them: scenarios, and whatever else somebody wrote. */
  units: Unit[];
}

export interface Unit {
  /** Name of the scenario, or the heading as it is; a second one of the same name has its number behind it. */
  name: string;
  header: string;
  /** Without blank lines at the end. */
  body: string[];
  /** Blank lines behind it. */
  gap: number;
}

const HEADING = /^#{1,4}\s/;
const SCENARIO = /^####\s+(?:Scenario:)?\s*(.*)$/i;

/** Takes a block with `\n` line ends apart; its first line is the header. */
export function partsOf(raw: string): BlockParts {
  const { text, hashes } = splitLines(raw);
  const starts = hashes.filter((index) => index > 0 && HEADING.test(text[index]!));
  const seen = new Map<string, number>();
  const units = starts.map((from, order) => unitOf(text.slice(from, starts[order + 1] ?? text.length), seen));
  return { header: text[0] ?? "", statement: text.slice(1, starts[0] ?? text.length), units };
}

/** The block that these parts make, with `\n` line ends. */
export function blockOf({ header, statement, units }: BlockParts): string {
  const lines = [header, ...statement];
  for (const unit of units) {
    if (lines.at(-1)?.trim() !== "") lines.push("");
    lines.push(unit.header, ...unit.body, ...Array.from({ length: unit.gap }, () => ""));
  }
  return lines.join("\n").trimEnd();
}

function unitOf(lines: string[], seen: Map<string, number>): Unit {
  const [header = "", ...rest] = lines;
  let end = rest.length;
  while (end > 0 && rest[end - 1]!.trim() === "") end -= 1;
  const named = SCENARIO.exec(header)?.[1];
  const plain = named === undefined ? header.trim() : normalizeName(named);
  const count = (seen.get(plain) ?? 0) + 1;
  seen.set(plain, count);
  return {
    name: count === 1 ? plain : `${plain} (${count})`,
    header,
    body: rest.slice(0, end),
    gap: rest.length - end,
  };
}
