import type { Command } from "commander";
import type { Action, Bind } from "../../bind.ts";
import { callTool, type CliContext } from "../../context.ts";
import { runShape } from "../../views/run.ts";
import { each, givenBudget, givenInput } from "./given.ts";
import { finish, finishSaying } from "./follow.ts";

/** Says it to the run, follows it, shows it. */
async function say(context: CliContext, tool: string, input: object, byResult = false): Promise<number> {
  const { output } = await callTool(context, tool, input);
  if (output["reply"] === "duplicate") context.output.note("That was said before; nothing changed.");
  if (output["reply"] === "ignored") context.output.note("That came too late; nothing changed.");
  return (byResult ? finish : finishSaying)(context, runShape.parse(output));
}

export function registerRunActions(run: Command, bind: Bind): void {
  const add = (name: string, description: string, action: Action) =>
    run.command(name).description(description).argument("<id>", "a run's id").action(bind(action));
  add("watch", "follow a run until it ends or needs a person", async (context, [id]) =>
    finish(context, runShape.parse((await callTool(context, "run_get", { run: id })).output)),
  );
  add("cancel", "stop a run and the runs below it", (context, [id]) => say(context, "run_cancel", { run: id }));
  add("pause", "begin nothing more in a run", (context, [id]) => say(context, "run_pause", { run: id }));
  add("undo", "undo what a run did, the last first, and list what is left", (context, [id], { to }) =>
    say(context, "run_undo", { run: id, to }),
  ).option("--to <node>", "only back to before this node began");
  add("resume", "go on with a paused run, or do again what failed", (context, [id], options) =>
    say(context, "run_resume", { run: id, from: options["from"], ...givenBudget(options) }, true),
  )
    .option("--from <node>", "everything from this node on is done again")
    .option("--budget <usd>", "dollars that the run may cost in all")
    .option("--tokens <n>", "tokens that the run may use in all");
  add("approve", "answer an approval node", (context, [id, node], { reject, comment = "" }) =>
    say(context, "run_approve", { run: id, node, approved: reject !== true, comment }),
  )
    .argument("<node>", "the node's key")
    .option("--reject", "say no")
    .option("--comment <text>", "why");
  add("resolve", "say what became of a node that was cut off in the middle", (context, [id, node, how]) =>
    say(context, "run_resolve", { run: id, node, how }),
  )
    .argument("<node>", "the node's key")
    .argument("<how>", "done, retry or fail");
  add("signal", "send an event to a run", async (context, [id, name], options) => {
    const data = await givenInput(context, options["data"] as string[]);
    return say(context, "run_signal", { run: id, name, data });
  })
    .argument("<name>", "the event's name")
    .option("--data <key=value>", "what comes with it; may be repeated", each, []);
  add("fork", "run again what a past run did, with changes", async (context, [id], options) => {
    const given = options["input"] as string[];
    const input = given.length === 0 ? {} : { input: await givenInput(context, given) };
    const { from, current } = options;
    return say(context, "run_fork", { run: id, from, current, ...input, ...givenBudget(options) }, true);
  })
    .option("--from <node>", "keep what came before this node")
    .option("--input <key=value>", "other inputs, which replace all of them; may be repeated", each, [])
    .option("--current", "with the workflow as it is now")
    .option("--budget <usd>", "dollars that it may cost at most")
    .option("--tokens <n>", "tokens that it may use at most");
}
