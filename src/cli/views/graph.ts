import { z } from "zod";
import type { Output } from "../output.ts";

const graph = z.object({
  nodes: z.array(z.object({ id: z.string() })),
  edges: z.array(z.object({ kind: z.string() })),
  capabilities: z.array(
    z.object({ capability: z.string(), active: z.array(z.string()), archived: z.array(z.string()) }),
  ),
  order: z.array(z.string()),
  rings: z.array(z.array(z.string())),
  mermaid: z.string(),
});

/** The picture, ready to be pasted where Mermaid is drawn, with the order below as comments; or the reverse index. */
export function graphView(result: unknown, output: Output, capabilities: boolean): string {
  const shown = graph.parse(result);
  if (capabilities) {
    const rows = shown.capabilities.map(({ capability, active, archived }) => [
      capability,
      String(archived.length),
      active.join(", "),
    ]);
    return rows.length === 0
      ? "No change touches any capability."
      : output.table(["CAPABILITY", "ARCHIVED", "UNDER WAY"], rows);
  }
  if (shown.nodes.length === 0) return "No change is under way.";
  const alone = shown.nodes.length - (shown.mermaid.match(/^  c\d+\[/gm)?.length ?? 0);
  return [
    shown.mermaid,
    ...(alone > 0 ? [output.style("dim", `%% ${alone} more have to do with no other change`)] : []),
    ...(shown.order.length > 0 ? [output.style("dim", `%% archive in this order: ${shown.order.join(", ")}`)] : []),
    ...shown.rings.map((ring) => output.style("yellow", `%% these need each other: ${ring.join(", ")}`)),
  ].join("\n");
}
