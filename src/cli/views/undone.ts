import { z } from "zod";
import type { Output } from "../output.ts";

/** What became of each thing that a run did. */
export const undoneShape = z.object({
  to: z.string().nullable(),
  nodes: z.array(
    z.object({
      key: z.string(),
      became: z.string(),
      why: z.string(),
      files: z.array(z.object({ path: z.string(), became: z.string(), why: z.string(), diff: z.string() })),
      runs: z.array(z.object({ run: z.string(), state: z.string() })),
    }),
  ),
});
type Undone = z.output<typeof undoneShape>;

const COLORS: Record<string, "green" | "yellow" | "dim"> = {
  ...({ undone: "green", restored: "green", merged: "green", already: "dim" } as const),
  ...({ left: "yellow", kept: "yellow", proposed: "yellow" } as const),
};

/** What was taken back and what is still there, with what others changed in the documents that stay. */
export function undoneView({ to, nodes }: Undone, output: Output): string[] {
  if (nodes.length === 0) return ["", "It left nothing that could be undone."];
  const left = nodes.filter(({ became }) => became === "left").length;
  const rest =
    left === 0 ? "" : output.style("yellow", ` ${left} of ${nodes.length} ${left === 1 ? "is" : "are"} left.`);
  return [
    "",
    `${to === null ? "Undone" : `Undone back to before ${to}`}, the last first:${rest}`,
    ...nodes.flatMap(lines),
  ];

  function lines({ key, became, why, files, runs }: Undone["nodes"][number]): string[] {
    const word = (state: string) => output.style(COLORS[state] ?? "dim", state);
    return [
      `  ${key}: ${word(became)}${why === "" ? "" : `. ${why}`}`,
      ...runs.map(({ run, state }) => `    ${run}: ${word(state)}`),
      ...files.flatMap((file) => [
        `    ${file.path}: ${word(file.became)}`,
        ...(file.became === "kept" && file.diff !== "" ? file.diff.split("\n").map((line) => `      ${line}`) : []),
      ]),
    ];
  }
}
