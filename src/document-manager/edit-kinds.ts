import { z } from "zod";
import type { DocumentEdit } from "../adapters/markdown/index.ts";
import { SpecloopError } from "../foundation/errors.ts";

const text = z.string();
const maybe = z.string().optional();
const nth = z.int().min(1).optional();
const cell = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const cells = z.union([z.record(z.string(), cell), z.array(cell)]);
const given = z.unknown().refine((value) => value !== undefined);
const beside = { before: maybe, after: maybe };
const some = { section: maybe, target: maybe, occurrence: nth };

/** One edit as callers write it, kind by kind: which fields it needs and which it may have. */
const EDITS = {
  replace_section: z.object({ section: text, occurrence: nth, content: text }),
  append_to_section: z.object({ section: text, occurrence: nth, content: text }),
  insert_section: z.object({ ...beside, content: text }),
  rename_section: z.object({ section: text, occurrence: nth, to: text }),
  move_section: z.object({ section: text, occurrence: nth, ...beside }),
  delete_section: z.object({ section: text, occurrence: nth }),
  replace_item: z.object({ ...some, content: text }),
  add_item: z.object({ section: maybe, ...beside, content: text }),
  delete_item: z.object(some),
  set_task: z.object({ task: text, done: z.boolean().default(true) }),
  add_task: z.object({ section: maybe, ...beside, content: text, done: z.boolean().optional() }),
  reword_task: z.object({ task: text, content: text }),
  delete_task: z.object({ task: text }),
  set_row: z.object({ target: text, key: maybe, section: maybe, value: cells }),
  add_row: z.object({ key: maybe, section: maybe, ...beside, value: cells }),
  delete_row: z.object({ target: text, key: maybe, section: maybe }),
  replace_code: z.object({ ...some, content: text }),
  add_requirement: z.object({ target: maybe, ...beside, content: text }),
  modify_requirement: z.object({ target: text, content: text }),
  remove_requirement: z.object({ target: text, content: maybe }),
  rename_requirement: z.object({ target: text, to: text }),
  add_scenario: z.object({ section: text, target: maybe, ...beside, content: text }),
  modify_scenario: z.object({ section: maybe, target: text, content: text }),
  remove_scenario: z.object({ section: maybe, target: text }),
  rename_scenario: z.object({ section: maybe, target: text, to: text }),
  set_front_matter: z.object({ key: text, value: given }),
  delete_front_matter: z.object({ key: text }),
  replace_text: z.object({ find: text, replace: text }),
  write: z.object({ content: text }),
} satisfies { [Kind in DocumentEdit["kind"]]: z.ZodObject };

type EditKind = DocumentEdit["kind"];

/** Every kind of edit, in the order in which help lists them. */
export const EDIT_KINDS = z.enum(Object.keys(EDITS) as [EditKind, ...EditKind[]]).options;

/** What the flat shape holds in an example. */
const SAMPLES: Record<string, unknown> = {
  section: "Why",
  content: "New text.",
  task: "1.2",
  target: "Name",
  to: "New name",
  key: "owner",
  value: { size: "10" },
  find: "old text",
  replace: "new text",
  after: "Why",
};
const NEEDS_PLACE: EditKind[] = ["insert_section", "move_section"];

/**
 * The edit that flat fields say. Throws `bad_input` which field the kind needs, does not take or takes otherwise, with an
 * example.
 */
export function editOf(kind: EditKind, fields: Record<string, unknown>): DocumentEdit {
  const shape: z.ZodObject = EDITS[kind];
  const taken = new Set(Object.keys(shape.shape));
  const filled = Object.entries(fields).filter(([, value]) => value !== undefined);
  const alien = filled.find(([name, value]) => !taken.has(name) && value !== "");
  if (alien) throw wrong(kind, `does not take "${alien[0]}"`, alien[0]);
  const known = Object.fromEntries(filled.filter(([name]) => taken.has(name)));
  if (NEEDS_PLACE.includes(kind) && known["before"] === undefined && known["after"] === undefined) {
    throw wrong(kind, 'needs "before" or "after"', "after");
  }
  const parsed = shape.safeParse(known);
  if (parsed.success) return { kind, ...parsed.data } as DocumentEdit;
  const field = String(parsed.error.issues[0]?.path[0] ?? "");
  if (known[field] === undefined) throw wrong(kind, `needs "${field}"`, field);
  throw wrong(kind, `cannot use that "${field}"`, field);
}

function wrong(kind: EditKind, why: string, field: string): SpecloopError {
  return new SpecloopError("bad_input", `An edit of kind ${kind} ${why}.`, {
    target: `edits.${field}`,
    fix: `For example ${JSON.stringify(exampleOf(kind))}; it takes ${fieldsOf(kind)}.`,
  });
}

function exampleOf(kind: EditKind): Record<string, unknown> {
  const shape: z.ZodObject = EDITS[kind];
  const needed = Object.keys(shape.shape).filter((name) => !isOptional(shape, name));
  const place = NEEDS_PLACE.includes(kind) ? ["after"] : [];
  return { kind, ...Object.fromEntries([...needed, ...place].map((name) => [name, SAMPLES[name]])) };
}

/** `section, content and perhaps occurrence`. */
export function fieldsOf(kind: EditKind): string {
  const shape: z.ZodObject = EDITS[kind];
  const names = Object.keys(shape.shape);
  const needed = names.filter((name) => !isOptional(shape, name));
  const free = names.filter((name) => isOptional(shape, name));
  const may = free.length === 0 ? "" : `perhaps ${free.join(", ")}`;
  return [needed.join(", "), may].filter((part) => part !== "").join(" and ");
}

function isOptional(shape: z.ZodObject, name: string): boolean {
  return z.safeParse(shape.shape[name], undefined).success;
}
