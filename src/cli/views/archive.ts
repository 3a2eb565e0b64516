import { z } from "zod";
import type { Output } from "../output.ts";

const archived = z.object({
  results: z.array(
    z.object({
      change: z.string(),
      status: z.enum(["archived", "unarchived", "proposed", "would_archive"]),
      path: z.string(),
      commit: z.string().nullable(),
      branch: z.string().nullable(),
      approval: z.string().nullable(),
      specs: z.array(z.object({ path: z.string(), what: z.string() })),
      savedTexts: z.number(),
      warnings: z.array(z.string()),
      openspec: z.string().nullable(),
    }),
  ),
});
type Row = z.output<typeof archived>["results"][number];

/** What became of each change. */
export function archiveView(result: unknown, output: Output): string {
  return archived
    .parse(result)
    .results.map((row) => rowView(row, output))
    .join("\n");
}

function rowView(row: Row, output: Output): string {
  const by = row.openspec === null ? "" : output.style("dim", `  merged by OpenSpec ${row.openspec}`);
  const saved = row.savedTexts === 1 ? "1 requirement text" : `${row.savedTexts} requirement texts`;
  return [
    `${headline(row, output)}${by}`,
    ...row.specs.map(({ path, what }) => `  ${what.padEnd(8)} ${path}`),
    ...(row.savedTexts > 0 ? [output.style("green", `  ${saved} saved that would have been lost`)] : []),
    ...row.warnings.map((warning) => output.style("yellow", `  OpenSpec remarks: ${warning}`)),
  ].join("\n");
}

function headline({ change, status, path, commit, branch, approval }: Row, output: Output): string {
  const name = output.style("bold", change);
  const at = output.style("dim", commit?.slice(0, 10) ?? "");
  if (status === "archived") return `${output.style("green", "archived")} ${name} as ${path} ${at}`;
  if (status === "unarchived") return `${output.style("green", "back")} ${name} in ${path} ${at}`;
  if (status === "would_archive") return `${output.style("cyan", "would archive")} ${name} as ${path}`;
  const approve = approval === null ? "" : `, or specloop approve ${approval}`;
  return `${output.style("yellow", "waits")} ${name} on branch ${branch}: git merge ${branch}${approve}`;
}
