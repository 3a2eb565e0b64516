import { SpecloopError } from "../../foundation/errors.ts";
import {
  foldName,
  parseDelta,
  parseSpec,
  type ParsedDelta,
  type ParsedSpec,
  type Requirement,
} from "../openspec/index.ts";
import { choose, shortened } from "./choose.ts";

/** A spec as the archive reads it: what a capability requires now, or what a change does to it. */
export type SpecDocument = { kind: "main"; spec: ParsedSpec } | { kind: "delta"; delta: ParsedDelta };

/**
 * A file below `changes/…/specs/` is a delta, and so is any text with delta sections; everything else is a main spec.
 * Names are compared as OpenSpec compares them.
 */
export function specDocument(text: string, path: string): SpecDocument {
  const delta = parseDelta(text);
  const isDelta = /(?:^|\/)changes\/.+\/specs\/.+/.test(path) || delta.sections.length > 0;
  return isDelta ? { kind: "delta", delta } : { kind: "main", spec: parseSpec(text) };
}

/** The requirements whose text stands in the document. */
export function requirementsOf(document: SpecDocument): Requirement[] {
  return document.kind === "main" ? document.spec.requirements : [...document.delta.added, ...document.delta.modified];
}

/** A name without the words of its header. */
export function plainName(given: string, word: "Requirement" | "Scenario"): string {
  const marks = word === "Requirement" ? /^#{3}[ \t]*/ : /^#{4}[ \t]+/;
  const bare = given.trim().replace(marks, "");
  return bare.toLowerCase().startsWith(`${word.toLowerCase()}:`) ? bare.slice(word.length + 1).trim() : bare;
}

/** The one requirement with a name; `unknown_section` says which one differs in case or spaces only. */
export function findRequirement(requirements: Requirement[], name: string, path: string): Requirement {
  const wanted = plainName(name, "Requirement");
  const near = requirements.find((one) => one.name !== wanted && foldName(one.name) === foldName(wanted));
  if (near && !requirements.some((one) => one.name === wanted)) {
    throw new SpecloopError("unknown_section", `${path} has no requirement "${shortened(wanted)}".`, {
      target: path,
      details: { candidates: [near.name] },
      fix: `Use its exact name: "${near.name}".`,
    });
  }
  const labelled = requirements.map((requirement) => ({
    requirement,
    label: requirement.name,
    line: requirement.line,
  }));
  return choose(labelled, [({ label }, wish) => label === wish], { noun: "requirement", wanted, path }).requirement;
}

/** Refuses a second requirement or scenario with a name. */
export function refuseTaken(names: string[], name: string, { noun, path }: { noun: string; path: string }): void {
  const taken = names.find((one) => foldName(one) === foldName(name));
  if (taken === undefined) return;
  throw new SpecloopError("bad_input", `${path} has a ${noun} "${shortened(taken)}" already.`, {
    target: path,
    fix: `Modify that ${noun}, or choose another name.`,
  });
}

/** Refuses what cannot be a name: nothing, or more than one line. */
export function checkedName(given: string, word: "Requirement" | "Scenario", path: string): string {
  const name = plainName(given, word);
  if (name !== "" && name.length <= 500 && !/[\r\n]/.test(name)) return name;
  throw new SpecloopError("bad_input", `"${shortened(given)}" cannot be the name of a ${word.toLowerCase()}.`, {
    target: path,
  });
}
