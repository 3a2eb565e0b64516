import type { Command } from "commander";
import type { Bind } from "../bind.ts";
import { callTool, type CliContext } from "../context.ts";
import { numberOption } from "../number-option.ts";
import { quoted } from "../wording.ts";
import { metricRowsView, metricsView, metricView } from "../views/metrics.ts";

/** `specloop metrics`: all of them, one of them, and the rows behind one. */
export function registerMetrics(program: Command, bind: Bind): void {
  const metrics = program
    .command("metrics")
    .description("what is measured: figures of the last days, their trend, and the rows behind them");
  metrics
    .command("show", { isDefault: true })
    .description("every metric that has samples; with a name that one, also by its labels")
    .argument("[name]", "question.time_to_answer, for example")
    .option("--days <n>", "how many days back", "7")
    .action(bind((context, [name], options) => show(context, name, daysOf(options))));
  metrics
    .command("why")
    .description("the rows behind a figure, newest first, with what each is about")
    .argument("<name>", "question.time_to_answer, for example")
    .option("--days <n>", "only the last days, as for the figure")
    .option("--label <label>", "only those with this label: route=documents")
    .option("--limit <n>", "rows per page", "20")
    .option("--cursor <cursor>", "where the last page ended")
    .action(
      bind(async (context, [metric], options) => {
        const { days, label, limit, cursor } = options as Record<"days" | "label" | "cursor", string | undefined> & {
          limit: string;
        };
        const input = { metric, ...daysOf(options), label, limit: numberOption("--limit", limit), cursor };
        const { output } = await callTool(context, "metric_why", input);
        const asked = [metric, ...(days ? ["--days", days] : []), ...(label ? ["--label", quoted(label)] : [])].join(
          " ",
        );
        context.output.result(output, () => metricRowsView(output, context.output, { ...context, asked }));
      }),
    );
}

async function show(context: CliContext, metric: string | undefined, days: { days?: number }): Promise<void> {
  const { output } = context;
  if (metric === undefined) {
    const all = await callTool(context, "metric_list", days);
    return output.result(all.output, () => metricsView(all.output, output, context));
  }
  const one = await callTool(context, "metric_get", { metric, ...days });
  output.result(one.output, () => metricView(one.output, output, context));
}

function daysOf(options: Record<string, unknown>): { days?: number } {
  const { days } = options;
  return typeof days === "string" ? { days: numberOption("--days", days) } : {};
}
