import { z } from "zod";
import { toSpecloopError } from "../../foundation/errors.ts";
import type { Output } from "../output.ts";
import { forPeople, typed, type Reader } from "../wording.ts";

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
export function archiveView(result: unknown, output: Output, reader: Reader): string {
  const { results } = archived.parse(result);
  return [...results.map((row) => rowView(row, output, reader)), ...next(results, output, reader)].join("\n");
}

/** What a person may do after this. */
function next(results: Row[], output: Output, reader: Reader): string[] {
  const ids = (status: Row["status"]) => results.filter((row) => row.status === status).map(({ change }) => change);
  const would = ids("would_archive");
  if (would.length > 0) {
    const command = typed(`specloop change archive ${would.join(" ")}`, reader);
    return [output.style("dim", `Nothing was written. Do it: ${command}`)];
  }
  const last = ids("archived").at(-1);
  if (last === undefined) return [];
  return [output.style("dim", `Take it back: ${typed(`specloop change unarchive ${last}`, reader)}`)];
}

const refusal = z.object({
  reasons: z
    .array(
      z.object({ code: z.string(), message: z.string(), target: z.string().optional(), fix: z.string().optional() }),
    )
    .optional(),
  done: archived.shape.results.optional(),
  left: z.array(z.string()).optional(),
});

/** What was archived before a refusal, every reason for it, and what was not tried any more. */
export function refusalView(thrown: unknown, output: Output, reader: Reader): string {
  const { reasons = [], done = [], left = [] } = refusal.safeParse(toSpecloopError(thrown).details ?? {}).data ?? {};
  // A single reason is in the error's own words.
  const shown = reasons.length > 1 ? reasons : [];
  return [
    ...done.map((row) => rowView(row, output, reader)),
    ...shown.flatMap(({ code, message, target, fix }) => [
      `${output.style("red", code)} ${message}`,
      ...(target === undefined ? [] : [output.style("dim", `  ${target}`)]),
      ...(fix === undefined ? [] : [output.style("dim", `  ${forPeople(fix, reader)}`)]),
    ]),
    ...(left.length > 0 ? [`not tried: ${left.join(", ")}`] : []),
  ].join("\n");
}

function rowView(row: Row, output: Output, reader: Reader): string {
  const by = row.openspec === null ? "" : output.style("dim", `  merged by OpenSpec ${row.openspec}`);
  const saved = row.savedTexts === 1 ? "1 requirement text" : `${row.savedTexts} requirement texts`;
  return [
    `${headline(row, output, reader)}${by}`,
    ...row.specs.map(({ path, what }) => `  ${what.padEnd(8)} ${path}`),
    ...(row.savedTexts > 0 ? [output.style("green", `  ${saved} saved that would have been lost`)] : []),
    ...row.warnings.map((warning) => output.style("yellow", `  OpenSpec remarks: ${warning}`)),
  ].join("\n");
}

function headline({ change, status, path, commit, branch, approval }: Row, output: Output, reader: Reader): string {
  const name = output.style("bold", change);
  const at = output.style("dim", commit?.slice(0, 10) ?? "");
  if (status === "archived") return `${output.style("green", "archived")} ${name} as ${path} ${at}`;
  if (status === "unarchived") return `${output.style("green", "back")} ${name} in ${path} ${at}`;
  if (status === "would_archive") return `${output.style("cyan", "would archive")} ${name} as ${path}`;
  const approve = approval === null ? "" : `, or ${typed(`specloop approve ${approval}`, reader)}`;
  return `${output.style("yellow", "waits")} ${name} on branch ${branch}: git merge ${branch}${approve}`;
}
