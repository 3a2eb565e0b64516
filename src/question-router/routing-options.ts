import { z } from "zod";
import { POLICIES } from "./policy.ts";
import { type Kind, RESPONDERS } from "./types.ts";

const ladder = z
  .array(z.enum(RESPONDERS))
  .max(RESPONDERS.length)
  .refine((names) => new Set(names).size === names.length, { error: "names a responder twice" });
const answerers = z.array(z.enum(["person", "agent", "system"])).min(1);
const deadlineMs = z.int().min(1000).max(31_536_000_000);

/** How one kind of question is answered; what is left out is as built in. */
const open = z.object({
  ladder: ladder.optional().describe("Responders in the order in which they are asked, after the exact cache."),
  answerers: answerers.optional().describe("Who may answer what they left: person, agent, system."),
  deadlineMs: deadlineMs
    .optional()
    .describe("Milliseconds after which such a question expires; expireHours when absent."),
});

const FORBIDDEN = "what somebody may do is said by documents and people only, so this cannot be opened";

/** As above, but only narrower: no setting lets a tool, an agent or a model say what somebody may do. */
const authority = open.superRefine((given, context) => {
  const extra = given.ladder?.filter((name) => !POLICIES.authority.ladder.includes(name)) ?? [];
  const others = given.answerers?.filter((kind) => !POLICIES.authority.answerers.includes(kind)) ?? [];
  if (extra.length > 0) {
    context.addIssue({ code: "custom", path: ["ladder"], message: `holds ${extra.join(", ")}: ${FORBIDDEN}` });
  }
  if (others.length > 0) {
    context.addIssue({ code: "custom", path: ["answerers"], message: `holds ${others.join(", ")}: ${FORBIDDEN}` });
  }
});

export const policy = z.object({
  fact: open.prefault({}).describe("What is so."),
  how_to: open.prefault({}).describe("How something is done."),
  decision: open.prefault({}).describe("What was or is to be decided."),
  status: open.prefault({}).describe("How far something is."),
  authority: authority
    .prefault({})
    .describe("Whether somebody may do something. It can be narrowed, never opened to tools, agents or models."),
});

const hedge = (name: string, ms: number) =>
  z.int().min(0).max(600_000).default(ms).describe(`How long the ${name} may take before the next is asked beside it.`);

export const hedging = z.object({
  enabled: z
    .boolean()
    .default(true)
    .describe("Ask the next responder beside a slow one; the first good answer counts."),
  toolMs: hedge("tool", 3000),
  agentMs: hedge("agent", 20_000),
  modelMs: hedge("model", 15_000),
});

export const agents = z.object({
  enabled: z.boolean().default(true).describe("Offer questions to registered agents."),
  tokenOnly: z
    .boolean()
    .default(false)
    .describe("Offer questions only to agents with a token of their own (`specloop agent add`)."),
  leaseMs: z
    .int()
    .min(1000)
    .max(86_400_000)
    .default(120_000)
    .describe("How long an agent has a question for itself before the next one is asked."),
  silentMs: z
    .int()
    .min(1000)
    .max(86_400_000)
    .default(180_000)
    .describe(
      "How long nothing may be heard of an agent before it is taken for silent and its questions are returned.",
    ),
  maxOffers: z.int().min(1).max(20).default(3).describe("How many agents are asked one after the other."),
});

export interface Policy {
  ladder: readonly (typeof RESPONDERS)[number][];
  answerers: readonly ("person" | "agent" | "system")[];
  deadlineMs: number | undefined;
}

/** The policy in force for a kind: the built-in one with what specloop.yaml says of it. */
export function policyOf(options: { policy: z.output<typeof policy> }, kind: Kind): Policy {
  const { ladder, answerers, deadlineMs } = options.policy[kind];
  const builtIn = POLICIES[kind];
  return { ladder: ladder ?? builtIn.ladder, answerers: answerers ?? builtIn.answerers, deadlineMs };
}
