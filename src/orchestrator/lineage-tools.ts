import { z } from "zod";
import { defineTool, type Tool } from "../foundation/tool.ts";
import { mermaidOf } from "./graph/mermaid.ts";
import type { Lineage } from "./lineage.ts";

const root = z.string().max(500).optional().describe("planning folder, openspec when absent");

const history = z.object({
  capability: z.string(),
  requirement: z.string(),
  exists: z.boolean(),
  truncated: z.boolean().describe("the history here is not whole"),
  events: z.array(
    z.object({
      kind: z.enum(["added", "modified", "renamed", "removed", "known_since"]),
      name: z.string(),
      from: z.string().nullable(),
      change: z.string().nullable(),
      archivedAs: z.string().nullable(),
      commit: z.string(),
      author: z.string(),
      email: z.string(),
      at: z.number(),
      subject: z.string(),
    }),
  ),
  pending: z.array(z.object({ change: z.string(), operation: z.string() })),
});

const graph = z.object({
  nodes: z.array(
    z.object({
      id: z.string(),
      root: z.string(),
      stage: z.string(),
      title: z.string().nullable(),
      capabilities: z.array(z.string()),
    }),
  ),
  edges: z.array(
    z.object({ from: z.string(), to: z.string(), kind: z.enum(["depends", "overlaps"]), why: z.array(z.string()) }),
  ),
  capabilities: z.array(
    z.object({ capability: z.string(), active: z.array(z.string()), archived: z.array(z.string()) }),
  ),
  order: z.array(z.string()),
  rings: z.array(z.array(z.string())),
  mermaid: z.string(),
});

/** Looking back at one requirement and across all changes. */
export function lineageTools(lineage: Lineage): Tool[] {
  return [
    defineTool({
      name: "requirement_history",
      title: "History of a requirement",
      description:
        "Which change and commit added, modified, renamed or removed a requirement, with authors and dates, and which changes under way touch it.",
      input: z.object({ requirement: z.string().min(3).max(1000).describe("<capability>/<name>"), root }),
      output: history,
      effect: "read",
      toolset: "full",
    }).handle({
      run: ({ requirement, root }) => lineage.requirement(requirement, root),
      render: renderHistory,
    }),
    defineTool({
      name: "change_graph",
      title: "Graph of changes",
      description:
        "What changes need of each other and where they overlap, an order to archive them in, and which changes touch each capability.",
      input: z.object({ root }),
      output: graph,
      effect: "read",
      toolset: "full",
    }).handle({
      run: async ({ root }) => {
        const made = await lineage.graph(root);
        return { ...made, mermaid: mermaidOf(made) };
      },
      render: ({ mermaid, order, rings }) =>
        [
          "```mermaid",
          mermaid,
          "```",
          `Order: ${order.join(", ") || "nothing to archive"}`,
          ...rings.map((ring) => `Need each other: ${ring.join(", ")}`),
        ].join("\n"),
    }),
  ];
}

function renderHistory({
  capability,
  requirement,
  exists,
  truncated,
  events,
  pending,
}: z.output<typeof history>): string {
  return [
    `${capability}/${requirement}${exists ? "" : " (not in the spec now)"}`,
    ...events.map(({ kind, name, from, change, commit, author, at }) => {
      const what = kind === "renamed" ? `renamed from "${from}" to "${name}"` : kind.replace("_", " ");
      const by = change === null ? author : `${change}, ${author}`;
      return `- ${new Date(at).toISOString().slice(0, 10)} ${what} by ${by} (${commit.slice(0, 10)})`;
    }),
    ...pending.map(({ change, operation }) => `- under way: ${change} ${operation}`),
    ...(truncated ? ["The history here is not whole; git fetch --unshallow brings the rest."] : []),
  ].join("\n");
}
