import { z } from "zod";
import type { Output } from "../output.ts";
import { typed, type Reader } from "../wording.ts";

const proposal = z.object({ change: z.string(), state: z.string(), title: z.string(), note: z.string() });
const status = z.object({
  auto: z.boolean(),
  problems: z.array(z.string()),
  open: z.array(proposal),
  warnings: z.array(z.string()),
});

/** Where the loop stands, and what a person can do about it. */
export function loopView(result: unknown, output: Output, reader: Reader): string {
  const { auto, problems, open, warnings } = status.parse(result);
  const run = typed("specloop loop run", reader);
  return [
    auto ? `Cycles run by themselves; ${run} runs one now.` : `Cycles run when you say so: ${run}`,
    "",
    ...list(output, "Problems of the last cycle", problems),
    open.length === 0 ? "Open proposals and experiments: none" : proposalTable(open, output),
    ...list(output, "Warnings", warnings).slice(warnings.length === 0 ? 1 : 0),
  ].join("\n");
}

/** Every proposal with what became of it. */
export function proposalsView(result: unknown, output: Output): string {
  const { proposals } = z.object({ proposals: z.array(proposal) }).parse(result);
  return proposals.length === 0 ? "No proposals." : proposalTable(proposals, output);
}

function proposalTable(proposals: z.output<typeof proposal>[], output: Output): string {
  const colors = { kept: "green", reverted: "yellow", proposed: "cyan" } as const;
  const rows = proposals.map(({ change, state, title, note }) => [
    change,
    output.style(colors[state as keyof typeof colors] ?? "dim", state),
    note === "" ? title : `${title} (${note})`,
  ]);
  return output.table(["CHANGE", "STATE", "WHAT"], rows);
}

function list(output: Output, title: string, items: string[]): string[] {
  if (items.length === 0) return [`${title}: none`];
  return [output.style("bold", title), ...items.map((item) => `  - ${item}`)];
}
