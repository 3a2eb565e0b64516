import { SpecloopError } from "../../foundation/errors.ts";
import type { BackendCall } from "./backend.ts";
import { estimatePrompt, estimateTokens } from "./estimate.ts";
import { MAX_ANSWER_LENGTH, tooLarge } from "./http.ts";
import type { Generation } from "./port.ts";

/** Why a model stopped writing, in our words. `unknown`: the server gave no reason or one that we do not know. */
export type StopReason = "finished" | "max_tokens" | "context" | "failed" | "unknown";

export interface Usage {
  tokensIn: number | null;
  tokensOut: number | null;
}

/** A reasoning model that is not recognised as one writes its thoughts in front of the answer. */
const THOUGHTS = /^\s*<(think|thinking|reasoning)>([\s\S]*?)<\/\1>\s*/i;

/** What a model has written so far in one call; kept by us, so that a broken call still has its partial text. */
export class Answer {
  readonly #onText: ((piece: string) => void) | undefined;
  #text = "";
  #reasoning = "";

  constructor(onText?: (piece: string) => void) {
    this.#onText = onText;
  }

  /** Adds a piece; throws `llm_protocol` when the answer outgrows what is kept. */
  add(kind: "text" | "reasoning", piece: string): void {
    if (kind === "text") this.#text += piece;
    else this.#reasoning += piece;
    if (this.#text.length + this.#reasoning.length > MAX_ANSWER_LENGTH) throw tooLarge();
    if (kind === "text" && piece !== "") this.#onText?.(piece);
  }

  get started(): boolean {
    return this.#text !== "" || this.#reasoning !== "";
  }

  /**
   * The finished answer. Errors: `llm_truncated`, `llm_context_overflow`, `llm_interrupted`, `llm_empty`, each with the
   * partial text. Where JSON was asked for and the text is empty, the reasoning is taken: LM Studio puts the JSON of
   * some reasoning models there.
   */
  conclude(
    call: BackendCall,
    stop: StopReason,
    end: { backend: string; model: string; usage: Usage; ms: number },
  ): Generation {
    const failure = STOPS[stop];
    if (failure) throw this.blame(new SpecloopError(failure.code, failure.message));
    const thoughts = THOUGHTS.exec(this.#text);
    let text = thoughts ? this.#text.slice(thoughts[0].length) : this.#text;
    let reasoning = thoughts ? this.#reasoning + (thoughts[2] ?? "") : this.#reasoning;
    if (text.trim() === "" && call.request.schema && reasoning.includes("{")) [text, reasoning] = [reasoning, ""];
    if (text.trim() === "") throw this.blame(new SpecloopError("llm_empty", "The model answered with nothing."));
    const { tokensIn, tokensOut } = end.usage;
    return {
      text,
      reasoning,
      model: end.model,
      backend: end.backend,
      tokensIn: tokensIn ?? estimatePrompt(call.request.messages),
      tokensOut: tokensOut ?? estimateTokens(this.#text + this.#reasoning),
      estimated: tokensIn === null || tokensOut === null,
      ms: end.ms,
    };
  }

  /** The same error with what was written so far in `details.partial`. */
  blame(error: SpecloopError): SpecloopError {
    if (!this.started) return error;
    const details = { ...error.details, partial: this.#text || this.#reasoning };
    const target = error.target === undefined ? {} : { target: error.target };
    return new SpecloopError(error.code, error.message, { ...target, fix: error.fix, details, cause: error.cause });
  }
}

const STOPS: Partial<Record<StopReason, { code: SpecloopError["code"]; message: string }>> = {
  max_tokens: { code: "llm_truncated", message: "The model reached its token limit before it finished." },
  context: { code: "llm_context_overflow", message: "The context was full before the model finished." },
  failed: { code: "llm_interrupted", message: "The model stopped before it finished." },
};
