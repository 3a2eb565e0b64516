import { z } from "zod";
import { defineTool, type Tool } from "../foundation/tool.ts";
import type { Access } from "./access.ts";
import { parseDuration } from "./duration.ts";

const globs = z.array(z.string().min(1).max(300)).max(100);
const agent = z.object({
  name: z.string(),
  standing: z.enum(["active", "expired", "revoked"]),
  tools: z.array(z.string()),
  read: z.array(z.string()),
  write: z.array(z.string()),
  rate: z.number().describe("Calls per minute"),
  createdAt: z.number().describe("Epoch milliseconds"),
  createdBy: z.string(),
  expiresAt: z.number().nullable(),
  revokedAt: z.number().nullable(),
});
type ShownAgent = z.output<typeof agent>;
const entry = z.object({
  seq: z.number(),
  at: z.number().describe("Epoch milliseconds"),
  actor: z.string(),
  action: z.string(),
  target: z.string(),
  detail: z.record(z.string(), z.unknown()),
  hash: z.string(),
});

/** What people do with agents and the audit log; none of it is for agents. */
export function tools(access: Access): Tool[] {
  return [addTool(access), listTool(access), revokeTool(access), auditListTool(access), auditVerifyTool(access)];
}

function addTool(access: Access): Tool {
  return defineTool({
    name: "agent_add",
    title: "Register an agent",
    description: "Registers an agent with what it may do, and shows its token once. Whatever is not named is refused.",
    input: z.object({
      name: z.string(),
      tools: globs.describe("Names of tools; * stands for any characters"),
      read: globs.default([]).describe("Documents it may read"),
      write: globs.default([]).describe("Documents it may edit, and read"),
      rate: z.int().min(1).max(1_000_000).default(600).describe("Calls per minute"),
      expires: z.string().default("30d").describe("90m, 12h, 30d or never"),
    }),
    output: z.object({ agent, token: z.string() }),
    effect: "write",
    toolset: "full",
    personOnly: true,
    unrepeatable: true,
  }).handle({
    run: async ({ name, tools, read, write, rate, expires }, { principal }) => {
      const capability = { tools, read, write, rate };
      const lifetimeMs = parseDuration(expires, "expires");
      const added = await access.agents.add({ name, capability, lifetimeMs, by: principal });
      return { agent: shown({ ...added.agent, standing: "active" }), token: added.token };
    },
    render: ({ agent, token }) => `${describe(agent)}\n\nIts token, shown this once: ${token}`,
  });
}

function listTool(access: Access): Tool {
  return defineTool({
    name: "agent_list",
    title: "List agents",
    description: "The agents that people registered, with what they may do.",
    input: z.object({}),
    output: z.object({ agents: z.array(agent) }),
    effect: "read",
    toolset: "full",
    personOnly: true,
  }).handle({
    run: async () => ({ agents: access.agents.list().map(shown) }),
    render: ({ agents }) => (agents.length === 0 ? "No agent is registered." : agents.map(describe).join("\n")),
  });
}

function revokeTool(access: Access): Tool {
  return defineTool({
    name: "agent_revoke",
    title: "Revoke an agent",
    description: "Ends an agent's token for good, also on connections that are open.",
    input: z.object({ name: z.string() }),
    output: z.object({ agent }),
    effect: "write",
    toolset: "full",
    personOnly: true,
  }).handle({
    run: async ({ name }, { principal }) => {
      const revoked = await access.agents.revoke(name, principal);
      return { agent: shown({ ...revoked, standing: "revoked" }) };
    },
    render: ({ agent }) => describe(agent),
  });
}

function auditListTool(access: Access): Tool {
  return defineTool({
    name: "audit_list",
    title: "Read the audit log",
    description: "Who did what, newest first.",
    input: z.object({
      actor: z.string().optional().describe("agent:nightly, or a beginning: person:"),
      action: z.string().optional().describe("access.refused, or a beginning: approval."),
      target: z.string().optional().describe("Part of a path or id"),
      since: z.number().optional().describe("Epoch milliseconds"),
      oldestFirst: z.boolean().optional(),
      limit: z.int().min(1).max(1000).default(50),
      cursor: z.int().optional(),
    }),
    output: z.object({ entries: z.array(entry), nextCursor: z.number().optional() }),
    effect: "read",
    toolset: "full",
    personOnly: true,
  }).handle({
    run: async (filter) => {
      const { entries, next } = await access.list(filter);
      return { entries, ...(next === null ? {} : { nextCursor: next }) };
    },
    render: ({ entries }) =>
      entries
        .map(
          ({ seq, at, actor, action, target }) => `${seq} ${new Date(at).toISOString()} ${actor} ${action} ${target}`,
        )
        .join("\n"),
  });
}

function auditVerifyTool(access: Access): Tool {
  return defineTool({
    name: "audit_verify",
    title: "Check the audit log",
    description: "Whether the audit log is complete and unchanged, by its chain and by its anchors in git.",
    input: z.object({}),
    output: z.object({
      ok: z.boolean(),
      entries: z.number(),
      brokenAt: z.number().nullable(),
      message: z.string(),
      anchors: z.number(),
      anchoredTo: z.number(),
    }),
    effect: "read",
    toolset: "full",
    personOnly: true,
  }).handle({
    run: () => access.verify(),
    render: ({ message, anchors, anchoredTo }) => `${message} ${anchors} anchors in git, up to entry ${anchoredTo}.`,
  });
}

function shown({
  name,
  standing,
  capability,
  createdAt,
  createdBy,
  expiresAt,
  revokedAt,
}: ReturnType<Access["agents"]["list"]>[number]): ShownAgent {
  return { name, standing, ...capability, createdAt, createdBy, expiresAt, revokedAt };
}

function describe({ name, standing, tools, read, write, rate }: ShownAgent): string {
  const list = (items: string[]) => (items.length === 0 ? "nothing" : items.join(", "));
  return `${name} (${standing}): tools ${list(tools)}; reads ${list(read)}; writes ${list(write)}; ${rate} calls a minute`;
}
