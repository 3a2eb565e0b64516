import { z } from "zod";

const escalation = z.object({
  afterHours: z.number().positive().max(8760).describe("Hours without an answer after which it goes there."),
  to: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .describe("A name or a role; what reaches it is configured outside the repository."),
});

/** `questions.people` of `specloop.yaml`: how people hear of what waits for them. */
export const peopleOptions = z.object({
  elicit: z
    .enum(["auto", "off"])
    .default("auto")
    .describe("Show a form to the person at the client that asks, where the client has forms (MCP elicitation)."),
  remindHours: z
    .array(z.number().min(0).max(8760))
    .max(10)
    .default([4, 24])
    .describe("Hours after which people are reminded of a question without answer."),
  escalate: z
    .array(escalation)
    .max(10)
    .default([])
    .describe("Whom a question goes to that nobody answers: `[{afterHours: 24, to: lead}]`."),
});

/** `questions.authority`: the documents that may say what somebody is allowed to do. */
export const authorityOptions = z.object({
  globs: z
    .array(z.string().min(1).max(300))
    .max(100)
    .default(["**/openspec/specs/**/*.md", "README.md", "AGENTS.md", "docs/**/*.md"])
    .describe(
      "Documents that may answer authority questions: as they are committed, and only where an agent's edit waits for a person. What a change proposes never does.",
    ),
});

export type PeopleOptions = z.output<typeof peopleOptions>;
