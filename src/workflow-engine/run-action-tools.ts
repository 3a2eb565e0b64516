import { z } from "zod";
import { defineTool, type Tool, type ToolContext } from "../foundation/tool.ts";
import type { WorkflowEngine } from "./engine.ts";
import { budgetInput, given, renderRun, runDetails } from "./run-schemas.ts";

const run = z.string().min(1).max(60).describe("The run's id");
const node = z.string().min(1).max(500).describe("The node's key in the run");
const reply = z.enum(["applied", "ignored", "duplicate", "refused"]);
const output = z.object({
  reply: reply.describe("`duplicate`: said before; `ignored`: too late"),
  ...runDetails.shape,
});
type Said = Promise<z.output<typeof reply>>;

/** What people and programs do to runs. */
export function actionTools(engine: WorkflowEngine): Tool[] {
  return [...answers(engine), ...steering(engine), forkTool(engine)];
}

function maker(engine: WorkflowEngine) {
  return <Input extends z.ZodObject>(
    definition: { name: string; title: string; description: string; input: Input; personOnly?: boolean },
    act: (input: z.output<Input> & { run: string }, context: ToolContext) => Said,
  ) =>
    defineTool({ ...definition, output, effect: "write", toolset: "full" }).handle({
      run: async (input, context) => {
        const said = z.object({ run: z.string() }).parse(input).run;
        const told = await act({ ...input, run: said }, context);
        return { reply: told, ...(await engine.get(said)) };
      },
      render: ({ reply: told, ...details }) => `${told}\n${renderRun(details)}`,
    });
}

function answers(engine: WorkflowEngine): Tool[] {
  const make = maker(engine);
  return [
    make(
      {
        name: "run_signal",
        title: "Send an event to a run",
        description: "Sends a named event to a run; the first of a name counts, also before a node waits for it.",
        input: z.object({ run, name: z.string().min(1).max(100), data: z.unknown().default(null) }),
      },
      (input, { principal }) => engine.signal(input.run, input.name, input.data, principal),
    ),
    make(
      {
        name: "run_approve",
        title: "Answer an approval of a run",
        description: "A person's yes or no to an approval node.",
        input: z.object({ run, node, approved: z.boolean(), comment: z.string().max(10_000).default("") }),
        personOnly: true,
      },
      ({ run: id, node: key, approved, comment }, { principal }) =>
        engine.approve(id, key, { approved, comment }, principal),
    ),
    make(
      {
        name: "run_resolve",
        title: "Say what became of a node",
        description: "A node was cut off in the middle: a person says that it was done, is to be repeated, or failed.",
        input: z.object({ run, node, how: z.enum(["done", "retry", "fail"]), output: z.unknown().optional() }),
        personOnly: true,
      },
      ({ run: id, node: key, how, output: value }, { principal }) =>
        engine.resolve(id, { key, how, ...(value === undefined ? {} : { output: value }) }, principal),
    ),
  ];
}

function steering(engine: WorkflowEngine): Tool[] {
  const make = maker(engine);
  return [
    make(
      {
        name: "run_cancel",
        title: "Cancel a run",
        description: "Stops what is under way, also in the runs below.",
        input: z.object({ run }),
      },
      (input, { principal }) => engine.cancel(input.run, principal),
    ),
    make(
      {
        name: "run_pause",
        title: "Pause a run",
        description: "Begins nothing more in the run; what is under way ends.",
        input: z.object({ run }),
      },
      (input, { principal }) => engine.pause(input.run, principal),
    ),
    make(
      {
        name: "run_resume",
        title: "Resume a run",
        description: "A paused run goes on; a failed one does again what failed, or everything from a node on.",
        input: z.object({ run, from: node.optional(), budget: budgetInput.optional() }),
        personOnly: true,
      },
      ({ run: id, from, budget }, { principal }) =>
        engine.resume(id, principal, { from: from ?? null, budget: given(budget) ?? null }),
    ),
    make(
      {
        name: "run_undo",
        title: "Undo a run",
        description:
          "Undoes what an ended run did, the last first: the `undo` of its nodes, its documents, the runs below. What others wrote since is kept, and what is left is listed in `undone`.",
        input: z.object({ run, to: node.optional().describe("Only back to before this node began") }),
      },
      (input, { principal }) => engine.undo(input.run, principal, input.to ?? null),
    ),
  ];
}

function forkTool(engine: WorkflowEngine): Tool {
  return defineTool({
    name: "run_fork",
    title: "Run again with changes",
    description:
      "A new run that takes over what a past one did before `from`, with other inputs or as the workflow is now.",
    input: z.object({
      run,
      from: node.optional().describe("Done anew from here on; everything when absent"),
      input: z.record(z.string(), z.unknown()).optional(),
      current: z.boolean().default(false).describe("With the workflow as it is now, not as it was"),
      budget: budgetInput.optional(),
    }),
    output: runDetails,
    effect: "world",
    toolset: "full",
  }).handle({
    run: async ({ run: id, from, input, current, budget }, { principal }) => {
      const plan = current ? await engine.current(id) : undefined;
      const fork = await engine.fork(id, principal, { from, input, plan, budget: given(budget) });
      return engine.get(fork.id);
    },
    render: renderRun,
  });
}
