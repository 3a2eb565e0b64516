import { parseDelta, parseSpec, type Requirement } from "../../../src/adapters/openspec/index.ts";
import { blankBefore, lineEnd, NEW, type Maker } from "./targets.ts";

function requirementsOf(text: string): Requirement[] {
  const delta = parseDelta(text);
  return delta.sections.length > 0 ? [...delta.added, ...delta.modified] : parseSpec(text).requirements;
}

const onlyOnce = (all: Requirement[]) =>
  all.filter(({ name }) => all.filter((one) => one.name.toLowerCase() === name.toLowerCase()).length === 1);
const namesIn = (text: string) =>
  requirementsOf(text).map(({ name, scenarios }) => [name, ...scenarios.map((one) => one.name)]);

export const modifiedRequirement: Maker = (text, pick) => {
  const all = requirementsOf(text);
  const one = pick(onlyOnce(all));
  if (!one) return null;
  const at = all.indexOf(one);
  const raw = text.slice(one.start, one.end);
  const content = `### Requirement: ${one.name}\nIt SHALL ${NEW}.\n\n#### Scenario: ${NEW}\n- **WHEN** a\n- **THEN** b`;
  // A heading of a higher level that OpenSpec counts as part of the block is not taken as content of one.
  const mixed = /\r/.test(text) || /^#{1,2}[ \t]/m.test(raw);
  return {
    edit: { kind: "modify_requirement", target: one.name, content },
    span: [one.start, one.end],
    read: namesIn,
    wanted: namesIn(text).with(at, [one.name, NEW]),
    ...(mixed || /^[ \t]/.test(raw)
      ? {}
      : { inverse: { kind: "modify_requirement", target: one.name, content: raw } as const }),
  };
};

export const addedRequirement: Maker = (text, pick) => {
  const delta = parseDelta(text);
  const pool = delta.sections.length > 0 ? delta.added : parseSpec(text).requirements;
  const one = pick(onlyOnce(requirementsOf(text)).filter(({ name }) => pool.some((other) => other.name === name)));
  if (!one) return null;
  const at = requirementsOf(text).findIndex(({ start }) => start === one.start);
  const content = `### Requirement: ${NEW}\nIt SHALL.\n\n#### Scenario: s\n- **WHEN** a\n- **THEN** b`;
  return {
    edit: { kind: "add_requirement", before: one.name, content },
    span: [one.start, one.start],
    read: namesIn,
    wanted: namesIn(text).toSpliced(at, 0, [NEW, "s"]),
    ...(blankBefore(text, one.start) ? { inverse: { kind: "remove_requirement", target: NEW } as const } : {}),
  };
};

export const renamedRequirement: Maker = (text, pick) => {
  const all = requirementsOf(text);
  const delta = parseDelta(text);
  const one = pick(
    onlyOnce(all).filter(({ name }) => delta.sections.length === 0 || delta.added.some((other) => other.name === name)),
  );
  if (!one) return null;
  const at = all.findIndex(({ start }) => start === one.start);
  return {
    edit: { kind: "rename_requirement", target: one.name, to: NEW },
    span: [one.start, one.bodyStart],
    read: namesIn,
    wanted: namesIn(text).with(at, [NEW, ...one.scenarios.map(({ name }) => name)]),
    inverse: { kind: "rename_requirement", target: NEW, to: one.name },
  };
};

function uniqueScenarios(text: string) {
  const all = onlyOnce(requirementsOf(text));
  return all.flatMap((requirement) =>
    requirement.scenarios
      .filter(
        ({ name }) =>
          name !== "" &&
          requirement.scenarios.filter((one) => one.name.toLowerCase() === name.toLowerCase()).length === 1,
      )
      .map((scenario) => ({ requirement, scenario })),
  );
}

export const modifiedScenario: Maker = (text, pick) => {
  const found = pick(uniqueScenarios(text));
  if (!found) return null;
  const { requirement, scenario } = found;
  const raw = text.slice(scenario.start, scenario.end);
  return {
    edit: {
      kind: "modify_scenario",
      section: requirement.name,
      target: scenario.name,
      content: `- **WHEN** ${NEW}\n- **THEN** b`,
    },
    span: [scenario.start, scenario.end],
    read: (after) => ({
      names: namesIn(after),
      said: uniqueScenarios(after).some((one) => one.scenario.raw.includes(NEW)),
    }),
    wanted: { names: namesIn(text), said: true },
    ...(/\r/.test(text)
      ? {}
      : {
          inverse: { kind: "modify_scenario", section: requirement.name, target: scenario.name, content: raw } as const,
        }),
  };
};

export const addedScenario: Maker = (text, pick) => {
  const found = pick(uniqueScenarios(text));
  if (!found) return null;
  const { requirement, scenario } = found;
  const at = requirementsOf(text).findIndex(({ start }) => start === requirement.start);
  const place = requirement.scenarios.indexOf(scenario);
  const names = requirement.scenarios.map(({ name }) => name);
  return {
    edit: {
      kind: "add_scenario",
      section: requirement.name,
      before: scenario.name,
      content: `#### Scenario: ${NEW}\n- x`,
    },
    span: [scenario.start, scenario.start],
    read: namesIn,
    wanted: namesIn(text).with(at, [requirement.name, ...names.toSpliced(place, 0, NEW)]),
    ...(blankBefore(text, scenario.start)
      ? { inverse: { kind: "remove_scenario", section: requirement.name, target: NEW } as const }
      : {}),
  };
};

export const renamedScenario: Maker = (text, pick) => {
  const found = pick(uniqueScenarios(text));
  if (!found) return null;
  const { requirement, scenario } = found;
  return {
    edit: { kind: "rename_scenario", section: requirement.name, target: scenario.name, to: NEW },
    span: [scenario.start, lineEnd(text, scenario.start)],
    read: (after) =>
      namesIn(after)
        .flat()
        .filter((name) => name === NEW).length,
    wanted: 1,
    inverse: { kind: "rename_scenario", section: requirement.name, target: NEW, to: scenario.name },
  };
};
