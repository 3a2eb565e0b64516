import { z } from "zod";

const topic = z.string().min(1).max(2000);
const audience = z.string().min(1).max(500).optional().describe("Grade or level, and what matters about the group");
const language = z.string().min(1).max(60).optional();

/** What is asked for most, in one call: the shipped workflow and what of its inputs is offered. */
export const QUICK_ACTIONS = {
  "lesson-plan": {
    workflow: "lesson-plan",
    description: "A lesson from objectives to a plan that can be taught",
    input: z.strictObject({
      topic: topic.describe("What the lesson is about"),
      audience,
      minutes: z.int().min(10).max(480).optional().describe("Length of the lesson"),
      standards: z.string().max(20_000).optional().describe("Parts of a curriculum that it has to meet"),
      resources: z.string().max(5000).optional().describe("What the room has"),
      language,
    }),
  },
  assessment: {
    workflow: "assessment",
    description: "Tasks with key and points, reviewed",
    input: z.strictObject({
      topic: topic.describe("What is assessed"),
      audience,
      tasks: z.int().min(1).max(30).optional().describe("How many"),
      objectives: z.array(z.string().max(1000)).max(20).optional().describe("What learners should be able to do"),
      kinds: z
        .array(z.enum(["multiple_choice", "short_answer", "essay", "practical"]))
        .min(1)
        .max(4)
        .optional(),
      material: z.string().max(100_000).optional().describe("Text that the tasks stay within"),
      language,
    }),
  },
  feedback: {
    workflow: "student-feedback",
    description: "Feedback on a learner's work, with evidence and next steps",
    input: z.strictObject({
      topic: topic.describe("The task that was set"),
      work: z.string().min(1).max(200_000).describe("What the learner handed in"),
      audience,
      criteria: z.array(z.string().max(500)).max(15).optional(),
      tone: z.enum(["warm", "matter_of_fact", "brief"]).optional(),
      language,
    }),
  },
};
export type QuickAction = keyof typeof QUICK_ACTIONS;
