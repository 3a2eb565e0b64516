import { z } from "zod";
import { defineOptions } from "../foundation/options.ts";
import { authorityOptions, peopleOptions } from "./people/options.ts";
import { agents, hedging, policy } from "./routing-options.ts";
import { toolOptions } from "./responders/tool-options.ts";

const documents = z.object({
  globs: z
    .array(z.string().min(1).max(300))
    .max(100)
    .default([
      "**/openspec/{specs,changes,lessons}/**/*.md",
      "**/openspec/*.md",
      "{README,AGENTS,CLAUDE,CONTRIBUTING,ARCHITECTURE,SECURITY}.{md,rst,adoc,txt}",
      "{packages,apps,crates,services}/*/README.{md,rst,adoc}",
      "docs/**/*.{md,mdx,markdown,rst,adoc,txt}",
    ])
    .describe(
      "Documents that questions are answered from, relative to the repository: markdown, reStructuredText, AsciiDoc and plain text.",
    ),
  exclude: z
    .array(z.string().min(1).max(300))
    .max(100)
    .default([
      "**/{node_modules,vendor,third_party,third-party,dist,.venv,site-packages}/**",
      "**/*.{min,generated,gen}.*",
    ])
    .describe("Documents and source files that are left out although the globs name them; what git ignores always is."),
  archived: z.boolean().default(false).describe("Answer from archived changes as well."),
  minScore: z
    .number()
    .min(0)
    .max(1)
    .default(0.55)
    .describe(
      "Confidence (how probable it is that a section answers a question) from which it does; docs/retrieval.md says what other values give.",
    ),
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

const code = z.object({
  globs: z
    .array(z.string().min(1).max(300))
    .max(100)
    .default([])
    .describe(
      'Source files whose comments on declarations answer questions too, such as ["src/**/*.ts"]; none by default.',
    ),
  maxBytes: z
    .int()
    .min(1024)
    .max(16_777_216)
    .default(262_144)
    .describe("Largest source file that is indexed, in bytes."),
});

const embeddings = z.object({
  enabled: z
    .boolean()
    .default(true)
    .describe("Find sections by their meaning as well, when the model server has an embedding model loaded."),
  deadlineMs: z
    .int()
    .min(1)
    .max(10_000)
    .default(150)
    .describe("How long a question waits for its vector before it goes on by its words alone, in milliseconds."),
  minSimilarity: z
    .number()
    .min(0)
    .max(1)
    .default(0.75)
    .describe("Nearness in meaning (cosine) from which a section may answer a question whose words it does not hold."),
  weight: z
    .number()
    .min(0)
    .max(10)
    .default(1)
    .describe("What the order by meaning counts when it is joined with the order by words, which counts 1."),
});

const ttl = (hours: number, what: string) => z.number().positive().max(876_000).default(hours).describe(what);

const ttlHours = z.object({
  fact: ttl(2160, "Hours for which what is so is served again."),
  how_to: ttl(2160, "Hours for which how something is done is served again."),
  decision: ttl(8760, "Hours for which a decision is served again."),
  authority: ttl(720, "Hours for which a person's word on what somebody may do is served again."),
  status: ttl(1, "Hours for which how far something is is served again."),
});

const similar = z.object({
  enabled: z
    .boolean()
    .default(true)
    .describe("Answer from what a question of the same meaning in other words was answered."),
  minSimilarity: z
    .number()
    .min(0.5)
    .max(1)
    .default(0.6)
    .describe(
      "Similarity of two wordings of one question from which the answer is given: 0.5 no word in common, 1 the same words. Verdicts move it for each entry.",
    ),
  targetError: z
    .number()
    .min(0.001)
    .max(0.5)
    .default(0.01)
    .describe("Share of wrong answers that the threshold of an entry is learnt for."),
});

const cache = z.object({
  maxEntries: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe("Answers kept in memory in front of the stored ones."),
  ttlHours: ttlHours.prefault({}).describe("How long answers are served again, by kind of question."),
  similar: similar.prefault({}).describe("Answers of similar questions; never for questions of kind authority."),
});

const context = z.object({
  turns: z.int().min(0).max(50).default(5).describe("Questions of a session that a follow-up question is read with."),
  minutes: z.number().positive().max(10_080).default(120).describe("Minutes after which what was said is forgotten."),
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
  code: code.prefault({}).describe("Answers from comments in the source code."),
  embeddings: embeddings.prefault({}).describe("Sections found by their meaning."),
  cache: cache.prefault({}).describe("Answers given before."),
  context: context.prefault({}).describe("What was said before in a session."),
  model: model.prefault({}).describe("Answers by a local model."),
  tools: toolOptions.prefault({}).describe("Answers by tools of downstream servers."),
  people: peopleOptions.prefault({}).describe("What people are asked, and how they hear of it."),
  authority: authorityOptions.prefault({}).describe("What may say what somebody is allowed to do."),
  policy: policy.prefault({}).describe("Who is asked about which kind of question."),
  hedging: hedging.prefault({}).describe("Asking the next one beside a slow one."),
  agents: agents.prefault({}).describe("Agents that registered to answer questions."),
  holdBelow: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe("Answers less confident than this are held while the others on the ladder are asked; the surest counts."),
  maxFlights: z
    .int()
    .min(1)
    .max(100_000)
    .default(5000)
    .describe("Different questions that are being answered at a time; more are refused with too_many_questions."),
  maxPending: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(200_000)
    .describe("Questions that may wait for an answer; more are refused with too_many_questions."),
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
    // Below one half an answer is wrong more often than right; above 0.95 none is given (docs/retrieval.md).
    "documents.minScore": { min: 0.5, max: 0.95, step: 0.05 },
    "documents.maxPassages": { min: 1, max: 50, step: 1 },
    "embeddings.minSimilarity": { min: 0.5, max: 0.95, step: 0.05 },
    "embeddings.weight": { min: 0, max: 3, step: 0.25 },
    "cache.similar.minSimilarity": { min: 0.55, max: 1, step: 0.05 },
    "model.minConfidence": { min: 0, max: 1, step: 0.05 },
  },
});

export type QuestionOptions = z.output<typeof schema>;
