import { SpecloopError } from "../../foundation/errors.ts";
import type { ListItem } from "./blocks.ts";
import { besideOf, choose, requireText } from "./choose.ts";
import { findSection } from "./find-section.ts";
import { placeItem, removedItem } from "./item-edit.ts";
import { dominantLineEnd, lineEndBehind, lineStartAt, linesOf } from "./lines.ts";
import type { TaskEdit, TaskItem } from "./port.ts";
import { scanBlocks } from "./scan.ts";
import { scopeOf } from "./scope.ts";
import { appendToSection } from "./section-edit.ts";
import { removedLines, type Splice } from "./splice.ts";
import { scanTasks } from "./tasks.ts";

type Of<Kind extends TaskEdit["kind"]> = Extract<TaskEdit, { kind: Kind }>;

/** Ticks a task or opens it. */
export function setTask(text: string, { task: wanted, done }: Of<"set_task">, path: string): Splice {
  const task = findTask(text, wanted, path);
  const end = task.markOffset + task.markLength;
  if (task.done === done) return { start: task.markOffset, end, replacement: text.slice(task.markOffset, end) };
  return { start: task.markOffset, end, replacement: done ? "x" : " " };
}

/** The task's text; its number stays where the new text has none. */
export function rewordTask(text: string, edit: Of<"reword_task">, path: string): Splice {
  const task = findTask(text, edit.task, path);
  const content = oneLine(edit.content, edit.kind, path);
  const [line] = linesOf(text, task.markOffset);
  const box = text.indexOf("]", task.markOffset) + 1;
  const end = line?.contentEnd ?? text.length;
  const behind = text.slice(box, end);
  const start = box + behind.length - behind.trimStart().length;
  const kept = numberOf(content) === null && task.number !== null ? task.text.slice(0, numberLength(task)) : "";
  const replacement = (start === box ? " " : "") + kept + content;
  return { start, end: box + behind.trimEnd().length < start ? end : box + behind.trimEnd().length, replacement };
}

/** The task with whatever is inside its list item. */
export function deleteTask(text: string, edit: Of<"delete_task">, path: string): Splice {
  const task = findTask(text, edit.task, path);
  const item = itemOf(text, task);
  if (item) return removedItem(text, item, path);
  return removedLines(text, lineStartAt(text, task.markOffset), lineEndBehind(text, task.markOffset));
}

/** A new task beside another one, behind the last one of a section, or at the end of a section without tasks. */
export function addTask(text: string, edit: Of<"add_task">, path: string): Splice {
  const content = `[${edit.done === true ? "x" : " "}] ${withoutBox(oneLine(edit.content, edit.kind, path))}`;
  const lineEnd = dominantLineEnd(text);
  const beside = besideOf(edit, path);
  const { start, end } = scopeOf(text, edit.section, path);
  const inScope = scanTasks(text).filter(({ markOffset }) => markOffset >= start && markOffset < end);
  const task = beside ? findTask(text, beside.name, path) : inScope.at(-1);
  if (task) {
    const item = outermost(text, task, beside !== null);
    return placeItem(text, { item, side: beside?.side ?? "after", content, path }, lineEnd);
  }
  if (edit.section === undefined) {
    const fix = "Name the section that gets the task.";
    throw new SpecloopError("bad_input", `${path} has no task to put another one behind.`, { target: path, fix });
  }
  const section = findSection(text, { section: edit.section }, path);
  return appendToSection(text, { section, content: `- ${content}` });
}

function findTask(text: string, wanted: string, path: string): TaskItem {
  const tasks = scanTasks(text).map((task) => ({ ...task, label: task.text }));
  const ways: ((task: TaskItem, wish: string) => boolean)[] = [
    ({ number }, wish) => number === wish,
    (task, wish) => task.text === wish || withoutNumber(task) === wish,
  ];
  return choose(tasks, ways, { noun: "task", wanted: wanted.trim(), path });
}

function numberLength({ text, number }: TaskItem): number {
  const length = number?.length ?? 0;
  return length + (/^[.)]?\s+/.exec(text.slice(length))?.[0].length ?? 0);
}

function withoutNumber(task: TaskItem): string {
  return task.number === null ? task.text : task.text.slice(numberLength(task));
}

function numberOf(content: string): string | null {
  return scanTasks(`- [ ] ${content}`)[0]?.number ?? null;
}

function withoutBox(content: string): string {
  return content.replace(/^(?:[-*+][ \t]+)?\[[ xX]?\][ \t]+/, "");
}

function oneLine(content: string, kind: string, path: string): string {
  requireText(content, kind, path);
  const line = withoutBox(content.trim());
  if (!/[\r\n]/.test(line)) return line;
  throw new SpecloopError("bad_input", "A task is one line.", {
    target: path,
    fix: "Give one line, and several tasks as several edits.",
  });
}

/** The list item that a task is; none where OpenSpec counts a line of a code block. */
function itemOf(text: string, task: TaskItem): ListItem | undefined {
  return scanBlocks(text).items.findLast(({ line, start }) => line === task.line && start < task.markOffset);
}

/** Where a new task goes: beside the named one; without a name behind the top item that holds the last one. */
function outermost(text: string, task: TaskItem, named: boolean): ListItem {
  const { items } = scanBlocks(text);
  const own = itemOf(text, task);
  if (!own) return lineAsItem(text, task);
  const around = items.filter((item) => item.start <= own.start && item.end >= own.end);
  return named ? own : (around.find((item) => scanTasks(text).some(({ line }) => line === item.line)) ?? own);
}

function lineAsItem(text: string, task: TaskItem): ListItem {
  const lineStart = lineStartAt(text, task.markOffset);
  const [line] = linesOf(text, lineStart);
  const start = lineStart + /^\s*/.exec(text.slice(lineStart, task.markOffset))![0].length;
  const width = /^(?:[-*+]|\d{1,9}[.)])/.exec(text.slice(start, start + 11))?.[0].length ?? 1;
  const end = line?.contentEnd ?? text.length;
  return { start, width, content: start + width + 1, column: width + 1, end, depth: 0, line: task.line };
}
