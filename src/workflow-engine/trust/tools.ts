import { z } from "zod";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import { lineOf } from "./reach.ts";
import type { WorkflowTrusts } from "./trust.ts";

const name = z.string().min(1).max(200);
const workflowTrust = z.object({
  name: z.string(),
  hash: z.string(),
  standing: z.enum(["free", "shipped", "approved", "changed", "unapproved"]),
  reach: z.array(z.object({ key: z.string(), type: z.string(), what: z.string(), with: z.array(z.string()) })),
  secrets: z.array(z.string()),
  differences: z.array(z.string()),
  approvedBy: z.string().nullable(),
  approvedAt: z.number().nullable(),
  children: z.array(z.string()),
});

/** For people alone: what a workflow starts and contacts, and the yes to it. */
export function trustTools(trusts: WorkflowTrusts): Tool[] {
  return [reachTool(trusts), approveTool(trusts), revokeTool(trusts)];
}

function reachTool(trusts: WorkflowTrusts): Tool {
  return defineTool({
    name: "workflow_reach",
    title: "Show what a workflow reaches",
    description: "Programs, hosts and tools that a workflow starts and contacts, and whether a person approved them.",
    input: z.object({ name }),
    output: workflowTrust,
    effect: "read",
    toolset: "full",
    personOnly: true,
  }).handle({ run: ({ name: wanted }) => trusts.view(wanted), render });
}

function approveTool(trusts: WorkflowTrusts): Tool {
  return defineTool({
    name: "workflow_approve",
    title: "Approve a workflow",
    description: "Lets a workflow of this content start and contact what workflow_reach showed.",
    input: z.object({ name, hash: z.string().max(64).describe("hash of workflow_reach") }),
    output: workflowTrust,
    effect: "world",
    // `workflow.approved` is the entry of it.
    changed: () => false,
    toolset: "full",
    personOnly: true,
  }).handle({ run: ({ name: wanted, hash }, { principal }) => trusts.approve(wanted, hash, principal), render });
}

function revokeTool(trusts: WorkflowTrusts): Tool {
  return defineTool({
    name: "workflow_revoke",
    title: "Revoke a workflow",
    description: "Takes back every approval of workflows of this name.",
    input: z.object({ name }),
    output: z.object({ name: z.string(), revoked: z.boolean() }),
    effect: "write",
    changed: ({ revoked }) => revoked,
    toolset: "full",
    personOnly: true,
  }).handle({
    run: async ({ name: wanted }) => ({ name: wanted, revoked: trusts.revoke(wanted) }),
    render: ({ name: wanted, revoked }) =>
      revoked ? `${wanted} is not approved any more.` : `${wanted} was not approved.`,
  });
}

function render({ name: wanted, standing, reach, differences }: z.output<typeof workflowTrust>): string {
  return [
    `${wanted}: ${standing}`,
    ...reach.map((node) => `- ${node.key}: ${lineOf(node)}`),
    ...(differences.length > 0 ? ["Since it was approved:", ...differences] : []),
  ].join("\n");
}
