import { z } from "zod";
import {
  estimateTokens,
  generateStructured,
  type GenerateRequest,
  type Generation,
  type Llm,
  type Message,
  neutralise,
} from "../../adapters/llm/index.ts";
import { type ErrorCode, SpecloopError } from "../../foundation/errors.ts";
import type { Attempt, NodeType, Outcome } from "../node-type.ts";
import type { FailureKind } from "../plan.ts";
import { type Prices, spendingOf } from "../ports.ts";
import { withValuesAsData } from "../prompt-data.ts";
import { answerCheck, answerSchema } from "./answer-schema.ts";

const DEFAULT_TOKENS = 1024;
/** Of the prompt, what is kept of its beginning and its end where it has to be cut: the task usually stands at an end. */
const KEPT_SHARES = [0.5, 0.25];

const config = z.strictObject({
  prompt: z
    .string()
    .min(1)
    .max(400_000)
    .describe("What the model is asked; values come in by ${{ … }}, long ones marked as data"),
  system: z.string().max(50_000).default("").describe("Who the model is and how it answers"),
  model: z.string().min(1).max(200).optional().describe("Its name; the configured one when absent"),
  fallback_models: z.array(z.string().min(1).max(200)).max(5).default([]).describe("Asked in turn where one cannot"),
  temperature: z.number().min(0).max(2).default(0),
  max_tokens: z.int().min(1).max(200_000).default(DEFAULT_TOKENS).describe("Tokens of the answer at most"),
  schema: answerSchema,
  on_overflow: z
    .enum(["fail", "truncate"])
    .default("fail")
    .describe("`truncate`: the middle of a prompt that is too long is left out"),
});
type Config = z.output<typeof config>;

interface Dependencies {
  llm: Llm;
  prices: Prices;
}

/** Errors of models as kinds that a retry, a fallback and a breaker tell apart. */
const KINDS: Partial<Record<ErrorCode, FailureKind>> = {
  llm_timeout: "timeout",
  llm_overloaded: "overload",
  llm_context_overflow: "context",
  llm_unreachable: "unavailable",
  llm_no_model: "unavailable",
  llm_none: "unavailable",
  llm_interrupted: "unavailable",
  llm_protocol: "unavailable",
  llm_empty: "bad_output",
  llm_truncated: "bad_output",
  llm_invalid_output: "bad_output",
};
/** What another model may do better. */
const NEXT_MODEL = new Set<FailureKind>(["overload", "unavailable", "timeout", "context"]);

/** The signal of the attempt is in each call already. */
const NEVER = new AbortController().signal;

/** Asks a model. What it answers is data: it is handed on and never followed. */
export function llm(dependencies: Dependencies): NodeType<Config> {
  return {
    type: "llm",
    description: "Asks a model with a prompt and gives its text, or an object where a schema says which.",
    config,
    expressions: [],
    // What others wrote never speaks as the system.
    literal: ["system", "model", "fallback_models", "schema", "on_overflow", "max_tokens", "temperature"],
    output: ({ schema }) =>
      schema ?? { type: "object", properties: { text: { type: "string" }, model: { type: "string" } } },
    weave: { prompt: withValuesAsData },
    onCrash: "retry",
    harmless: () => true,
    target: ({ model }) => model ?? null,
    estimate: ({ prompt, system, max_tokens: maxTokens, model }) => ({
      tokens: estimateTokens(prompt) + estimateTokens(system) + maxTokens,
      model: model ?? null,
    }),
    execute: (attempt) => ask(attempt, dependencies),
  };
}

async function ask(attempt: Attempt<Config>, dependencies: Dependencies): Promise<Outcome> {
  const { config: given } = attempt;
  let failure: Outcome & { outcome: "failed" } = { outcome: "failed", kind: "failed", message: "No model was asked." };
  for (const model of [given.model, ...given.fallback_models]) {
    const outcome = await askOne(attempt, model, dependencies);
    if (outcome.outcome !== "failed") return outcome;
    failure = outcome;
    if (!NEXT_MODEL.has(outcome.kind) || attempt.signal.aborted) break;
    attempt.log(`${model ?? "the configured model"}: ${outcome.message}`);
  }
  return failure;
}

async function askOne(
  attempt: Attempt<Config>,
  model: string | undefined,
  { llm: models, prices }: Dependencies,
): Promise<Outcome & { outcome: "done" | "failed" }> {
  const { config: given } = attempt;
  // Each call counts, also one whose answer was of no use.
  const counted = async (request: GenerateRequest) => {
    const generation = await models.generate(request, attempt.signal);
    attempt.spend(spendingOf(prices, generation));
    return generation;
  };
  const cuts = given.on_overflow === "truncate" ? [1, ...KEPT_SHARES] : [1];
  for (const [index, share] of cuts.entries()) {
    try {
      return await answerTo(requestOf(given, model, share), given.schema, counted);
    } catch (error) {
      const failure = failureOf(error);
      if (failure.kind !== "context" || index === cuts.length - 1) return failure;
      attempt.log("The prompt did not fit; its middle is left out.");
    }
  }
  return failureOf(new Error("The prompt does not fit, however much of it is left out."));
}

function requestOf(
  { prompt, system, max_tokens: maxTokens, temperature }: Config,
  model: string | undefined,
  share: number,
) {
  const messages: Message[] = [{ role: "user", content: cut(neutralise(prompt), share) }];
  if (system !== "") messages.unshift({ role: "system", content: system });
  return {
    messages,
    purpose: "workflow.llm",
    maxTokens,
    temperature,
    ...(model !== undefined && { model }),
  };
}

function cut(text: string, share: number): string {
  if (share === 1) return text;
  const half = Math.floor((text.length * share) / 2);
  return `${text.slice(0, half)}\n[… ${text.length - 2 * half} characters left out …]\n${text.slice(-half)}`;
}

/** With a schema the answer is that object: checked, and corrected once by the model itself. */
async function answerTo(
  request: GenerateRequest,
  schema: Config["schema"],
  generate: (request: GenerateRequest) => Promise<Generation>,
): Promise<Outcome & { outcome: "done" }> {
  if (!schema) {
    const { text, model } = await generate(request);
    return { outcome: "done", output: { text, model } };
  }
  const call = { request, schema: answerCheck(schema), signal: NEVER };
  const { value } = await generateStructured({ generate }, call);
  return { outcome: "done", output: value };
}

function failureOf(error: unknown): Outcome & { outcome: "failed" } {
  const kind = (error instanceof SpecloopError ? KINDS[error.code] : undefined) ?? "failed";
  const details = error instanceof SpecloopError ? error.details : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return { outcome: "failed", kind, message, ...(details !== undefined && { details }) };
}
