import { z } from "zod";
import type { NodeType } from "../node-type.ts";
import { APPROVE } from "../run/commands.ts";
import { duration } from "./duration.ts";

const config = z.strictObject({
  prompt: z.string().min(1).max(10_000).describe("What a person is asked"),
  show: z.record(z.string(), z.unknown()).default({}).describe("CEL of what the person needs to see, by name"),
  approvers: z
    .array(z.string().min(1).max(200))
    .default([])
    .describe("Names of those who may answer; empty: any person"),
  self: z.boolean().default(true).describe("Whether who started the run may answer"),
  timeout: duration.optional().describe("How long it waits at most; for ever when absent"),
  on_timeout: z.enum(["reject", "approve", "fail"]).default("reject").describe("What no answer in time means"),
  on_reject: z.enum(["fail", "continue"]).default("fail").describe("`continue`: the output says that it was rejected"),
  escalate: z
    .strictObject({ after: duration, to: z.array(z.string().min(1).max(200)).min(1).max(20) })
    .optional()
    .describe("After this time these may answer as well"),
});
type Config = z.output<typeof config>;

/** What a person's answer is. */
const approvalAnswer = z.object({ approved: z.boolean(), comment: z.string().max(10_000).default("") });

/** Who may answer an approval node. What decides is written in the definition, never made by a template. */
export const approvalRule = config.pick({ approvers: true, self: true, escalate: true });

/** Asks a person. No agent can answer it, and an answer that comes before the question is kept. */
export function approval(now: () => number): NodeType<Config> {
  return {
    type: "approval",
    description: "Asks a person for a yes, which no agent can give; waits for days at no cost.",
    config,
    expressions: ["show"],
    literal: ["approvers", "self", "escalate", "timeout", "on_timeout", "on_reject"],
    output: () => ({
      type: "object",
      properties: { approved: { type: "boolean" }, comment: { type: "string" }, by: { type: ["string", "null"] } },
      required: ["approved", "comment", "by"],
      additionalProperties: false,
    }),
    onCrash: "retry",
    inside: true,
    execute: async ({ config: given, key }) => {
      const { prompt, show, timeout, escalate } = given;
      const deadline = timeout === undefined ? null : now() + timeout;
      const until = earliest(deadline, escalate ? now() + escalate.after : null);
      return { outcome: "waiting", signal: APPROVE + key, until, shown: { prompt, show, deadline, escalated: false } };
    },
    resume: async ({ config: given, waited, key }, arrived) => {
      if (arrived !== "timeout") {
        const { approved, comment } = approvalAnswer.parse(arrived.data);
        return approved || given.on_reject === "continue"
          ? { outcome: "done", output: { approved, comment, by: arrived.by } }
          : { outcome: "failed", kind: "refused", message: rejected(arrived.by, comment) };
      }
      const deadline = typeof waited?.["deadline"] === "number" ? waited["deadline"] : null;
      if (waited && waited["escalated"] !== true && (deadline === null || now() < deadline)) {
        return { outcome: "waiting", signal: APPROVE + key, until: deadline, shown: { ...waited, escalated: true } };
      }
      return late(given);
    },
  };
}

function earliest(...times: (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function rejected(by: string, comment: string): string {
  return comment === "" ? `Rejected by ${by}.` : `Rejected by ${by}: ${comment}`;
}

function late({ on_timeout: means, on_reject: then }: Config): Awaited<ReturnType<NodeType["execute"]>> {
  const message = "Nobody answered in time.";
  if (means === "fail") return { outcome: "failed", kind: "timeout", message };
  if (means === "reject" && then === "fail") return { outcome: "failed", kind: "refused", message };
  return { outcome: "done", output: { approved: means === "approve", comment: message, by: null } };
}
