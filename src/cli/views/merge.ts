import { z } from "zod";
import type { Output } from "../output.ts";
import { quoted, typed, type Reader } from "../wording.ts";

const side = z.string().nullable();
const merge = z.object({
  changeId: z.string(),
  dryRun: z.boolean(),
  blocks: z.array(
    z.object({
      capability: z.string(),
      requirement: z.string(),
      path: z.string(),
      line: z.number(),
      outcome: z.enum(["merged", "conflict", "resolved"]),
      conflicts: z.array(z.object({ scenario: z.string().nullable(), base: side, theirs: side, ours: side })),
    }),
  ),
  diff: z.string(),
  commit: z.string().nullable(),
  message: z.string(),
});
type Merge = z.output<typeof merge>;
type Conflict = Merge["blocks"][number]["conflicts"][number];

const COLORS = { merged: "green", conflict: "red", resolved: "yellow" } as const;
const SIDES = [
  ["base", "the delta was written against", "nobody knows what, or nothing"],
  ["theirs", "the spec says now", "nothing"],
  ["ours", "the delta says", "nothing: it removes or renames it"],
] as const;

export function conflictsIn(result: unknown): number {
  return merge.parse(result).blocks.filter(({ outcome }) => outcome === "conflict").length;
}

/** A merge as a person reads it in a terminal. */
export function mergeView(result: unknown, output: Output, reader: Reader): string {
  const shown = merge.parse(result);
  const { changeId, dryRun, blocks, diff, commit, message } = shown;
  const rows = blocks.map(({ outcome, capability, requirement, path, line }) => [
    output.style(COLORS[outcome], outcome),
    `${capability}: ${requirement}`,
    output.style("dim", `${path}:${line}`),
  ]);
  return [
    `${output.style("bold", changeId)} ${message}${dryRun ? " (dry run)" : ""}${commit === null ? "" : ` Commit ${commit.slice(0, 10)}.`}`,
    ...(rows.length === 0 ? [] : output.table(["", "", ""], rows).split("\n").slice(1)),
    ...blocks.flatMap(({ requirement, conflicts }) => conflicts.flatMap((one) => conflict(requirement, one, output))),
    ...(diff === "" ? [] : ["", ...diff.split("\n").map((line) => diffLine(line, output))]),
    ...next(shown, reader).map((line) => output.style("dim", line)),
  ].join("\n");
}

/** What a person does after this. */
function next({ changeId, dryRun, blocks }: Merge, reader: Reader): string[] {
  const command = `specloop change merge ${changeId}`;
  const names = blocks.filter(({ outcome }) => outcome === "conflict").map(({ requirement }) => requirement);
  if (names.length > 0) {
    return [
      "",
      "Write the delta so that it says what both sides mean, then tell specloop that it stands:",
      ...names.map((name) => `  ${typed(`${command} --resolved ${quoted(name)}`, reader)}`),
    ];
  }
  return dryRun && blocks.some(({ outcome }) => outcome === "merged")
    ? ["", `Write it: ${typed(command, reader)}`]
    : [];
}

function conflict(requirement: string, found: Conflict, output: Output): string[] {
  const place = found.scenario === null ? requirement : `${requirement}, scenario ${found.scenario}`;
  return [
    "",
    output.style("bold", `Conflict in ${place}`),
    ...SIDES.flatMap(([name, title, absent]) => [
      `  ${output.style("cyan", title)}`,
      ...(found[name] ?? `(${absent})`).split("\n").map((line) => `    ${line}`),
    ]),
  ];
}

function diffLine(line: string, output: Output): string {
  if (line.startsWith("+++") || line.startsWith("---")) return output.style("bold", line);
  if (line.startsWith("@@")) return output.style("cyan", line);
  if (line.startsWith("+")) return output.style("green", line);
  return line.startsWith("-") ? output.style("red", line) : line;
}
