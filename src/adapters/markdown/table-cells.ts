/** A cell of a table's row; offsets count from the beginning of the row, spaces around the text excluded. */
export interface Cell {
  start: number;
  end: number;
  /** Between the two pipes, spaces included. */
  outer: { start: number; end: number };
  /** The text with `\|` read as `|`. */
  text: string;
}

/** The cells of a row (GFM 0.29, tables): split at every pipe that no backslash stands before, also inside code. */
export function cellsOf(row: string): Cell[] {
  const end = row.trimEnd().length;
  const cells: Cell[] = [];
  let start = row[0] === "|" ? 1 : 0;
  for (let at = start; at < end; at += 1) {
    if (row[at] === "\\") at += 1;
    else if (row[at] === "|") {
      cells.push(cell(row, start, at));
      start = at + 1;
    }
  }
  if (start < end) cells.push(cell(row, start, row.length));
  return cells;
}

function cell(row: string, from: number, to: number): Cell {
  const whole = row.slice(from, to);
  const text = whole.trim();
  const start = text === "" ? Math.min(from + 1, to) : from + whole.length - whole.trimStart().length;
  const end = start + text.length;
  return { start, end, outer: { start: from, end: to }, text: text.replaceAll("\\|", "|") };
}

/** Text as it stands in a cell. */
export function escapedCell(text: string): string {
  return text.trim().replaceAll("|", "\\|");
}
