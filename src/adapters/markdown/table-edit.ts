import { SpecloopError } from "../../foundation/errors.ts";
import type { Stretch, TableBlock } from "./blocks.ts";
import { besideOf, choose, shortened } from "./choose.ts";
import { dominantLineEnd, lineEndBehind, lineNumberAt, lineStartAt } from "./lines.ts";
import type { RowEdit, RowValue } from "./port.ts";
import { scanBlocks } from "./scan.ts";
import { scopeOf } from "./scope.ts";
import { joined, type Splice } from "./splice.ts";
import { cellsOf, escapedCell, type Cell } from "./table-cells.ts";

type Of<Kind extends RowEdit["kind"]> = Extract<RowEdit, { kind: Kind }>;

/** Some cells of a row; a cell keeps its width where the new text fits into it. */
export function setRow(text: string, edit: Of<"set_row">, path: string): Splice {
  const { row, columns } = findRow(text, { ...edit, wanted: edit.target }, path);
  const cells = cellsOf(text.slice(row.start, row.end));
  const splices = [...valuesOf(edit.value, columns, path)].map(([column, value]) => {
    const cell = cells[column];
    if (cell) return cellSplice(cell, row.start, cellText(value, path));
    throw new SpecloopError(
      "bad_input",
      `The row "${shortened(edit.target)}" of ${path} has no cell "${shortened(columns[column] ?? "")}".`,
      {
        target: path,
        fix: "Delete the row and add it anew with all its cells.",
      },
    );
  });
  if (splices.length === 0) throw noCells(edit.kind, columns, path);
  return joined(text, splices);
}

/** A row beside another one, or at the end of the table, with the widths that the table has. */
export function addRow(text: string, edit: Of<"add_row">, path: string): Splice {
  const beside = besideOf(edit, path);
  const found = beside ? findRow(text, { ...edit, wanted: beside.name }, path) : null;
  const table = found?.table ?? onlyTable(text, edit.section, path);
  const columns = columnsOf(text, table);
  const values = valuesOf(edit.value, columns, path);
  if (values.size === 0) throw noCells(edit.kind, columns, path);
  const last = table.rows.at(-1) ?? table.delimiter;
  const shape = found?.row ?? last;
  const line = newRow(text, { table, shape, columns: columns.length }, (column) =>
    cellText(values.get(column) ?? "", path),
  );
  const lineEnd = dominantLineEnd(text);
  if (found && beside?.side === "before") {
    const start = lineStartAt(text, found.row.start);
    return { start, end: start, replacement: line + lineEnd };
  }
  const at = lineEndBehind(text, shape.end);
  const open = !/[\r\n]/.test(text[at - 1] ?? "");
  return { start: at, end: at, replacement: open ? lineEnd + line : line + lineEnd };
}

export function deleteRow(text: string, edit: Of<"delete_row">, path: string): Splice {
  const { row } = findRow(text, { ...edit, wanted: edit.target }, path);
  const start = lineStartAt(text, row.start);
  const end = lineEndBehind(text, row.end);
  if (end < text.length || /[\r\n]$/.test(text)) return { start, end, replacement: "" };
  // The last line of a text without a line end at its end: the line end in front of it goes instead.
  const before = text.slice(0, start).replace(/(?:\r\n|\r|\n)$/, "").length;
  return { start: before, end, replacement: "" };
}

interface FoundRow {
  table: TableBlock;
  row: Stretch;
  columns: string[];
}

function findRow(
  text: string,
  edit: { section?: string | undefined; key?: string | undefined; wanted: string },
  path: string,
): FoundRow {
  const rows = tablesIn(text, edit.section, path).flatMap((table) => {
    const columns = columnsOf(text, table);
    const column = edit.key === undefined ? 0 : columns.indexOf(edit.key);
    if (column === -1) return [];
    return table.rows.map((row, index) => {
      const label = cellsOf(text.slice(row.start, row.end))[column]?.text ?? "";
      return { table, row, columns, label, line: table.line + 2 + index };
    });
  });
  const ways: ((row: { label: string }, wish: string) => boolean)[] = [
    ({ label }, wish) => label === wish,
    ({ label }, wish) => bare(label) === bare(wish),
  ];
  return choose(rows, ways, { noun: "row", wanted: edit.wanted.trim(), path });
}

/** Without the marks of code and emphasis around it. */
function bare(label: string): string {
  return label.replace(/^[`*_]+/, "").replace(/[`*_]+$/, "");
}

function tablesIn(text: string, section: string | undefined, path: string): TableBlock[] {
  const { start, end } = scopeOf(text, section, path);
  return scanBlocks(text).tables.filter(({ head }) => head.start >= start && head.start < end);
}

function onlyTable(text: string, section: string | undefined, path: string): TableBlock {
  const tables = tablesIn(text, section, path).map((table) => {
    return { table, label: columnsOf(text, table).join(" | "), line: lineNumberAt(text, table.head.start) };
  });
  return choose(tables, [], { noun: "table", wanted: undefined, occurrence: tables.length > 1 ? undefined : 1, path })
    .table;
}

function columnsOf(text: string, { head }: TableBlock): string[] {
  return cellsOf(text.slice(head.start, head.end)).map((cell) => cell.text);
}

/** The given texts by the place of their column, so that columns may have the same name. */
function valuesOf(value: RowValue, columns: string[], path: string): Map<number, string> {
  if (!Array.isArray(value)) {
    return new Map(Object.entries(value).map(([name, text]) => [columnOf(columns, name, path), text]));
  }
  if (value.length === columns.length) return new Map(value.entries());
  throw new SpecloopError("bad_input", `The table of ${path} has ${columns.length} columns, not ${value.length}.`, {
    target: path,
    fix: `Give a text for each of: ${columns.slice(0, 20).map(shortened).join("; ")}.`,
  });
}

function columnOf(columns: string[], name: string, path: string): number {
  const places = (same: (column: string) => boolean) => columns.flatMap((column, at) => (same(column) ? [at] : []));
  const exact = places((column) => column === name);
  const found = exact.length > 0 ? exact : places((column) => bare(column) === bare(name));
  if (found.length === 1) return found[0]!;
  const details = { candidates: columns.slice(0, 50).map(shortened) };
  const code = found.length === 0 ? "unknown_section" : "ambiguous_target";
  const has = found.length === 0 ? "no column" : `${found.length} columns`;
  throw new SpecloopError(code, `The table of ${path} has ${has} "${shortened(name)}".`, {
    target: path,
    details,
    fix: `Its columns are: ${columns.slice(0, 20).map(shortened).join("; ")}.`,
  });
}

function noCells(kind: string, columns: string[], path: string): SpecloopError {
  return new SpecloopError("bad_input", `An edit of kind ${kind} needs the texts of cells in "value".`, {
    target: path,
    fix: `Give {"column": "text"}; the columns are: ${columns.slice(0, 20).map(shortened).join("; ")}.`,
  });
}

function cellText(value: string, path: string): string {
  if (!/[\r\n]/.test(value)) return escapedCell(value);
  throw new SpecloopError("bad_input", "A cell of a table is one line.", {
    target: path,
    fix: "Use <br> for a line end.",
  });
}

function cellSplice(cell: Cell, offset: number, value: string): Splice {
  const old = cell.end - cell.start;
  const padding = Math.max(0, cell.outer.end - cell.end - 1);
  const start = offset + cell.start;
  const left = Math.max(0, old - value.length);
  const spare = Math.min(padding, Math.max(0, value.length - old));
  const lead = cell.outer.start === cell.outer.end ? " " : "";
  const tail = cell.outer.start === cell.outer.end ? " " : " ".repeat(left);
  return { start, end: offset + cell.end + spare, replacement: lead + value + tail };
}

interface Shape {
  table: TableBlock;
  shape: Stretch;
  columns: number;
}

/** Pipes at both ends where the head has them, cells as wide as in the row beside it. */
function newRow(text: string, { table, shape, columns }: Shape, valueOf: (column: number) => string): string {
  const head = text.slice(table.head.start, table.head.end).trimEnd();
  const widths = cellsOf(text.slice(shape.start, shape.end)).map(({ outer }) => outer.end - outer.start - 2);
  const aligned = isAligned(text, table);
  const cells = Array.from({ length: columns }, (_, column) => {
    const value = valueOf(column);
    return ` ${aligned ? value.padEnd(Math.max(0, widths[column] ?? 0)) : value} `;
  });
  const open = head.startsWith("|") || columns === 1 ? "|" : "";
  const closed = (head.endsWith("|") && !head.endsWith("\\|")) || columns === 1 ? "|" : "";
  const indent = text.slice(lineStartAt(text, shape.start), shape.start);
  return indent + (open + cells.join("|") + closed).trim();
}

/** Whether head and rows have their pipes below each other. */
function isAligned(text: string, { head, rows }: TableBlock): boolean {
  const edges = ({ start, end }: Stretch) => cellsOf(text.slice(start, end)).map(({ outer }) => outer.end);
  const wanted = edges(head).join();
  return rows.length > 0 && rows.slice(0, 20).every((row) => edges(row).join() === wanted);
}
