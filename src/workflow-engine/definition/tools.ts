import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import type { Plan } from "../plan.ts";
import type { Found, WorkflowCatalogue } from "./catalogue.ts";
import { toMermaid } from "./mermaid.ts";
import type { DefinitionProblem } from "./problem.ts";

const problem = z.object({
  severity: z.enum(["error", "warning"]),
  code: z.string(),
  message: z.string(),
  target: z.string(),
  fix: z.string(),
  file: z.string(),
  line: z.int().nullable(),
  column: z.int().nullable(),
  endColumn: z.int().nullable(),
  path: z.string(),
  excerpt: z.string(),
});
const row = z.object({
  name: z.string(),
  version: z.string().nullable(),
  hash: z.string().nullable(),
  description: z.string(),
  nodes: z.int().nullable(),
  file: z.string(),
  origin: z.enum(["repository", "builtin"]),
  problems: z.int(),
});
const verdict = z.object({
  valid: z.boolean(),
  file: z.string(),
  name: z.string().nullable(),
  hash: z.string().nullable(),
  nodes: z.int().nullable(),
  problems: z.array(problem),
});
const MAX_TEXT = 256 * 1024;

export type WorkflowRow = z.output<typeof row>;
export type WorkflowVerdict = z.output<typeof verdict>;

/** The tools of workflow definitions. */
export function definitionTools(catalogue: WorkflowCatalogue): Tool[] {
  return [listTool(catalogue), getTool(catalogue), validateTool(catalogue)];
}

function listTool(catalogue: WorkflowCatalogue): Tool {
  return defineTool({
    name: "workflow_list",
    title: "List workflows",
    description: "Workflows of this repository with version, nodes and how many mistakes each has.",
    input: z.object({}),
    output: z.object({ workflows: z.array(row) }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async () => ({ workflows: (await catalogue.list()).map(toRow) }),
    render: ({ workflows }) =>
      workflows.length === 0
        ? "No workflows. Write one in workflows/NAME.yaml."
        : workflows.map((found) => `- ${found.name}: ${found.description} (${state(found)})`).join("\n"),
  });
}

function getTool(catalogue: WorkflowCatalogue): Tool {
  return defineTool({
    name: "workflow_get",
    title: "Show a workflow",
    description: "A workflow: its text, its checked plan (inputs, nodes, budgets) and its graph as Mermaid.",
    input: z.object({ name: z.string().min(1).max(200) }),
    output: z.object({
      ...row.shape,
      text: z.string(),
      plan: z.record(z.string(), z.unknown()).nullable(),
      graph: z.string().nullable(),
      mistakes: z.array(problem),
    }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ name }) => {
      const found = await catalogue.find(name);
      const { plan, text, problems } = found;
      return { ...toRow(found), text, plan: plan && { ...plan }, graph: plan && toMermaid(plan), mistakes: problems };
    },
    render: ({ text, graph, mistakes }) =>
      [
        `\`\`\`yaml\n${text.trimEnd()}\n\`\`\``,
        graph ? `\`\`\`mermaid\n${graph}\`\`\`` : renderProblems(mistakes),
      ].join("\n\n"),
  });
}

function validateTool(catalogue: WorkflowCatalogue): Tool {
  return defineTool({
    name: "workflow_validate",
    title: "Check a workflow",
    description:
      "Checks a workflow by name, or a definition given as YAML, in one pass: every mistake with its line, column, text " +
      "and what to write instead. Nothing is stored or run.",
    input: z.object({
      name: z.string().min(1).max(200).optional(),
      text: z.string().max(MAX_TEXT).optional().describe("YAML of a definition"),
    }),
    output: verdict,
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ name, text }) => {
      if (text !== undefined) return verdictOf("the definition", catalogue.check(text, "the definition"));
      if (name === undefined) throw new SpecloopError("bad_input", "Neither a name nor a text was given.");
      const found = await catalogue.find(name);
      return verdictOf(found.file, found);
    },
    render: ({ valid, file, problems }) =>
      valid && problems.length === 0 ? `${file} is valid.` : renderProblems(problems),
  });
}

export function verdictOf(
  file: string,
  { name, plan, problems }: Pick<Found, "plan" | "problems"> & { name: string | null },
): WorkflowVerdict {
  return { valid: plan !== null, file, name, hash: plan?.hash ?? null, nodes: plan?.nodes.length ?? null, problems };
}

export function toRow({ name, file, origin, plan, problems }: Found): WorkflowRow {
  const errors = problems.filter(({ severity }) => severity === "error").length;
  return { name, file, origin, ...ofPlan(plan), problems: errors };
}

function ofPlan(plan: Plan | null): Pick<WorkflowRow, "version" | "hash" | "description" | "nodes"> {
  if (!plan) return { version: null, hash: null, description: "", nodes: null };
  return { version: plan.version, hash: plan.hash, description: plan.description, nodes: plan.nodes.length };
}

function state({ problems, nodes }: WorkflowRow): string {
  return problems > 0 ? `${problems} mistakes` : `${nodes} nodes`;
}

/** As the terminal shows them, without colours. */
function renderProblems(problems: readonly DefinitionProblem[]): string {
  return problems
    .map(({ target, severity, code, message, excerpt, fix }) =>
      [`${target} ${severity} [${code}] ${message}`, ...(excerpt === "" ? [] : [excerpt]), `       ${fix}`].join("\n"),
    )
    .join("\n\n");
}
