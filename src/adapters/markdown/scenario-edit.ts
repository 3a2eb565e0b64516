import { SpecloopError } from "../../foundation/errors.ts";
import { parseSpec, type Requirement, type Scenario } from "../openspec/index.ts";
import { besideOf, choose, requireText } from "./choose.ts";
import { dominantLineEnd } from "./lines.ts";
import type { ScenarioEdit } from "./port.ts";
import { renamedHeader } from "./requirement-edit.ts";
import {
  checkedName,
  findRequirement,
  plainName,
  refuseTaken,
  requirementsOf,
  specDocument,
} from "./requirement-place.ts";
import { coreOf, insertedBlock, removedLines, trimmedContent, type Splice } from "./splice.ts";

type Of<Kind extends ScenarioEdit["kind"]> = Extract<ScenarioEdit, { kind: Kind }>;

/** A new scenario beside another one of its requirement, or behind all of them. */
export function addScenario(text: string, edit: Of<"add_scenario">, path: string): Splice {
  const requirement = requirementFor(text, edit.section, path);
  const block = blockOf(text, edit, path);
  refuseTaken(
    requirement.scenarios.map(({ name }) => name),
    block.name,
    { noun: "scenario", path },
  );
  const beside = besideOf(edit, path);
  const anchor = beside ? findScenario([requirement], beside.name, path).scenario : null;
  const lineEnd = dominantLineEnd(text);
  if (anchor && beside?.side === "before") return insertedBlock(text, anchor.start, block.text, lineEnd);
  const end = anchor?.end ?? requirement.end;
  return { start: end, end, replacement: lineEnd + lineEnd + block.text };
}

/** The whole block of a scenario. */
export function modifyScenario(text: string, edit: Of<"modify_scenario">, path: string): Splice {
  const { scenario } = scenarioFor(text, edit, path);
  const block = blockOf(text, edit, path);
  if (block.name !== scenario.name) {
    throw new SpecloopError("bad_input", `The content is about "${block.name}", not about "${scenario.name}".`, {
      target: path,
      fix: "Keep the name, and change it with rename_scenario.",
    });
  }
  return { start: scenario.start, end: scenario.end, replacement: block.text };
}

export function removeScenario(text: string, edit: Of<"remove_scenario">, path: string): Splice {
  const { scenario } = scenarioFor(text, edit, path);
  const next = coreOf(text, scenario.end, text.length);
  return next
    ? { start: scenario.start, end: next.start, replacement: "" }
    : removedLines(text, scenario.start, text.length);
}

export function renameScenario(text: string, edit: Of<"rename_scenario">, path: string): Splice {
  const { scenario, requirement } = scenarioFor(text, edit, path);
  const to = checkedName(edit.to, "Scenario", path);
  const others = requirement.scenarios.filter((one) => one !== scenario).map(({ name }) => name);
  refuseTaken(others, to, { noun: "scenario", path });
  return renamedHeader(text, scenario, to);
}

/** In a delta a scenario belongs to a requirement whose whole text stands there. */
function requirementFor(text: string, name: string, path: string): Requirement {
  const document = specDocument(text, path);
  const pool = requirementsOf(document);
  const wanted = plainName(name, "Requirement");
  if (document.kind === "delta" && !pool.some((one) => one.name === wanted)) {
    throw new SpecloopError("unknown_section", `${path} neither adds nor modifies a requirement "${wanted}".`, {
      target: path,
      details: { candidates: pool.map((one) => one.name).slice(0, 50) },
      fix: "Put the requirement with all its scenarios there first, with modify_requirement.",
    });
  }
  return findRequirement(pool, wanted, path);
}

function scenarioFor(text: string, edit: { section?: string | undefined; target: string }, path: string) {
  const pool =
    edit.section === undefined ? requirementsOf(specDocument(text, path)) : [requirementFor(text, edit.section, path)];
  return findScenario(pool, edit.target, path);
}

function findScenario(
  requirements: Requirement[],
  name: string,
  path: string,
): { requirement: Requirement; scenario: Scenario } {
  const all = requirements.flatMap((requirement) =>
    requirement.scenarios.map((scenario) => ({ requirement, scenario, label: scenario.name, line: scenario.line })),
  );
  const wanted = plainName(name, "Scenario");
  return choose(all, [({ label }, wish) => label === wish], { noun: "scenario", wanted, path });
}

/** Content as one scenario block; a header is made of `target` where the content has none. */
function blockOf(text: string, edit: Of<"add_scenario"> | Of<"modify_scenario">, path: string) {
  requireText(edit.content, edit.kind, path);
  const lineEnd = dominantLineEnd(text);
  const content = trimmedContent(edit.content, lineEnd);
  const headed = /^####\s+/.test(content);
  if (!headed && edit.target === undefined) {
    const fix = 'Begin the content with "#### Scenario: Name", or give the name as "target".';
    throw new SpecloopError("bad_input", "The scenario has no name.", { target: path, fix });
  }
  const header = headed ? "" : `#### Scenario: ${checkedName(edit.target!, "Scenario", path)}${lineEnd}`;
  const whole = header + content;
  const { requirements } = parseSpec(`## Requirements\n\n### Requirement: R\nIt SHALL.\n\n${whole}`);
  const [scenario, second] = requirements[0]?.scenarios ?? [];
  const isWhole =
    scenario && !second && requirements.length === 1 && scenario.raw.split("\n").length === whole.split(lineEnd).length;
  if (isWhole) return { name: scenario.name, text: whole };
  throw new SpecloopError("bad_input", "The content is not one scenario.", {
    target: path,
    fix: 'Give one block: "#### Scenario: Name" and its steps, such as "- **WHEN** …" and "- **THEN** …".',
  });
}
