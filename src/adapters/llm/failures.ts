import { SpecloopError } from "../../foundation/errors.ts";
import { redact } from "../../foundation/logger.ts";
import type { Generation, ModelInfo } from "./port.ts";

/** A server that counts fewer prompt tokens than this share of our estimate has cut the prompt without saying so. */
const CUT_SHARE = 0.6;
/** Estimates of short prompts are too rough to tell. */
const CUT_MIN_TOKENS = 500;

/** Any thrown value as the SpecloopError `llm_*` that the port promises. */
export function asLlmError(thrown: unknown, signal?: AbortSignal): SpecloopError {
  if (thrown instanceof SpecloopError && thrown.code.startsWith("llm_")) return thrown;
  if (signal?.aborted || (thrown instanceof Error && thrown.name === "AbortError")) {
    return new SpecloopError("llm_cancelled", "The caller cancelled the model call.", { cause: thrown });
  }
  if (thrown instanceof SpecloopError) {
    const target = thrown.target === undefined ? {} : { target: thrown.target };
    return new SpecloopError("llm_unreachable", thrown.message, { ...target, fix: thrown.fix, cause: thrown });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new SpecloopError("llm_protocol", `The model call failed in an unforeseen way: ${redact(message)}`, {
    cause: thrown,
  });
}

/** What `llm.backend: auto` says when it finds nothing. */
export function noneAnswers(address: string, cause: SpecloopError): SpecloopError {
  const said = cause.message.includes(address);
  return new SpecloopError(
    "llm_none",
    said ? cause.message : `No model server serves at ${address}: ${cause.message}`,
    {
      cause,
      target: address,
      fix: cause.fix,
    },
  );
}

/** Throws `llm_context_overflow` before anything is sent: servers cut long prompts without a word. */
export function refuseTooLong(tokens: number, limit: number, model: ModelInfo): void {
  if (tokens <= limit) return;
  const context = model.contextLength === null ? "" : `, whose context is ${model.contextLength}`;
  throw new SpecloopError(
    "llm_context_overflow",
    `The prompt has about ${tokens} tokens; ${limit} are possible with ${model.id}${context}.`,
    {
      target: model.id,
      details: { estimatedTokens: tokens, limit },
    },
  );
}

/** Throws `llm_context_overflow` when the server has read far less than we sent: the answer is about half a prompt. */
export function refuseCut({ tokensIn, estimated, model }: Generation, estimate: number): void {
  if (estimated || estimate < CUT_MIN_TOKENS || tokensIn >= estimate * CUT_SHARE) return;
  throw new SpecloopError(
    "llm_context_overflow",
    `${model} read ${tokensIn} tokens of a prompt of about ${estimate}: the server cut it.`,
    {
      target: model,
      details: { estimatedTokens: estimate, readTokens: tokensIn },
    },
  );
}
