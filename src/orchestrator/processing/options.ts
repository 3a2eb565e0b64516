import { z } from "zod";

/** `openspec.processing` of `specloop.yaml`: what happens by itself when a change is new or changed. */
export const processingOptions = z.object({
  ask: z
    .enum(["off", "new"])
    .default("off")
    .describe("Ask the open questions of new and changed changes by itself; off: only on request."),
  perChange: z.int().min(1).max(100).default(5).describe("Questions of one change that are asked by themselves."),
  perHour: z.int().min(1).max(1000).default(20).describe("Questions of all changes asked by themselves in an hour."),
  writeAnswers: z
    .enum(["person", "off"])
    .default("person")
    .describe("Write what a person answers below the question it was given to."),
  suggest: z
    .enum(["off", "new"])
    .default("off")
    .describe("Let the model read new and changed changes and suggest questions and improvements by itself."),
  suggestionsPerDay: z.int().min(0).max(1000).default(20).describe("Model calls for that in a day, asked for or not."),
  maxTokens: z.int().min(100).max(20_000).default(1_500).describe("Longest answer of the model, tokens."),
});

export type ProcessingOptions = z.output<typeof processingOptions>;
