import { z } from "zod";
import type { Output } from "../output.ts";
import { time } from "./question.ts";

const agent = z.object({
  name: z.string(),
  standing: z.enum(["active", "expired", "revoked"]),
  tools: z.array(z.string()),
  read: z.array(z.string()),
  write: z.array(z.string()),
  rate: z.number(),
  createdBy: z.string(),
  expiresAt: z.number().nullable(),
});

const COLORS = { active: "green", expired: "yellow", revoked: "dim" } as const;

/** Every registered agent with what it may do. */
export function agentsView(result: unknown, output: Output): string {
  const { agents } = z.object({ agents: z.array(agent) }).parse(result);
  if (agents.length === 0) return "No agent is registered; clients without a token have the default rights.";
  const rows = agents.map(({ name, standing, tools, read, write, rate, expiresAt }) => [
    name,
    output.style(COLORS[standing], standing),
    expiresAt === null ? "never" : time(expiresAt),
    `${rate}/min`,
    `tools ${list(tools)}; reads ${list(read)}; writes ${list(write)}`,
  ]);
  return output.table(["AGENT", "IS", "EXPIRES", "RATE", "MAY"], rows);
}

/** A new agent with its token, and how to use it. */
export function addedView(result: unknown, output: Output): string {
  const { agent: added, token } = z.object({ agent, token: z.string() }).parse(result);
  return [
    `Registered ${output.style("bold", added.name)}.`,
    `  tools    ${list(added.tools)}`,
    `  reads    ${list(added.read)}`,
    `  writes   ${list(added.write)}`,
    `  rate     ${added.rate} calls a minute`,
    `  expires  ${added.expiresAt === null ? "never" : time(added.expiresAt)}`,
    "",
    "Its token, which is shown this once and kept nowhere:",
    `  ${output.style("bold", token)}`,
    "",
    output.style("dim", "Give it to the client as SPECLOOP_AGENT_TOKEN in the environment of `specloop mcp`,"),
    output.style("dim", "or send it over HTTP as bearer token."),
  ].join("\n");
}

function list(items: string[]): string {
  return items.length === 0 ? "nothing" : items.join(", ");
}
