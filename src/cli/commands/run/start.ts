import type { Command } from "commander";
import type { Bind } from "../../bind.ts";
import { callTool, type CliContext } from "../../context.ts";
import { forecastShape, forecastView } from "../../views/forecast.ts";
import { runShape, runView } from "../../views/run.ts";
import { finish } from "./follow.ts";
import { each, givenBudget, givenInput } from "./given.ts";

export function registerStart(run: Command, bind: Bind): void {
  run
    .command("start", { isDefault: true })
    .description("begin a run and follow it until it ends or needs a person")
    .argument("<name>", "a workflow's name")
    .option("--input <key=value>", "an input; @FILE holds a JSON object; may be repeated", each, [])
    .option("--input-file <path>", "the inputs as a JSON object; --input goes before it")
    .option("--budget <usd>", "dollars that it may cost at most")
    .option("--tokens <n>", "tokens that it may use at most")
    .option("--once <key>", "the same key is the same run")
    .option("--dry-run", "show what would run, whom it would ask and what it would probably cost; begin nothing")
    .option("--detach", "begin it and return")
    .action(
      bind(async (context, [name = ""], options) => {
        const { inputFile, once, dryRun, detach } = options;
        const file = typeof inputFile === "string" ? [`@${inputFile}`] : [];
        const input = await givenInput(context, [...file, ...(options["input"] as string[])]);
        if (dryRun === true) return forecast(context, { name, input, ...givenBudget(options) });
        const call = { name, input, ...givenBudget(options), ...(typeof once === "string" ? { onceKey: once } : {}) };
        const begun = runShape.parse((await callTool(context, "workflow_run", call)).output);
        if (detach !== true) return finish(context, begun);
        context.output.result(begun, () => runView(begun, context.output, context));
      }),
    );
}

async function forecast(context: CliContext, call: object): Promise<void> {
  const { output } = await callTool(context, "workflow_forecast", call);
  context.output.result(output, () => forecastView(forecastShape.parse(output), context.output));
}
