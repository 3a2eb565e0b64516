import { z } from "zod";
import { defineTool, type Tool } from "../foundation/tool.ts";
import { mergeTools } from "./merge/index.ts";
import type { Orchestrator } from "./orchestrator.ts";
import { tools as proposalTools } from "./proposal/tools.ts";
import { renderChange, renderList, renderVerdict } from "./render.ts";
import type { Verdict, VerdictIssue } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import type { ChangeSummary } from "./listing.ts";
import {
  STAGES,
  type ArtifactState,
  type DeltaState,
  type OpenQuestion,
  type Overlap,
  type Place,
  type TrackedFinding,
} from "./state.ts";

const id = z.string().min(1).max(300);
const root = z.string().max(500).optional().describe("if several planning folders have the id");

/** Text says what rows hold: the definitions of all tools together have 2,000 tokens. */
function typed<Value>(schema: z.ZodType): z.ZodType<Value, Value> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- zod cannot name a type that its JSON Schema leaves open
  return schema as z.ZodType<Value, Value>;
}
function rows<Row>(): z.ZodType<Row[], Row[]> {
  return typed<Row[]>(z.array(z.unknown()));
}

const listOutput = z.object({
  changes: rows<ChangeSummary>(),
  cursor: z.string().nullable(),
  total: z.int(),
  findings: rows<Diagnostic>(),
});
const detail = z.object({
  id: z.string(),
  path: z.string(),
  stage: z.string(),
  title: typed<string | null>(z.unknown()),
  git: typed<Place>(z.string()),
  branch: typed<string | null>(z.unknown()),
  tasks: typed<{ done: number; total: number }>(z.unknown()),
  artifacts: rows<ArtifactState>(),
  deltas: rows<DeltaState>(),
  findings: rows<TrackedFinding>(),
  resolved: rows<Diagnostic>(),
  questions: rows<OpenQuestion>(),
  mergeability: z.string(),
  overlaps: rows<Overlap>(),
  verdict: typed<Verdict | null>(z.unknown()),
  verdictCurrent: z.boolean(),
  verdictProblem: typed<Diagnostic | null>(z.unknown()),
});
const verdict = z.object({
  valid: z.boolean(),
  version: z.string(),
  source: z.string(),
  issues: rows<VerdictIssue>(),
  ms: z.number(),
  note: z.string().optional(),
});
export type ChangeDetail = z.output<typeof detail>;
export type VerdictRow = z.output<typeof verdict>;

/** The tools of the orchestrator. */
export function tools(orchestrator: Orchestrator): Tool[] {
  return [
    listTool(orchestrator),
    getTool(orchestrator),
    ...proposalTools(orchestrator),
    checkTool(orchestrator),
    ...mergeTools(orchestrator),
  ];
}

function listTool(orchestrator: Orchestrator): Tool {
  return defineTool({
    name: "change_list",
    title: "List changes",
    description: "OpenSpec changes with stage, task progress, findings and validity.",
    input: z.object({
      stage: z.enum(STAGES).optional(),
      archived: z.boolean().optional(),
      limit: z.int().min(1).max(100).optional(),
      cursor: z.string().max(2000).optional(),
    }),
    output: listOutput,
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
    description: "A change: artifacts, deltas, findings with fixes, open questions, overlaps, official verdict.",
    input: z.object({ id, root }),
    output: detail,
    effect: "read",
    toolset: "default",
  }).handle({
    run: async ({ id, root }, { worktree }) => {
      const view = await orchestrator.get(id, root, worktree);
      const { mergeability, validity } = view;
      return {
        ...view,
        mergeability: mergeability.state,
        overlaps: mergeability.overlaps,
        verdict: validity.verdict,
        verdictCurrent: validity.current,
        verdictProblem: validity.problem,
      };
    },
    render: renderChange,
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
