import { z } from "zod";
import { defineOptions } from "../../foundation/options.ts";

const milliseconds = (preset: number, what: string) =>
  z.int().min(50).max(3_600_000).default(preset).describe(`${what}, in milliseconds.`);

const timeouts = z.object({
  connectMs: milliseconds(2000, "Longest wait until the model server answers at all"),
  firstTokenMs: milliseconds(
    120_000,
    "Longest wait for the first token; the wait begins anew when the server tells of progress",
  ),
  idleMs: milliseconds(30_000, "Longest wait between two tokens"),
  totalMs: milliseconds(300_000, "Longest duration of one call, waiting in our own queue not counted"),
});

const schema = z.object({
  backend: z
    .enum(["auto", "lmstudio", "openai", "none"])
    .default("auto")
    .describe(
      "Who writes text: auto takes LM Studio when it answers and nothing otherwise; openai is any compatible server.",
    ),
  baseUrl: z
    .string()
    .min(1)
    .max(500)
    .default("http://127.0.0.1:1234")
    .describe(
      "Address of the model server. Another machine is contacted only if LM_STUDIO_BASE_URL or SPECLOOP_LLM_HOSTS names it.",
    ),
  model: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .describe("Model that writes; without it the first chat model that is loaded."),
  embeddingModel: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .describe("Model that embeds; without it the first embedding model that is loaded."),
  apiKeyEnv: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
    .optional()
    .describe("Name of the environment variable that holds the key of an OpenAI-compatible server."),
  maxTokens: z
    .int()
    .min(16)
    .max(65_536)
    .default(1024)
    .describe("Tokens that one answer may have, unless a call asks for fewer or more."),
  maxPromptTokens: z
    .int()
    .min(256)
    .max(1_000_000)
    .default(8000)
    .describe("Tokens that one prompt may have, by our estimate with its reserve."),
  draftModel: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .describe("Smaller model of the same family whose guesses LM Studio's model checks, which is often faster."),
  ttlMinutes: z.int().min(1).max(10_080).default(60).describe("Minutes for which a model that we loaded stays unused."),
  contextLength: z
    .int()
    .min(512)
    .max(1_000_000)
    .optional()
    .describe("Tokens of context with which we load a model; LM Studio's own choice when absent."),
  concurrency: z.int().min(1).max(64).default(2).describe("Calls in flight at the model server; more wait in order."),
  timeouts: timeouts.prefault({}).describe("Deadlines of a call."),
});

/** The `llm` section of specloop.yaml. `LM_API_TOKEN` is read from the environment at each call and never kept. */
export const options = defineOptions({
  section: "llm",
  schema,
  env: { LM_STUDIO_BASE_URL: "baseUrl" },
  tunable: {
    maxTokens: { min: 128, max: 8192, step: 128 },
    maxPromptTokens: { min: 1000, max: 32_000, step: 500 },
    concurrency: { min: 1, max: 8, step: 1 },
  },
});

export type LlmOptions = z.output<typeof schema>;
export type Timeouts = LlmOptions["timeouts"];
