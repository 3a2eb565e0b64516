import { SpecloopError } from "../../foundation/errors.ts";
import { replaceCode } from "./code-edit.ts";
import { findSection } from "./find-section.ts";
import { addItem, deleteItem, replaceItem } from "./item-edit.ts";
import { dominantLineEnd, lineNumberAt, splitBom, withLineEnds } from "./lines.ts";
import type { DocumentEdit } from "./port.ts";
import { removeFrontMatter } from "./remove-front-matter.ts";
import { addRequirement, modifyRequirement, removeRequirement, renameRequirement } from "./requirement-edit.ts";
import { addScenario, modifyScenario, removeScenario, renameScenario } from "./scenario-edit.ts";
import { appendToSection, replaceSection } from "./section-edit.ts";
import { deleteSection, insertSection, moveSection, renameSection } from "./section-move.ts";
import { setFrontMatter } from "./set-front-matter.ts";
import type { Splice } from "./splice.ts";
import { addRow, deleteRow, setRow } from "./table-edit.ts";
import { addTask, deleteTask, rewordTask, setTask } from "./task-edit.ts";
import { refuseSideEffects } from "./verify.ts";

/**
 * The text after one edit. Everything outside the replaced stretch stays byte for byte: byte order mark, line ends, last
 * line end; new content takes the line end that the document uses most. Throws `unknown_section`, `ambiguous_target`,
 * `bad_front_matter`, and `bad_input` for content that would break out of its place.
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

/** How each kind of edit finds what it replaces in a text without byte order mark. */
const PLANS: { [Kind in DocumentEdit["kind"]]: Plan<Kind> } = {
  replace_section: (text, edit, path) =>
    replaceSection(text, { section: findSection(text, edit, path), content: edit.content }),
  append_to_section: (text, edit, path) =>
    appendToSection(text, { section: findSection(text, edit, path), content: edit.content }),
  insert_section: insertSection,
  rename_section: renameSection,
  move_section: moveSection,
  delete_section: deleteSection,
  replace_item: replaceItem,
  add_item: addItem,
  delete_item: deleteItem,
  set_task: setTask,
  add_task: addTask,
  reword_task: rewordTask,
  delete_task: deleteTask,
  set_row: setRow,
  add_row: addRow,
  delete_row: deleteRow,
  replace_code: replaceCode,
  add_requirement: addRequirement,
  modify_requirement: modifyRequirement,
  remove_requirement: removeRequirement,
  rename_requirement: renameRequirement,
  add_scenario: addScenario,
  modify_scenario: modifyScenario,
  remove_scenario: removeScenario,
  rename_scenario: renameScenario,
  set_front_matter: setFrontMatter,
  delete_front_matter: (text, { key }, path) => removeFrontMatter(text, key, path),
  replace_text: replaceText,
  write: (text, { content }) => write(text, content),
};

type Plan<Kind> = (text: string, edit: Extract<DocumentEdit, { kind: Kind }>, path: string) => Splice;

/** These replace whatever they are given; all others must leave the parts around them what they are. */
const UNCHECKED = new Set<DocumentEdit["kind"]>(["replace_text", "write", "set_front_matter", "delete_front_matter"]);

/** What an edit replaces in a text without byte order mark. */
export function planEdit(text: string, edit: DocumentEdit, path: string): Splice {
  if (!Object.hasOwn(PLANS, edit.kind)) {
    throw new SpecloopError("bad_input", "There is no such kind of edit.", { target: path });
  }
  const plan = PLANS[edit.kind] as Plan<DocumentEdit["kind"]>;
  const splice = plan(text, edit, path);
  if (!UNCHECKED.has(edit.kind)) refuseSideEffects(text, splice, path);
  return splice;
}

/** The whole text; a new document is taken as it is written. */
function write(text: string, content: string): Splice {
  const replacement = text === "" ? content : withLineEnds(splitBom(content).rest, dominantLineEnd(text));
  return { start: 0, end: text.length, replacement };
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
