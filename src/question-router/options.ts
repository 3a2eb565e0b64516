import { z } from "zod";
import { defineOptions } from "../foundation/options.ts";

const documents = z.object({
  globs: z
    .array(z.string().min(1).max(300))
    .max(100)
    .default([
      "**/openspec/{specs,changes,lessons}/**/*.md",
      "**/openspec/*.md",
      "README.md",
      "AGENTS.md",
      "docs/**/*.md",
    ])
    .describe("Markdown files that questions are answered from, relative to the repository."),
  archived: z.boolean().default(false).describe("Answer from archived changes as well."),
  minScore: z
    .number()
    .min(0)
    .max(1)
    .default(0.6)
    .describe("Share of a question's content words (rare ones count more) that a section must hold to answer it."),
  maxPassages: z
    .int()
    .min(1)
    .max(50)
    .default(12)
    .describe("Sections that are looked at for one question; the best six go to the model."),
  maxBytes: z
    .int()
    .min(1024)
    .max(16_777_216)
    .default(1_048_576)
    .describe("Largest document that is indexed, in bytes."),
});

const cache = z.object({
  maxEntries: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe("Answers kept in memory in front of the stored ones."),
});

const model = z.object({
  enabled: z
    .boolean()
    .default(true)
    .describe("Ask the local model, with the sections found, when these alone do not answer."),
  timeoutMs: z
    .int()
    .min(100)
    .max(600_000)
    .default(60_000)
    .describe("How long the model may take for one question, in milliseconds."),
  minConfidence: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe("Confidence below which the model's answer is dropped."),
});

const schema = z.object({
  documents: documents.prefault({}).describe("Answers from the repository's own documents."),
  cache: cache.prefault({}).describe("Answers given before."),
  model: model.prefault({}).describe("Answers by a local model."),
  waitMs: z
    .int()
    .min(0)
    .max(25_000)
    .default(8000)
    .describe("How long an ask waits for the model when it names no time itself."),
  keepDays: z
    .int()
    .min(1)
    .max(3650)
    .default(90)
    .describe(
      "Days for which it is remembered how each ask was routed and how long it took; questions and answers stay.",
    ),
  expireHours: z
    .number()
    .positive()
    .max(8760)
    .default(168)
    .describe("Hours after which a question without answer expires."),
});

/** The `questions` section of specloop.yaml. */
export const options = defineOptions({
  section: "questions",
  schema,
  env: { SPECLOOP_QUESTIONS_MIN_SCORE: "documents.minScore", SPECLOOP_QUESTIONS_MODEL: "model.enabled" },
  tunable: {
    "documents.minScore": { min: 0, max: 1, step: 0.05 },
    "documents.maxPassages": { min: 1, max: 50, step: 1 },
    "model.minConfidence": { min: 0, max: 1, step: 0.05 },
  },
});

export type QuestionOptions = z.output<typeof schema>;
