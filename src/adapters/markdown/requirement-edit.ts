import { SpecloopError } from "../../foundation/errors.ts";
import { parseSpec, type DeltaOperation, type ParsedDelta, type Requirement } from "../openspec/index.ts";
import { besideOf, requireText } from "./choose.ts";
import { dominantLineEnd, lineEndBehind, lineStartAt } from "./lines.ts";
import type { RequirementEdit } from "./port.ts";
import {
  checkedName,
  findRequirement,
  plainName,
  refuseTaken,
  requirementsOf,
  specDocument,
  type SpecDocument,
} from "./requirement-place.ts";
import { coreOf, insertedBlock, joined, removedLines, spliced, trimmedContent, type Splice } from "./splice.ts";

type Of<Kind extends RequirementEdit["kind"]> = Extract<RequirementEdit, { kind: Kind }>;

/** A new requirement: below `## Requirements` of a main spec, below `## ADDED Requirements` of a delta. */
export function addRequirement(text: string, edit: Of<"add_requirement">, path: string): Splice {
  return readBack(text, planAdd(text, edit, path), { come: [blockOf(text, edit, path).name], path });
}

function planAdd(text: string, edit: Of<"add_requirement">, path: string): Splice {
  const block = blockOf(text, edit, path);
  const document = specDocument(text, path);
  const taken = document.kind === "main" ? requirementsOf(document) : namesIn(document.delta);
  refuseTaken(
    taken.map(({ name }) => name),
    block.name,
    { noun: "requirement", path },
  );
  const beside = besideOf(edit, path);
  if (beside) {
    const pool = document.kind === "main" ? document.spec.requirements : document.delta.added;
    const anchor = findRequirement(pool, beside.name, path);
    return insertedBlock(
      text,
      beside.side === "before" ? anchor.start : anchor.blockEnd,
      block.text,
      dominantLineEnd(text),
    );
  }
  if (document.kind === "delta") return intoSection(text, document.delta, { operation: "ADDED", block: block.text });
  const lineEnd = dominantLineEnd(text);
  const { requirements } = document.spec.sections;
  if (requirements) return insertedBlock(text, requirements.blockEnd, block.text, lineEnd);
  return insertedBlock(text, text.length, `## Requirements${lineEnd}${lineEnd}${block.text}`, lineEnd);
}

/** The whole block of a requirement. In a delta one that it does not hold yet is added to its modified ones. */
export function modifyRequirement(text: string, edit: Of<"modify_requirement">, path: string): Splice {
  return readBack(text, planModify(text, edit, path), { come: [plainName(edit.target, "Requirement")], path });
}

function planModify(text: string, edit: Of<"modify_requirement">, path: string): Splice {
  const block = blockOf(text, edit, path);
  const document = specDocument(text, path);
  const wanted = plainName(edit.target, "Requirement");
  if (block.name !== wanted) {
    throw new SpecloopError("bad_input", `The content is about "${block.name}", not about "${wanted}".`, {
      target: path,
      fix: "Keep the name, and change it with rename_requirement.",
    });
  }
  const pool = requirementsOf(document);
  if (document.kind === "main" || pool.some(({ name }) => name === wanted)) {
    const { start, end } = findRequirement(pool, wanted, path);
    return { start, end, replacement: block.text };
  }
  refuseTaken(
    document.delta.removed.map(({ name }) => name),
    wanted,
    { noun: "removal of", path },
  );
  return intoSection(text, document.delta, { operation: "MODIFIED", block: block.text });
}

/**
 * Takes a requirement out of a main spec. In a delta it says that the change removes it, with the reason; one that the
 * change adds itself is taken out again.
 */
export function removeRequirement(text: string, edit: Of<"remove_requirement">, path: string): Splice {
  const document = specDocument(text, path);
  const name = plainName(edit.target, "Requirement");
  const stays = document.kind === "delta" && !document.delta.added.some((one) => one.name === name);
  const splice = planRemove(text, edit, { document, path });
  return readBack(text, splice, stays ? { come: [name], path } : { gone: [name], path });
}

interface Place {
  document: SpecDocument;
  path: string;
}

function planRemove(text: string, edit: Of<"remove_requirement">, { document, path }: Place): Splice {
  if (document.kind === "main") return takenOut(text, findRequirement(document.spec.requirements, edit.target, path));
  const { delta } = document;
  const name = checkedName(edit.target, "Requirement", path);
  const added = delta.added.find((one) => one.name === name);
  if (added) return withoutEmptySection(text, delta, { operation: "ADDED", block: added });
  refuseTaken([...delta.removed.map((one) => one.name), ...delta.renamed.map(({ from }) => from)], name, {
    noun: "removal or renaming of",
    path,
  });
  const modified = delta.modified.find((one) => one.name === name);
  const insertion = intoSection(text, delta, {
    operation: "REMOVED",
    block: removalText(text, { ...edit, target: name }, path),
  });
  if (!modified) return insertion;
  return joined(text, [withoutEmptySection(text, delta, { operation: "MODIFIED", block: modified }), insertion]);
}

/** The name in the header. In a delta one that it does not add is renamed by a FROM and a TO. */
export function renameRequirement(text: string, edit: Of<"rename_requirement">, path: string): Splice {
  const splice = planRename(text, edit, path);
  return readBack(text, splice, {
    gone: [plainName(edit.target, "Requirement")],
    come: [plainName(edit.to, "Requirement")],
    path,
  });
}

function planRename(text: string, edit: Of<"rename_requirement">, path: string): Splice {
  const document = specDocument(text, path);
  const [from, to] = [plainName(edit.target, "Requirement"), checkedName(edit.to, "Requirement", path)];
  const lineEnd = dominantLineEnd(text);
  if (document.kind === "main") {
    const { requirements } = document.spec;
    const found = findRequirement(requirements, from, path);
    refuseTaken(
      requirements.filter((one) => one !== found).map(({ name }) => name),
      to,
      { noun: "requirement", path },
    );
    return renamedHeader(text, found, to);
  }
  const { delta } = document;
  refuseTaken(
    namesIn(delta)
      .map(({ name }) => name)
      .filter((name) => name !== from),
    to,
    { noun: "requirement", path },
  );
  const added = delta.added.find(({ name }) => name === from);
  if (added) return renamedHeader(text, added, to);
  refuseTaken([...delta.renamed.map((pair) => pair.from), ...delta.removed.map(({ name }) => name)], from, {
    noun: "removal or renaming of",
    path,
  });
  const pair = `- FROM: \`### Requirement: ${from}\`${lineEnd}- TO: \`### Requirement: ${to}\``;
  const earlier = delta.renamed.find((one) => one.to === from);
  const modified = delta.modified.find(({ name }) => name === from);
  const written = earlier
    ? renamedTo(text, earlier, to)
    : intoSection(text, delta, { operation: "RENAMED", block: pair });
  return modified ? joined(text, [renamedHeader(text, modified, to), written]) : written;
}

/**
 * Reads the result as OpenSpec does: every other requirement must still be there, and what came must be one. A name that
 * goes may stay as the FROM of a renaming.
 */
function readBack(
  text: string,
  splice: Splice,
  { gone = [], come = [], path }: { gone?: string[]; come?: string[]; path: string },
): Splice {
  const before = named(specDocument(text, path)).filter((name) => !gone.includes(name));
  const after = named(specDocument(spliced(text, splice), path));
  const known = [...before, ...come, ...gone];
  if ([...before, ...come].every((name) => after.includes(name)) && after.every((name) => known.includes(name)))
    return splice;
  throw new SpecloopError("bad_input", `The edit would not leave the requirements of ${path} as they are meant.`, {
    target: path,
    fix: "Close every code fence in the document and in the content, and keep other headings out of it.",
  });
}

function named(document: SpecDocument): string[] {
  return (document.kind === "main" ? document.spec.requirements : namesIn(document.delta)).map(({ name }) => name);
}

/** Content as one requirement block; a header is made of `target` where the content has none. */
function blockOf(text: string, edit: Of<"add_requirement"> | Of<"modify_requirement">, path: string) {
  requireText(edit.content, edit.kind, path);
  const lineEnd = dominantLineEnd(text);
  const content = trimmedContent(edit.content, lineEnd);
  const headed = /^###\s*Requirement:/i.test(content);
  if (!headed && edit.target === undefined) {
    const fix = 'Begin the content with "### Requirement: Name", or give the name as "target".';
    throw new SpecloopError("bad_input", "The requirement has no name.", { target: path, fix });
  }
  const header = headed ? "" : `### Requirement: ${checkedName(edit.target!, "Requirement", path)}${lineEnd}`;
  const whole = header + (headed || !content.startsWith("#") ? "" : lineEnd) + content;
  const { requirements } = parseSpec(`## Requirements\n\n${whole}`);
  const [first] = requirements;
  const leaves = /^#{1,2}[ \t]/m.test(withoutFences(whole));
  if (requirements.length === 1 && first && !leaves) return { name: first.name, text: whole };
  throw new SpecloopError("bad_input", `The content is not one requirement (it has ${requirements.length}).`, {
    target: path,
    fix: "Give one block: ### Requirement: Name, its statement, and #### Scenario: blocks.",
  });
}

function withoutFences(text: string): string {
  return text.replace(/^[ \t]*(`{3,}|~{3,})[^]*?^[ \t]*\1/gm, "");
}

/** Every name that a delta is about; the target of two operations is refused by OpenSpec. */
function namesIn(delta: ParsedDelta): { name: string }[] {
  const renamed = delta.renamed.flatMap(({ from, to }) => [{ name: from }, { name: to }]);
  return [...delta.added, ...delta.modified, ...delta.removed, ...renamed];
}

const ORDER: DeltaOperation[] = ["ADDED", "MODIFIED", "REMOVED", "RENAMED"];

/** At the end of the section of an operation; one that is not there yet goes in front of those that follow it. */
function intoSection(
  text: string,
  delta: ParsedDelta,
  { operation, block }: { operation: DeltaOperation; block: string },
): Splice {
  const lineEnd = dominantLineEnd(text);
  const section = delta.sections.findLast((one) => one.operation === operation);
  if (section) {
    const joins = block.startsWith("- ") && text.startsWith("- ", lineStartAt(text, section.end));
    if (!joins) return insertedBlock(text, section.blockEnd, block, lineEnd);
    return { start: section.end, end: section.end, replacement: lineEnd + block };
  }
  const later = delta.sections.find((one) => ORDER.indexOf(one.operation) > ORDER.indexOf(operation));
  const whole = `## ${operation} Requirements${lineEnd}${lineEnd}${block}`;
  return insertedBlock(text, later?.start ?? text.length, whole, lineEnd);
}

function removalText(text: string, edit: Of<"remove_requirement">, path: string): string {
  const reason = edit.content ?? "";
  if (reason.trim() === "") {
    throw new SpecloopError("bad_input", "A removal needs its reason.", {
      target: path,
      fix: 'Give the reason as "content".',
    });
  }
  const lineEnd = dominantLineEnd(text);
  const body = trimmedContent(reason, lineEnd);
  const said = /^\*\*Reason\*\*/i.test(body) ? body : `**Reason**: ${body}`;
  return `### Requirement: ${edit.target}${lineEnd}${said}`;
}

function takenOut(text: string, { start, blockEnd }: Requirement): Splice {
  return blockEnd >= text.length ? removedLines(text, start, blockEnd) : { start, end: blockEnd, replacement: "" };
}

/** A delta section without a requirement is an error for OpenSpec, so it goes with its last one. */
function withoutEmptySection(
  text: string,
  delta: ParsedDelta,
  { operation, block }: { operation: DeltaOperation; block: Requirement },
): Splice {
  const section = delta.sections.find(
    (one) => one.operation === operation && one.start < block.start && block.start < one.blockEnd,
  );
  const others = [...delta.added, ...delta.modified].filter((one) => one !== block);
  const alone = section && !others.some(({ start }) => start > section.start && start < section.blockEnd);
  const onlyThat = alone && (coreOf(text, section.bodyStart, block.start)?.start ?? -1) === -1;
  if (!onlyThat) return takenOut(text, block);
  if (section.blockEnd >= text.length) return removedLines(text, section.start, section.blockEnd);
  return { start: section.start, end: section.blockEnd, replacement: "" };
}

/** Only the name changes; the words before it and closing marks stay. */
export function renamedHeader(text: string, { start, name }: { start: number; name: string }, to: string): Splice {
  const header = text.slice(start, lineEndBehind(text, start));
  const at = header.indexOf(name, header.indexOf(":") + 1);
  const from = start + (at === -1 ? header.indexOf(name) : at);
  return { start: from, end: from + name.length, replacement: to };
}

function renamedTo(text: string, pair: { start: number; end: number; to: string }, to: string): Splice {
  const from = text.lastIndexOf(pair.to, pair.end);
  return { start: from, end: from + pair.to.length, replacement: to };
}
