import { z } from "zod";
import { defineTool, type Tool } from "../foundation/tool.ts";
import type { WorkflowEngine } from "./engine.ts";
import { actionTools } from "./run-action-tools.ts";
import { budgetInput, given, nodeDetails, renderRun, runDetails, runEvent, runSummary } from "./run-schemas.ts";

const id = z.string().min(1).max(60).describe("The run's id");
const waitMs = z.int().min(0).max(600_000).default(0).describe("Milliseconds to wait while the run goes on by itself");
const STATES = [
  ...(["running", "waiting", "paused", "cancelling", "undoing"] as const),
  ...(["succeeded", "failed", "cancelled", "undone"] as const),
];

/** The tools of runs. */
export function runTools(engine: WorkflowEngine): Tool[] {
  return [
    runTool(engine),
    getTool(engine),
    nodeTool(engine),
    listTool(engine),
    eventsTool(engine),
    ...actionTools(engine),
  ];
}

function runTool(engine: WorkflowEngine): Tool {
  return defineTool({
    name: "workflow_run",
    title: "Run a workflow",
    description: "Begins a run of a workflow and gives its id and state. The same `onceKey` gives the same run.",
    input: z.object({
      name: z.string().min(1).max(200).describe("The workflow's name"),
      input: z.record(z.string(), z.unknown()).default({}),
      budget: budgetInput.optional(),
      onceKey: z.string().min(1).max(200).optional(),
      waitMs,
    }),
    output: runDetails,
    effect: "world",
    toolset: "full",
  }).handle({
    run: async ({ name, input, budget, onceKey, waitMs: wait }, { principal, signal }) => {
      const request = { workflow: { name }, input, principal, budget: given(budget), idempotencyKey: onceKey };
      const run = await engine.run(request);
      return engine.waitFor(run.id, wait, signal);
    },
    render: renderRun,
  });
}

function getTool(engine: WorkflowEngine): Tool {
  return defineTool({
    name: "run_get",
    title: "Show a run",
    description: "A run with the state of each node, its cost and its output. With `waitMs` it waits for the end.",
    input: z.object({ run: id, waitMs }),
    output: runDetails,
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ run, waitMs: wait }, { signal }) =>
      wait === 0 ? engine.get(run) : engine.waitFor(run, wait, signal),
    render: renderRun,
  });
}

function nodeTool(engine: WorkflowEngine): Tool {
  return defineTool({
    name: "run_node",
    title: "Show a node of a run",
    description: "One node of a run, step by step: input, output, cost and log of each attempt.",
    input: z.object({
      run: id,
      node: z.string().min(1).max(500).describe("Its key, such as `review` or `files[3]/fix`"),
    }),
    output: nodeDetails,
    effect: "read",
    toolset: "full",
  }).handle({
    run: ({ run, node }) => engine.node(run, node),
    render: ({ key, status, output, attempts }) =>
      [
        `${key}: ${status}`,
        ...attempts.map(({ attempt, outcome, error, log }) => `${attempt}. ${outcome} ${error?.message ?? ""}\n${log}`),
        JSON.stringify(output, null, 2),
      ].join("\n"),
  });
}

function listTool(engine: WorkflowEngine): Tool {
  return defineTool({
    name: "run_list",
    title: "List runs",
    description: "Runs of workflows, newest first. `failed` ones can be resumed from a node after a fix.",
    input: z.object({
      state: z.enum(STATES).optional(),
      workflow: z.string().max(200).optional(),
      limit: z.int().min(1).max(200).default(20),
      after: z.object({ createdAt: z.number(), id: z.string() }).optional().describe("`next` of the page before"),
    }),
    output: z.object({
      runs: z.array(runSummary),
      next: z.object({ createdAt: z.number(), id: z.string() }).nullable(),
    }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ limit, ...page }) => {
      const runs = await engine.list({ ...page, limit: limit + 1 });
      const last = runs.length > limit ? runs[limit - 1] : undefined;
      const next = last ? { createdAt: last.createdAt, id: last.id } : null;
      return { runs: runs.slice(0, limit), next };
    },
    render: ({ runs }) =>
      runs.length === 0
        ? "No runs."
        : runs
            .map(({ id: run, workflow, state, reason }) => `- ${run} ${workflow}: ${state} ${reason ?? ""}`)
            .join("\n"),
  });
}

function eventsTool(engine: WorkflowEngine): Tool {
  return defineTool({
    name: "run_events",
    title: "History of a run",
    description: "What happened in a run, in order; `after` goes on from an event that was seen.",
    input: z.object({ run: id, after: z.int().min(0).default(0), limit: z.int().min(1).max(1000).default(200) }),
    output: z.object({ events: z.array(runEvent) }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ run, after, limit }) => ({ events: await engine.events(run, after, limit) }),
    render: ({ events }) =>
      events.map(({ seq, key, type, data }) => `${seq} ${type} ${key ?? ""} ${JSON.stringify(data)}`).join("\n"),
  });
}
