import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool, type CliContext } from "../../context.ts";
import { runShape, runView, type Run } from "../../views/run.ts";
import { each, givenBudget, givenInput } from "./given.ts";

/** The longest that one call waits; then it is asked again. */
const LOOK_MS = 1000;

export function registerStart(run: Command, bind: Bind): void {
  run
    .command("start", { isDefault: true })
    .description("begin a run and follow it until it ends or needs a person")
    .argument("<name>", "a workflow's name")
    .option("--input <key=value>", "an input; @FILE holds a JSON object; may be repeated", each, [])
    .option("--budget <usd>", "dollars that it may cost at most")
    .option("--tokens <n>", "tokens that it may use at most")
    .option("--once <key>", "the same key is the same run")
    .option("--no-wait", "begin it and return")
    .action(
      bind(async (context, [name = ""], options) => {
        const input = await givenInput(context, options["input"] as string[]);
        const once = typeof options["once"] === "string" ? { onceKey: options["once"] } : {};
        const call = { name, input, ...givenBudget(options), ...once };
        const begun = runShape.parse((await callTool(context, "workflow_run", call)).output);
        const end = options["wait"] === false ? begun : await follow(context, begun);
        context.output.result(end, () => runView(end, context.output, context));
        return end.state === "failed" || end.state === "cancelled" ? 1 : 0;
      }),
    );
}

/** Shows on a terminal what is under way until the run does not go on by itself. */
export async function follow(context: CliContext, begun: Run): Promise<Run> {
  let run = begun;
  while (["running", "cancelling", "undoing"].includes(run.state) && !asksPerson(run)) {
    context.signal.throwIfAborted();
    const clear = context.output.progress(progressLine(run));
    const answer = callTool(context, "run_get", { run: run.id, waitMs: LOOK_MS });
    run = runShape.parse((await answer.finally(clear)).output);
  }
  return run;
}

/** While it is undone, too, a node can be unknown after a crash. */
function asksPerson({ state, nodes }: Run): boolean {
  return state === "undoing" && nodes.some(({ status }) => status === "unknown");
}

function progressLine({ id, nodes }: Run): string {
  const ended = nodes.filter(({ status }) => ["done", "skipped", "failed"].includes(status)).length;
  const now = nodes.filter(({ status }) => ["queued", "running", "mapping", "retrying"].includes(status));
  return `${id}: ${ended} done, now ${now.map(({ key }) => key).join(", ")} …`;
}
