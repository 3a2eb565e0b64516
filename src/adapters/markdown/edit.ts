import { SpecloopError } from "../../foundation/errors.ts";
import { findSection } from "./find-section.ts";
import { dominantLineEnd, lineNumberAt, splitBom, withLineEnds } from "./lines.ts";
import type { DocumentEdit, TaskItem } from "./port.ts";
import { appendToSection, replaceSection } from "./section-edit.ts";
import { setFrontMatter } from "./set-front-matter.ts";
import { scanTasks } from "./tasks.ts";

/** The one stretch of a text that an edit replaces; offsets count from behind a byte order mark. */
export interface Splice {
  start: number;
  end: number;
  replacement: string;
}

/**
 * The text after one edit. Everything outside the replaced stretch stays byte for byte: byte order mark, line ends, last
 * line end; new content takes the line end that the document uses most. Throws `unknown_section`, `ambiguous_target`,
 * `bad_front_matter`, and `bad_input` for content that would break out of its section.
 */
export function applyEdit(text: string, edit: DocumentEdit, path: string): string {
  const { bom, rest } = splitBom(text);
  const { start, end, replacement } = planEdit(rest, edit, path);
  return `${bom}${rest.slice(0, start)}${replacement}${rest.slice(end)}`;
}

/** Several edits in order, each on the text that the one before left; all or none. */
export function applyEdits(text: string, edits: DocumentEdit[], path: string): string {
  return edits.reduce((current, edit) => applyEdit(current, edit, path), text);
}

/** What an edit replaces in a text without byte order mark. */
export function planEdit(text: string, edit: DocumentEdit, path: string): Splice {
  switch (edit.kind) {
    case "replace_section":
      return replaceSection(text, { section: findSection(text, edit, path), content: edit.content });
    case "append_to_section":
      return appendToSection(text, { section: findSection(text, edit, path), content: edit.content });
    case "set_task":
      return setTask(text, edit, path);
    case "set_front_matter":
      return setFrontMatter(text, edit, path);
    case "replace_text":
      return replaceText(text, edit, path);
    case "write":
      return write(text, edit.content);
    default:
      throw new SpecloopError("bad_input", "There is no such kind of edit.", { target: path });
  }
}

/** The whole text; a new document is taken as it is written. */
function write(text: string, content: string): Splice {
  const replacement = text === "" ? content : withLineEnds(splitBom(content).rest, dominantLineEnd(text));
  return { start: 0, end: text.length, replacement };
}

function setTask(text: string, edit: Extract<DocumentEdit, { kind: "set_task" }>, path: string): Splice {
  const tasks = scanTasks(text);
  const wanted = edit.task.trim();
  const byNumber = tasks.filter(({ number }) => number === wanted);
  const found =
    byNumber.length > 0 ? byNumber : tasks.filter((task) => task.text === wanted || withoutNumber(task) === wanted);
  const [task] = found;
  if (!task) {
    const candidates = tasks.slice(0, 100).map(({ text }) => text);
    throw new SpecloopError("unknown_section", `${path} has no task "${edit.task}".`, {
      target: path,
      details: { candidates },
    });
  }
  if (found.length > 1) {
    const places = found.map(({ text, line }) => ({ task: text, line }));
    throw new SpecloopError("ambiguous_target", `"${edit.task}" fits ${found.length} tasks of ${path}.`, {
      target: path,
      details: { places },
    });
  }
  const end = task.markOffset + task.markLength;
  if (task.done === edit.done) return { start: task.markOffset, end, replacement: text.slice(task.markOffset, end) };
  return { start: task.markOffset, end, replacement: edit.done ? "x" : " " };
}

function withoutNumber({ text, number }: TaskItem): string {
  return text.slice(number?.length ?? 0).replace(/^[.)]?\s+/, "");
}

/** Exact text; only its line ends are taken as the document writes them. */
function replaceText(text: string, edit: Extract<DocumentEdit, { kind: "replace_text" }>, path: string): Splice {
  if (edit.find === "") throw new SpecloopError("bad_input", "The text to find is empty.", { target: path });
  const lineEnd = dominantLineEnd(text);
  const converted = withLineEnds(edit.find, lineEnd);
  const find = text.includes(converted) ? converted : edit.find;
  const start = text.indexOf(find);
  if (start === -1) {
    throw new SpecloopError("unknown_section", `${path} does not contain the text to replace.`, {
      target: path,
      fix: "Read the document again and copy the text exactly, with its spaces.",
    });
  }
  if (text.includes(find, start + 1)) {
    const places = occurrences(text, find).map((at) => ({ line: lineNumberAt(text, at) }));
    throw new SpecloopError(
      "ambiguous_target",
      `The text to replace occurs ${places.length} times or more in ${path}.`,
      { target: path, details: { places } },
    );
  }
  return { start, end: start + find.length, replacement: withLineEnds(edit.replace, lineEnd) };
}

function occurrences(text: string, find: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(find); at !== -1 && found.length < 20; at = text.indexOf(find, at + 1)) found.push(at);
  return found;
}
