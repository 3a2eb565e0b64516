import { z } from "zod";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import { APPROVAL_STATES, type Approval } from "./port.ts";
import type { Review } from "./reader.ts";
import type { ApprovalService } from "./service.ts";

const id = z.string().max(60);
const MAX_WAIT_S = 25;
// Every client pays for these schemas in tokens; the results carry all fields of `Approval` beyond that.
const shown = z.looseObject({ id: z.string(), state: z.string() });

/** The tools over approvals. Nothing here lets an agent decide. */
export function tools(service: ApprovalService): Tool[] {
  return [get(service), list(service), review(service), decide(service)];
}

function get(service: ApprovalService): Tool {
  return defineTool({
    name: "approval_get",
    title: "Read an approval",
    description: "What a person said to what waits for approval; can wait for it.",
    effect: "read",
    idempotent: true,
    toolset: "default",
    input: z.object({ id, waitSeconds: z.int().min(0).max(MAX_WAIT_S).optional() }),
    output: shown,
  }).handle({
    run: async ({ id, waitSeconds = 0 }, { signal }) => ({
      ...(await service.waitFor(id, { waitMs: waitSeconds * 1000, signal })),
    }),
    render: (output) => renderApproval(output as unknown as Approval),
  });
}

function list(service: ApprovalService): Tool {
  return defineTool({
    name: "approval_list",
    title: "List approvals",
    description: "What waits for a person's approval and what became of it, newest first.",
    effect: "read",
    idempotent: true,
    toolset: "full",
    input: z.object({
      states: z.array(z.enum(APPROVAL_STATES)).max(8).optional(),
      limit: z.int().min(1).max(100).optional(),
      cursor: z.string().max(40).optional(),
    }),
    output: z.looseObject({ approvals: z.array(shown), nextCursor: z.string().nullable() }),
  }).handle({
    run: async ({ states = [], limit = 20, cursor }) => {
      const { approvals, nextCursor } = await service.list({ states, limit, cursor });
      return { approvals: approvals.map((approval) => ({ ...approval })), nextCursor };
    },
    render: ({ approvals }) =>
      approvals.length === 0
        ? "No approvals."
        : (approvals as unknown as Approval[]).map((each) => `- ${each.id} ${each.state}: ${each.title}`).join("\n"),
  });
}

function review(service: ApprovalService): Tool {
  return defineTool({
    name: "approval_review",
    title: "Look at what is to be approved",
    description: "The request with its diff and the statement that a proof signs.",
    effect: "read",
    idempotent: true,
    toolset: "full",
    personOnly: true,
    input: z.object({ id }),
    output: z.looseObject({ approval: shown, statement: z.string(), diff: z.string() }),
  }).handle({
    run: async ({ id }) => {
      const { approval, statement, diff } = await service.review(id);
      return { approval: { ...approval }, statement, diff };
    },
    render: (output) => {
      const { approval, diff } = output as unknown as Review;
      return `${renderApproval(approval)}\n\n${diff}`;
    },
  });
}

function decide(service: ApprovalService): Tool {
  return defineTool({
    name: "approval_decide",
    title: "Decide on an approval",
    description: "Approves with a proof, rejects, asks for changes or comments.",
    effect: "write",
    toolset: "full",
    personOnly: true,
    input: z.object({
      id,
      decision: z.enum(["approve", "reject", "request_changes", "comment"]),
      contentHash: z.string().max(64).optional().describe("Of what was looked at."),
      method: z.enum(["terminal", "code", "tag", "commit", "protected"]).optional(),
      code: z.object({ key: z.string().max(100), signature: z.string().max(200) }).optional(),
      comment: z.string().max(4000).optional(),
      selection: z
        .object({ path: z.string().max(1000), startLine: z.int().min(1), endLine: z.int().min(1) })
        .optional(),
    }),
    output: shown,
  }).handle({
    run: async (request, { principal }) => ({ ...(await service.decide({ ...request, principal })) }),
    render: (output) => renderApproval(output as unknown as Approval),
  });
}

function renderApproval(approval: Approval): string {
  const { id, state, title, level, note, decisions, subject, bypassed } = approval;
  const past = bypassed ? [`Merged without an approval of level ${level}.`] : [];
  const said = decisions.map(({ decision, by, method, level: given, comment, selection }) => {
    const at = selection ? ` at ${selection.path}:${selection.startLine}-${selection.endLine}` : "";
    return `- ${by}: ${decision} (${method}, ${given})${at}${comment === null ? "" : `: ${comment}`}`;
  });
  const where = subject.branch === "" ? "" : ` on branch ${subject.branch}`;
  return [`${id}: ${state}, ${title}${where}; needs ${level}`, ...(note === null ? [] : [note]), ...past, ...said].join(
    "\n",
  );
}
