import { z } from "zod";
import type { Output } from "../output.ts";

export const trustShape = z.object({
  name: z.string(),
  hash: z.string(),
  standing: z.enum(["free", "shipped", "approved", "changed", "unapproved"]),
  reach: z.array(z.object({ key: z.string(), type: z.string(), what: z.string(), with: z.array(z.string()) })),
  secrets: z.array(z.string()),
  differences: z.array(z.string()),
  approvedBy: z.string().nullable(),
  children: z.array(z.string()),
});
export type ShownTrust = z.output<typeof trustShape>;

const STANDINGS: Record<ShownTrust["standing"], string> = {
  free: "starts and contacts nothing, so nothing has to be approved",
  shipped: "came with specloop and may run",
  approved: "is approved",
  changed: "is not the one that was approved",
  unapproved: "was never approved",
};

/** What a person says yes to. Texts of the definition are shown without what a terminal would obey. */
export function trustView(shown: ShownTrust, output: Output): string {
  const { name, hash, standing, reach, secrets, differences, approvedBy, children } = shown;
  const by = approvedBy === null ? "" : ` by ${approvedBy}`;
  return [
    `${output.style("bold", plain(name))}  ${output.style("dim", hash.slice(0, 12))}  ${STANDINGS[standing]}${by}`,
    ...reach.flatMap(({ key, type, what, with: more }) => [
      `  ${output.style("cyan", plain(key))}  ${type}  ${plain(what)}`,
      ...more.map((line) => `      ${output.style("dim", plain(line))}`),
    ]),
    ...(reach.some(({ type }) => type === "command") ? [note(output)] : []),
    ...(secrets.length > 0 ? [`  secrets: ${secrets.map(plain).join(", ")}`] : []),
    ...(children.length > 0 ? [`  runs, each with its own yes: ${children.map(plain).join(", ")}`] : []),
    ...(differences.length > 0 ? ["", "Since it was approved:"] : []),
    ...differences.map((line) => `  ${output.style(line.startsWith("-") ? "red" : "green", plain(line))}`),
  ].join("\n");
}

function note(output: Output): string {
  const text =
    "Commands run in a sandbox: they read the repository as it is then, see no network and no home unless said.";
  return `  ${output.style("dim", text)}`;
}

function plain(text: string): string {
  return text.replaceAll(/\p{C}/gu, " ");
}
