import { SpecloopError } from "../../foundation/errors.ts";
import type { ListItem } from "./blocks.ts";
import { besideOf, choose, requireText } from "./choose.ts";
import { findSection } from "./find-section.ts";
import { dominantLineEnd, lineEndBehind, lineStartAt, linesOf, type LineEnd } from "./lines.ts";
import type { ItemEdit } from "./port.ts";
import { scanBlocks } from "./scan.ts";
import { scopeOf, within } from "./scope.ts";
import { appendToSection } from "./section-edit.ts";
import { blankAt, blankBefore, coreOf, removedLines, trimmedContent, type Splice } from "./splice.ts";

type Of<Kind extends ItemEdit["kind"]> = Extract<ItemEdit, { kind: Kind }>;
/** A box that a task has behind its marker, and the spaces behind it. */
const BOX = /^\[[^\]\s]?[ \t]*\][ \t]+/;

/** The item's own text; its box and the items inside it stay. */
export function replaceItem(text: string, edit: Of<"replace_item">, path: string): Splice {
  requireText(edit.content, edit.kind, path);
  const { item, items } = findItem(text, edit, path);
  const lineEnd = dominantLineEnd(text);
  const content = trimmedContent(edit.content, lineEnd);
  const inner = items.find((one) => one.start > item.start && one.start < item.end);
  if (inner && inner.line === item.line) throw onOneLine(item, path);
  const end = inner ? (coreOf(text, item.content, lineStartAt(text, inner.start))?.end ?? item.content) : item.end;
  const box = BOX.test(content) ? 0 : (BOX.exec(text.slice(item.content, end))?.[0].length ?? 0);
  const lead = item.content === item.start + item.width ? " " : "";
  return { start: item.content + box, end, replacement: lead + indented(content, item.column, lineEnd) };
}

/** A new item beside another one, written as that is; or behind the last one of the section. */
export function addItem(text: string, edit: Of<"add_item">, path: string): Splice {
  requireText(edit.content, edit.kind, path);
  const lineEnd = dominantLineEnd(text);
  const content = trimmedContent(edit.content, lineEnd).replace(/^(?:[-*+]|\d{1,9}[.)])[ \t]+/, "");
  const beside = besideOf(edit, path);
  if (beside) {
    const { item } = findItem(text, { section: edit.section, target: beside.name }, path);
    return placeItem(text, { item, side: beside.side, content, path }, lineEnd);
  }
  const items = within(scanBlocks(text).items, scopeOf(text, edit.section, path)).filter(({ depth }) => depth === 0);
  const item = items.at(-1);
  if (item) return placeItem(text, { item, side: "after", content, path }, lineEnd);
  if (edit.section === undefined) {
    throw new SpecloopError("bad_input", `${path} has no list.`, {
      target: path,
      fix: "Name the section that gets one.",
    });
  }
  return appendToSection(text, {
    section: findSection(text, { section: edit.section }, path),
    content: `- ${content}`,
  });
}

/** The item with all that is inside it. */
export function deleteItem(text: string, edit: Of<"delete_item">, path: string): Splice {
  const { item } = findItem(text, edit, path);
  return removedItem(text, item, path);
}

/** Takes an item out, and of the blank lines that part it from its neighbours those on one side. */
export function removedItem(text: string, item: ListItem, path: string): Splice {
  const start = lineStartAt(text, item.start);
  if (text.slice(start, item.start).trim() !== "") throw onOneLine(item, path);
  const end = lineEndBehind(text, item.end);
  const { before, after } = siblingsOf(text, item);
  if (after) return { start, end: lineStartAt(text, after.start), replacement: "" };
  if (!before || coreOf(text, end, text.length) === null) return removedLines(text, start, end);
  return { start: lineEndBehind(text, before.end), end, replacement: "" };
}

export interface Placing {
  item: ListItem;
  side: "before" | "after";
  content: string;
  path: string;
}

/** The splice that puts content beside an item as one more item of the same list. */
export function placeItem(text: string, { item, side, content, path }: Placing, lineEnd: LineEnd): Splice {
  const start = lineStartAt(text, item.start);
  const indent = text.slice(start, item.start);
  if (indent.trim() !== "") throw onOneLine(item, path);
  const spaces =
    item.content > item.start + item.width && item.line === lineOfContent(text, item) ? gapOf(text, item) : " ";
  const lead = indent + markerBeside(text, item, side) + spaces;
  const body = lead + indented(content, item.column, lineEnd);
  const blank = isLoose(text, item, side) ? lineEnd : "";
  if (side === "before") return { start, end: start, replacement: body + lineEnd + blank };
  const at = lineEndBehind(text, item.end);
  const open = at > 0 && !/[\r\n]/.test(text[at - 1]!);
  const replacement = open ? `${lineEnd}${blank}${body}` : `${blank}${body}${lineEnd}`;
  return { start: at, end: at, replacement };
}

interface ItemAddress {
  section?: string | undefined;
  target?: string | undefined;
  occurrence?: number | undefined;
}

function findItem(text: string, address: ItemAddress, path: string): { item: ListItem; items: ListItem[] } {
  const { items } = scanBlocks(text);
  const { section, target, occurrence } = address;
  const scoped = within(items, scopeOf(text, section, path));
  const offered = target === undefined ? scoped.filter(({ depth }) => depth === 0) : scoped;
  const labelled = offered.map((item) => ({ item, label: firstLine(text, item), line: item.line }));
  const wanted = target?.trim().replace(/^[-*+][ \t]+/, "");
  const ways: ((one: { label: string }, wanted: string) => boolean)[] = [
    ({ label }, wish) => label === wish,
    ({ label }, wish) => label.replace(BOX, "") === wish,
    ({ label }, wish) => wish !== "" && label.replace(BOX, "").startsWith(wish),
  ];
  return { item: choose(labelled, ways, { noun: "item", wanted, occurrence, path }).item, items };
}

function firstLine(text: string, item: ListItem): string {
  const [line] = linesOf(text, item.content, item.end);
  return line ? text.slice(line.start, line.contentEnd).trim() : "";
}

function lineOfContent(text: string, item: ListItem): number {
  return /[\r\n]/.test(text.slice(item.start, item.content)) ? item.line + 1 : item.line;
}

/** The spaces between marker and text; none for an empty item. */
function gapOf(text: string, item: ListItem): string {
  const gap = text.slice(item.start + item.width, item.content);
  return gap === "" || item.content === item.end ? " " : gap;
}

/** The same marker; of a numbered list the next number, or the one that is there for an item in front of it. */
function markerBeside(text: string, item: ListItem, side: "before" | "after"): string {
  const marker = text.slice(item.start, item.start + item.width);
  const number = /^\d+/.exec(marker)?.[0];
  if (number === undefined || side === "before") return marker;
  return `${Number(number) + 1}${marker.slice(number.length)}`;
}

/** The items of the same list right in front of an item and behind it, with nothing but blank lines between. */
function siblingsOf(text: string, item: ListItem): { before: ListItem | undefined; after: ListItem | undefined } {
  const mark = text[item.start + item.width - 1];
  const siblings = scanBlocks(text).items.filter(
    ({ depth, start, width }) => depth === item.depth && text[start + width - 1] === mark,
  );
  const at = siblings.findIndex(({ start }) => start === item.start);
  const [before, after] = [siblings[at - 1], siblings[at + 1]];
  const start = lineStartAt(text, item.start);
  const isBeside = (from: number, to: number) => from <= to && text.slice(from, to).trim() === "";
  return {
    before: before && isBeside(lineEndBehind(text, before.end), start) ? before : undefined,
    after: after && isBeside(lineEndBehind(text, item.end), lineStartAt(text, after.start)) ? after : undefined,
  };
}

/** Whether a blank line parts the item from the one on that side; without one there, from the other. */
function isLoose(text: string, item: ListItem, side: "before" | "after"): boolean {
  const { before, after } = siblingsOf(text, item);
  const isBehind = side === "after" ? after !== undefined : before === undefined;
  if (isBehind) return after !== undefined && blankAt(text, lineEndBehind(text, item.end));
  return before !== undefined && blankBefore(text, lineStartAt(text, item.start));
}

/** Lines behind the first one begin at the column of the item's content. */
function indented(content: string, column: number, lineEnd: LineEnd): string {
  const [first = "", ...rest] = content.split(lineEnd);
  return [first, ...rest.map((line) => (line.trim() === "" ? "" : " ".repeat(column) + line))].join(lineEnd);
}

function onOneLine(item: ListItem, path: string): SpecloopError {
  return new SpecloopError("bad_input", `The list item at line ${item.line} shares its line with another one.`, {
    target: `${path}:${item.line}`,
    fix: "Use replace_text for such a line.",
  });
}
