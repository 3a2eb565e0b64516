import { foldName, type ParsedDelta, type Requirement } from "../../adapters/openspec/index.ts";
import { sha256 } from "../../foundation/hash.ts";
import type { ChangeFiles } from "../change-files.ts";
import type { Document } from "../document.ts";
import type { BaseState } from "../state.ts";
import { baseKey } from "./base.ts";

/** What a delta does to one requirement that a spec has. */
export interface Modification {
  capability: string;
  /** Its name in the spec: of a renamed one the old name. */
  requirement: string;
  operation: BaseState["operation"];
  path: string;
  line: number;
  /** New name, of a renamed one. */
  to: string | null;
  /** The block that replaces the spec's, of a modified one. */
  block: Requirement | null;
  /** SHA-256 over what the delta says. */
  hash: string;
}

/**
 * Everything that a change does to requirements that exist, once per requirement: a rename with a modification under
 * the new name is one modification, and of a block that stands there twice the first counts.
 */
export function modificationsOf({ deltaFiles }: ChangeFiles): Modification[] {
  return deltaFiles.flatMap(({ capability, path, delta }) => inDelta(delta, { capability, path }));
}

export function inDelta(delta: ParsedDelta, at: { capability: string; path: string }): Modification[] {
  const renamed = new Map(delta.renamed.map((rename) => [rename.to, rename]));
  const blocks = delta.modified.map((block): Modification => {
    const rename = renamed.get(block.name);
    const requirement = rename?.from ?? block.name;
    const to = rename ? block.name : null;
    return { ...at, requirement, operation: "MODIFIED", line: block.line, to, block, hash: block.hash };
  });
  const removed = delta.removed.map(({ name, line }): Modification => {
    return { ...at, requirement: name, operation: "REMOVED", line, to: null, block: null, hash: sha256("removed") };
  });
  const moved = delta.renamed.map(({ from, to, line }): Modification => {
    return { ...at, requirement: from, operation: "RENAMED", line, to, block: null, hash: sha256(`renamed ${to}`) };
  });
  const all = [...blocks, ...removed, ...moved];
  const first = new Map<string, Modification>();
  for (const one of all) if (!first.has(baseKey(one))) first.set(baseKey(one), one);
  return [...first.values()];
}

/** The block of a spec that a modification is about; a rename may have been carried out already. */
export function targetOf({ requirement, to }: Pick<Modification, "requirement" | "to">, spec: Document | undefined) {
  const blocks = spec ? blocksOf(spec) : undefined;
  return blocks?.get(requirement) ?? (to === null ? undefined : blocks?.get(to));
}

/** The requirement that stands in a spec under another name with the same text below it. */
export function renamedIn(spec: Document | undefined, text: string): string | null {
  const body = bodyOf(text);
  const same = [...(spec ? blocksOf(spec).values() : [])].filter(({ raw }) => bodyOf(raw) === body);
  return body !== "" && same.length === 1 ? same[0]!.name : null;
}

const known = new WeakMap<Document, Map<string, Requirement>>();

/** Blocks of a spec by name; documents never change, so that they are put in order once. */
function blocksOf(spec: Document): Map<string, Requirement> {
  const blocks = known.get(spec) ?? new Map((spec.content.spec?.requirements ?? []).map((one) => [one.name, one]));
  known.set(spec, blocks);
  return blocks;
}

function bodyOf(raw: string): string {
  return foldName(raw.slice(raw.indexOf("\n") + 1 || raw.length));
}
