import { z } from "zod";
import { defineTool, type Tool } from "../foundation/tool.ts";
import { draftFrom } from "./draft-from-text.ts";
import type { Orchestrator } from "./orchestrator.ts";
import { renderChange, renderList, renderProposal, renderVerdict } from "./render.ts";
import { STAGES } from "./state.ts";

const id = z.string().min(1).max(300).describe("Change id");
const root = z.string().max(500).optional().describe("Planning folder, if several have the id");
const diagnostic = z.object({
  severity: z.enum(["error", "warning", "info"]),
  code: z.string(),
  message: z.string(),
  target: z.string().optional(),
  fix: z.string().optional(),
});
const verdict = z.object({
  valid: z.boolean(),
  version: z.string(),
  source: z.string(),
  issues: z.array(z.object({ level: z.string(), path: z.string(), message: z.string(), line: z.number().optional() })),
  ms: z.number(),
});
const stage = z.enum(STAGES);
const tasks = z.object({ done: z.int(), total: z.int() });
const summary = z.object({
  id: z.string(),
  root: z.string(),
  stage: z.string(),
  title: z.string().nullable(),
  git: z.string(),
  tasks,
  findings: z.object({ errors: z.int(), warnings: z.int() }),
  openQuestions: z.int(),
  valid: z.boolean().nullable(),
  mergeability: z.string(),
});
const detail = z.object({
  id: z.string(),
  path: z.string(),
  stage: z.string(),
  title: z.string().nullable(),
  git: z.string(),
  branch: z.string().nullable(),
  tasks,
  artifacts: z.array(z.object({ id: z.string(), status: z.string(), paths: z.array(z.string()) })),
  deltas: z.array(z.record(z.string(), z.unknown())),
  findings: z.array(diagnostic),
  questions: z.array(z.object({ path: z.string(), line: z.int(), text: z.string(), answered: z.boolean() })),
  mergeability: z.string(),
  overlaps: z.array(z.record(z.string(), z.string())),
  verdict: verdict.nullable(),
  verdictCurrent: z.boolean(),
});
export type ChangeDetail = z.output<typeof detail>;
export type SummaryRow = z.output<typeof summary>;
export type VerdictRow = z.output<typeof verdict>;

const delta = z.object({
  capability: z.string().min(1),
  operation: z.enum(["ADDED", "MODIFIED", "REMOVED"]),
  requirement: z.string().min(1),
  text: z.string().describe("Sentence with SHALL or MUST"),
  scenarios: z.array(z.object({ name: z.string(), steps: z.array(z.string()) })).default([]),
});
const draft = z.object({
  title: z.string().min(1).max(300),
  content: z.string().max(200_000).optional().describe("Markdown: sections Why, What Changes, Impact, Tasks, Design"),
  id: z.string().max(200).optional().describe("kebab-case; made from the title"),
  why: z.string().max(50_000).optional(),
  whatChanges: z.array(z.string()).max(100).optional(),
  impact: z.array(z.string()).max(100).optional(),
  design: z.string().max(200_000).optional(),
  tasks: z
    .array(z.object({ group: z.string(), items: z.array(z.string()).min(1) }))
    .max(100)
    .optional(),
  deltas: z.array(delta).max(200).optional().describe("Requirement changes; none: no requirement changes"),
  goal: z.string().max(2000).optional(),
});

/** The tools of the orchestrator. */
export function tools(orchestrator: Orchestrator): Tool[] {
  return [listTool(orchestrator), getTool(orchestrator), proposeTool(orchestrator), checkTool(orchestrator)];
}

function listTool(orchestrator: Orchestrator): Tool {
  return defineTool({
    name: "change_list",
    title: "List changes",
    description: "OpenSpec changes with stage, task progress, findings and validity.",
    input: z.object({
      stage: stage.optional(),
      archived: z.boolean().optional().describe("Include archived and abandoned"),
      limit: z.int().min(1).max(100).optional(),
      cursor: z.string().max(2000).optional(),
    }),
    output: z.object({ changes: z.array(summary), cursor: z.string().nullable(), total: z.int() }),
    effect: "read",
    toolset: "default",
  }).handle({
    run: ({ archived, ...request }) => orchestrator.list({ ...request, includeArchived: archived }),
    render: renderList,
  });
}

function getTool(orchestrator: Orchestrator): Tool {
  return defineTool({
    name: "change_get",
    title: "Show a change",
    description:
      "One change: artifacts, requirement deltas, findings with fixes, open questions, overlaps, OpenSpec's verdict.",
    input: z.object({ id, root }),
    output: detail,
    effect: "read",
    toolset: "default",
  }).handle({
    run: async ({ id, root }) => {
      const view = await orchestrator.get(id, root);
      return {
        ...view,
        mergeability: view.mergeability.state,
        overlaps: view.mergeability.overlaps.map((overlap) => ({ ...overlap })),
        deltas: view.deltas.map((item) => ({ ...item })),
        verdict: view.validity.verdict,
        verdictCurrent: view.validity.current,
      };
    },
    render: renderChange,
  });
}

function proposeTool(orchestrator: Orchestrator): Tool {
  return defineTool({
    name: "change_propose",
    title: "Propose a change",
    description:
      "Commits a complete OpenSpec change on branch specloop/<id>, after OpenSpec's strict check; a person merges it. Title and content are enough.",
    input: draft,
    output: z.object({
      changeId: z.string(),
      branch: z.string(),
      commit: z.string(),
      valid: z.boolean().nullable(),
      warning: z.string().nullable(),
    }),
    effect: "add",
    toolset: "default",
  }).handle({
    run: async (input, { principal }) => {
      const { verdict: judged, ...made } = await orchestrator.propose(draftFrom(input), { principal, trailers: {} });
      const warning = judged ? null : "No OpenSpec was asked, so the change is unchecked.";
      return { ...made, valid: judged?.valid ?? null, warning };
    },
    render: renderProposal,
  });
}

function checkTool(orchestrator: Orchestrator): Tool {
  return defineTool({
    name: "change_check",
    title: "Check a change",
    description: "Asks OpenSpec for its strict verdict on a change now.",
    input: z.object({ id, root }),
    output: verdict,
    effect: "read",
    toolset: "full",
  }).handle({
    run: ({ id, root }) => orchestrator.check(id, root),
    render: renderVerdict,
  });
}
