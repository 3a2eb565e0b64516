import type { Step } from "../step.ts";

export const DEMO_CHANGE = "demo-greeting";
const FOLDER = `openspec/changes/${DEMO_CHANGE}`;

const PROPOSAL = `# A greeting

## Why
People who start the program for the first time do not know what it does.

## What Changes
- A greeting at the first start

## Impact
- The start of the program
`;
const DELTA = `## ADDED Requirements

### Requirement: A greeting
The program SHALL greet whoever starts it for the first time.

#### Scenario: First start
- **WHEN** the program is started for the first time
- **THEN** it says what it does

## MODIFIED Requirements

### Requirement: A requirement that nobody wrote
The program SHALL do something else.

#### Scenario: Something else
- **WHEN** it is asked
- **THEN** it does
`;
const DESIGN = `## Context
The program starts without a word.

## Decisions
- The greeting is shown once and remembered.

## Open Questions
- Shall the greeting be shown again after an update?
`;
const TASKS = "## 1. Greeting\n- [ ] 1.1 Write the words\n- [ ] 1.2 Show them once\n";

interface Change {
  stage: string;
  findings: { severity: string; code: string; message: string }[];
  tasks: { done: number; total: number };
  verdict: { valid: boolean; version: string } | null;
}

export const changeIsSaved: Step = {
  title: "A change is saved; its stage and findings appear",
  run: async (stage) => {
    const get = async () =>
      (await stage.agent.callTool("change_get", { id: DEMO_CHANGE }).catch(() => null)) as Change | null;
    await stage.write(`${FOLDER}/.openspec.yaml`, "schema: spec-driven\n");
    await stage.write(`${FOLDER}/specs/demo/spec.md`, DELTA);
    await stage.write(`${FOLDER}/proposal.md`, PROPOSAL);
    const saved = performance.now();
    const first = await stage.until("the finding appears", async () => {
      const change = await get();
      return change?.findings.some(({ code }) => code === "target_missing") ? change : null;
    });
    const ms = Math.round(performance.now() - saved);
    await stage.write(`${FOLDER}/specs/demo/spec.md`, DELTA.slice(0, DELTA.indexOf("## MODIFIED")));
    await stage.write(`${FOLDER}/design.md`, DESIGN);
    await stage.write(`${FOLDER}/tasks.md`, TASKS);
    const second = await stage.until("the finding is resolved", async () => {
      const change = await get();
      return change?.stage === "planned" && change.findings.every(({ code }) => code !== "target_missing")
        ? change
        : null;
    });
    const judged = await stage.until("OpenSpec judged", async () => {
      const change = await get();
      return change?.verdict?.valid || (change && !(await hasValidator(stage.agent))) ? change : null;
    });
    const { verdict } = judged;
    return [
      `stage ${first.stage} after ${ms} ms, with: ${first.findings.map(({ code, message }) => `${code}: ${message}`).join("; ")}`,
      `mended and completed: stage ${second.stage}, ${second.tasks.total} tasks; now ${second.findings.map(({ code, message }) => `${code}: ${message}`).join("; ") || "no finding"}`,
      verdict
        ? `official verdict of OpenSpec ${verdict.version}: valid`
        : "no OpenSpec is installed, so there is no official verdict",
    ];
  },
};

async function hasValidator(agent: {
  callTool(name: string, input: Record<string, unknown>): Promise<unknown>;
}): Promise<boolean> {
  return agent.callTool("change_check", { id: DEMO_CHANGE }).then(
    () => true,
    (error: unknown) => !/No OpenSpec was found/.test(String(error)),
  );
}
