import { z } from "zod";
import { defineTool, type Tool } from "../foundation/tool.ts";
import { approve, revoke, viewOf } from "./approving.ts";
import { findAndCall, type FindParts } from "./find-tools.ts";
import type { DownstreamServers } from "./room.ts";

const name = z.string().max(100);
const tool = z.looseObject({ name: z.string(), description: z.string(), standing: z.string() });
const view = z.looseObject({
  name: z.string(),
  state: z.string(),
  reason: z.string(),
  launchHash: z.string().nullable(),
  toolsHash: z.string().nullable().describe("Hash of what it offers now; null when it was not looked at"),
  warnings: z.array(z.string()),
  tools: z.array(tool),
});
type View = z.output<typeof view>;

/** The tools of this room: two for every client, the others for people. */
export function tools(room: DownstreamServers, find: Pick<FindParts, "own" | "mayCall">): Tool[] {
  return [
    ...findAndCall({ servers: room, ...find }),
    listTool(room),
    showTool(room),
    approveTool(room),
    revokeTool(room),
  ];
}

function listTool(room: DownstreamServers): Tool {
  return defineTool({
    name: "server_list",
    title: "List downstream servers",
    description: "The downstream MCP servers of specloop.yaml with their state.",
    input: z.object({}),
    output: z.object({ servers: z.array(view) }),
    effect: "read",
    toolset: "full",
    personOnly: true,
  }).handle({
    run: async () => ({ servers: room.servers().map((server) => viewOf(room, server)) }),
    render: ({ servers }) => servers.map(line).join("\n") || "No downstream server is configured.",
  });
}

function showTool(room: DownstreamServers): Tool {
  return defineTool({
    name: "server_show",
    title: "Show a downstream server",
    description: "What a downstream server runs and offers. look starts it, if its launch is approved.",
    input: z.object({ name, look: z.boolean().optional().describe("Start it and read its tools") }),
    output: view,
    effect: "world",
    changed: () => false,
    toolset: "full",
    personOnly: true,
  }).handle({
    run: async ({ name: wanted, look }, { signal }) => {
      const server = room.server(wanted);
      if (look) await server.look(signal);
      return viewOf(room, server);
    },
    render: line,
  });
}

function approveTool(room: DownstreamServers): Tool {
  return defineTool({
    name: "server_approve",
    title: "Approve a downstream server",
    description:
      "Says yes to what a server runs (launch), after which it is asked for its tools, then to these tools (tools), each by the hash that server_show gave.",
    input: z.object({
      name,
      launch: z.string().max(64).describe("launchHash of server_show"),
      tools: z.string().max(64).optional().describe("toolsHash of server_show"),
      only: z.array(z.string().max(128)).max(300).optional().describe("Names of tools; all by default"),
      agents: z
        .enum(["all", "granted"])
        .optional()
        .describe("Who may call them: every local agent, or those with tool_call:SERVER.TOOL in their capability"),
    }),
    output: view,
    effect: "world",
    // `server.approved` is the entry of it.
    changed: () => false,
    toolset: "full",
    personOnly: true,
  }).handle({
    run: (yes, { principal, signal }) => approve(room, { ...yes, by: principal }, signal),
    render: line,
  });
}

function revokeTool(room: DownstreamServers): Tool {
  return defineTool({
    name: "server_revoke",
    title: "Revoke a downstream server",
    description: "Takes back what was approved of a server and ends it.",
    input: z.object({ name }),
    output: view,
    effect: "write",
    toolset: "full",
    personOnly: true,
  }).handle({ run: ({ name: wanted }) => revoke(room, wanted), render: line });
}

function line({ name: server, state, reason, tools: all }: View): string {
  const approved = all.filter(({ standing }) => standing === "approved").length;
  return `${server}: ${state} (${reason}), ${approved} of ${all.length} tools approved`;
}
