import type { DraftDelta, Requirement } from "../../adapters/openspec/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { DeltaInput } from "./input.ts";

/** The requirement that the main spec has now, null when it has none of that name. */
export type MainRequirement = (capability: string, requirement: string) => Requirement | null;

/**
 * Deltas as they are written. A modification replaces the whole requirement, so what the caller leaves out is taken from
 * the main spec: its sentence, and every scenario of another name. Throws `bad_input` for a modification, removal or
 * renaming of what the spec does not have, an addition of what it has, and an addition without text or scenario.
 */
export function draftDeltas(deltas: readonly DeltaInput[], main: MainRequirement): DraftDelta[] {
  const formerName = ({ capability, requirement }: DeltaInput) =>
    deltas.find((other) => other.operation === "RENAMED" && other.capability === capability && other.to === requirement)
      ?.requirement ?? requirement;
  return deltas.map((delta, index) => {
    const current = main(delta.capability, delta.operation === "MODIFIED" ? formerName(delta) : delta.requirement);
    refuseHeadings(delta, `deltas.${index}`);
    const where = `deltas.${index}`;
    if (delta.operation === "ADDED") return added(delta, current, where);
    if (!current) throw missing(delta, where);
    return delta.operation === "MODIFIED" ? modified(delta, current) : gone(delta, where);
  });
}

/** A heading in a text would end the requirement that it stands in. */
function refuseHeadings({ requirement, text = "", scenarios = [] }: DeltaInput, where: string): void {
  const line = [text, ...scenarios.flatMap(({ steps }) => steps)].find((part) => /^#{1,6}\s/m.test(part));
  if (line === undefined) return;
  throw new SpecloopError("bad_input", `A text of "${requirement}" has a heading, which would end the requirement.`, {
    target: where,
    fix: "Give scenarios in `scenarios` and other requirements as deltas of their own.",
  });
}

function added(delta: DeltaInput, current: Requirement | null, where: string): DraftDelta {
  const { capability, requirement, text, scenarios = [] } = delta;
  if (current) {
    throw new SpecloopError("bad_input", `${capability} has the requirement "${requirement}" already.`, {
      target: `${where}.requirement`,
      fix: "Use MODIFIED to change it, or choose another name.",
    });
  }
  if (text === undefined || scenarios.length === 0) {
    const what = text === undefined ? "a text with SHALL or MUST" : "at least one scenario";
    throw new SpecloopError("bad_input", `The new requirement "${requirement}" needs ${what}.`, {
      target: text === undefined ? `${where}.text` : `${where}.scenarios`,
    });
  }
  return { capability, operation: "ADDED", requirement, text, scenarios };
}

function modified({ capability, requirement, text, scenarios = [] }: DeltaInput, current: Requirement): DraftDelta {
  const given = new Map(scenarios.map((scenario) => [scenario.name.trim(), scenario]));
  const kept = current.scenarios.map((scenario) => {
    const changed = given.get(scenario.name);
    given.delete(scenario.name);
    return changed ?? { name: scenario.name, raw: scenario.raw };
  });
  return {
    capability,
    operation: "MODIFIED",
    requirement,
    text: text ?? statementOf(current),
    scenarios: [...kept, ...given.values()],
  };
}

function gone({ capability, operation, requirement, text = "", to }: DeltaInput, where: string): DraftDelta {
  if (operation === "REMOVED") return { capability, operation, requirement, text, scenarios: [] };
  if (to === undefined || to.trim() === "") {
    throw new SpecloopError("bad_input", `The renaming of "${requirement}" needs a new name.`, {
      target: `${where}.to`,
    });
  }
  return { capability, operation: "RENAMED", requirement, text: "", scenarios: [], to };
}

/** Everything between the header and the first scenario, as it is written. */
function statementOf(current: Requirement): string {
  const lines = current.raw.split("\n").slice(1);
  const first = current.scenarios[0];
  return (first ? lines.slice(0, first.line - current.line - 1) : lines).join("\n").trim();
}

function missing({ capability, operation, requirement }: DeltaInput, where: string): SpecloopError {
  return new SpecloopError(
    "bad_input",
    `${operation}: the spec of ${capability} has no requirement "${requirement}".`,
    {
      target: `${where}.requirement`,
      fix: "Read the spec with doc_read and use the exact name, or ADDED for a new requirement.",
    },
  );
}
