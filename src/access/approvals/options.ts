import { z } from "zod";
import { defineOptions } from "../../foundation/options.ts";
import { APPROVAL_LEVELS } from "./port.ts";

/** What may need an approval. `policy` is a change of these rules themselves. */
const OPERATIONS = ["document", "archive", "proposal", "policy"] as const;
export type Operation = (typeof OPERATIONS)[number];

const people = z.array(z.string().min(3).max(200)).max(50);
const rule = z.strictObject({
  operations: z.array(z.enum(OPERATIONS)).min(1).default(["document", "archive"]),
  /** Globs; the rule counts when one path of the content fits. */
  paths: z.array(z.string().max(300)).min(1).max(50).default(["**"]),
  level: z.enum(APPROVAL_LEVELS).default("L1"),
  /** How many different people. */
  count: z.int().min(1).max(10).default(1),
  /** Mail addresses; empty for everybody who can prove it. */
  approvers: people.default([]),
  expiresHours: z.number().min(0.01).max(8760).default(168),
  escalateHours: z.number().min(0.01).max(8760).optional(),
  escalateTo: people.default([]),
});

export const options = defineOptions({
  section: "approvals",
  schema: z.object({
    rules: z
      .array(rule)
      .max(50)
      .default([
        rule.parse({ operations: ["document", "archive", "policy"], level: "L1" }),
        rule.parse({ operations: ["proposal"], level: "L0", expiresHours: 8760 }),
      ])
      .describe(
        "Who must approve what: operations (document, archive, proposal, policy), paths (globs), level (L0, L1, L2), count, approvers, expiresHours, escalateHours, escalateTo. Of all rules that fit the strictest counts; where none fits, L0 does.",
      ),
    protectedUrl: z.string().max(500).optional().describe("Repository whose branch proves level L2 (git ls-remote)."),
    protectedBranch: z.string().max(200).default("main").describe("The protected branch there."),
  }),
  env: {},
  tunable: {},
});

export type ApprovalOptions = z.output<typeof options.schema>;
export type Rule = z.output<typeof rule>;
