import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Emitter } from "../../foundation/events.ts";
import type { Live } from "../../foundation/options.ts";
import { showAddress } from "./address.ts";
import type { Backend, CountCall } from "./backend.ts";
import { CircuitBreaker } from "./breaker.ts";
import { chooseModel } from "./choose.ts";
import { estimatePrompt, estimateTokens, TEMPLATE_TOKENS, withReserve } from "./estimate.ts";
import { asLlmError, noneAnswers, refuseCut, refuseTooLong } from "./failures.ts";
import type { LlmOptions } from "./options.ts";
import type { Embeddings, GenerateRequest, Generation, Llm, LlmStatus } from "./port.ts";
import { CallQueue } from "./queue.ts";
import type { Found, Selection } from "./selection.ts";
import { LinkedSignal, Watchdog } from "./watchdog.ts";

/** A prompt of more than this many times its limit needs no exact count. */
const HOPELESS = 2;
/** How old an answer to "are you there" may be for a status. */
const STATUS_MAX_AGE_MS = 500;
/** The port promises a status within two seconds, whatever the options allow calls. */
const STATUS_LIMITS = { connectMs: 2000, firstTokenMs: 2000, idleMs: 2000, totalMs: 2000 };

interface Parts {
  options: Live<LlmOptions>;
  events: Emitter;
  clock: Clock;
  selection: Selection;
  /** Changes when another backend is needed. */
  keyOf: (options: LlmOptions) => string;
}

/** What the metrics of a call need. */
interface Outcome {
  model: string;
  tokensIn: number;
  tokensOut: number;
}

/** Chooses backend and model, queues, spares dead servers and tells of every call. */
export class ManagedLlm implements Llm {
  readonly #parts: Parts;
  readonly #breaker: CircuitBreaker;
  readonly #generations: CallQueue;
  readonly #embeddings: CallQueue;
  readonly #end = new AbortController();
  #backend = "none";

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#breaker = new CircuitBreaker(parts.clock);
    const limit = () => parts.options.current.concurrency;
    this.#generations = new CallQueue(limit);
    // Embeddings are short and on the way to answers: they do not wait behind a long generation.
    this.#embeddings = new CallQueue(limit);
  }

  /** The one that was found last; `none` until one was. */
  get backend(): string {
    return this.#backend;
  }

  async status(signal: AbortSignal): Promise<LlmStatus> {
    const { current } = this.#parts.options;
    const address = current.backend === "none" ? null : showAddress(current.baseUrl);
    using watchdog = new Watchdog(this.#parts.clock, STATUS_LIMITS, signal);
    try {
      const found = await this.#find(watchdog.signal, STATUS_MAX_AGE_MS);
      this.#breaker.seenAlive();
      return { backend: found.backend.name, reachable: true, address, models: found.models, ...usable(found, current) };
    } catch (thrown) {
      const { message } = asLlmError(thrown, watchdog.signal);
      return { backend: this.#backend, reachable: false, address, models: [], model: null, message };
    }
  }

  generate(request: GenerateRequest, signal: AbortSignal): Promise<Generation> {
    return this.#call(request.purpose, signal, (linked) =>
      this.#generations.run(() => this.#generate(request, linked), linked),
    );
  }

  async embed(texts: string[], signal: AbortSignal): Promise<Embeddings> {
    if (texts.length === 0) return { model: null, vectors: [] };
    const { model, vectors } = await this.#call("embed", signal, (linked) =>
      this.#embeddings.run(() => this.#embed(texts, linked), linked),
    );
    return { model, vectors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new SpecloopError("llm_cancelled", "The model client is closed."));
    await this.#parts.selection[Symbol.asyncDispose]();
  }

  #generate(request: GenerateRequest, signal: AbortSignal): Promise<Generation> {
    return this.#guarded(signal, async ({ backend, models }, options) => {
      const model = chooseModel(models, "chat", {
        wanted: request.model ?? options.model,
        trusting: backend.name === "openai",
      });
      const wanted = request.maxTokens ?? options.maxTokens;
      const maxTokens = model.contextLength === null ? wanted : Math.min(wanted, Math.floor(model.contextLength / 2));
      const estimate = estimatePrompt(request.messages);
      const limit = Math.min(options.maxPromptTokens, (model.contextLength ?? Infinity) - maxTokens);
      const { timeouts } = options;
      const counted = await countNear(backend, { estimate, limit }, { ...request, model, timeouts, signal });
      if (counted === null) refuseTooLong(withReserve(estimate), limit, model);
      else refuseTooLong(counted, limit, model);
      const generation = await backend.generate({
        request,
        model,
        maxTokens,
        temperature: request.temperature ?? 0,
        load: { ttlSeconds: options.ttlMinutes * 60, contextLength: options.contextLength ?? null },
        draftModel: options.draftModel ?? null,
        timeouts,
        signal,
      });
      refuseCut(generation, estimate);
      return generation;
    });
  }

  #embed(texts: string[], signal: AbortSignal): Promise<Outcome & { vectors: number[][] }> {
    return this.#guarded(signal, async ({ backend, models }, options) => {
      const model = chooseModel(models, "embedding", {
        wanted: options.embeddingModel,
        trusting: backend.name === "openai",
      });
      const vectors = await backend.embed({ texts, model, timeouts: options.timeouts, signal });
      const tokensIn = texts.reduce((sum, text) => sum + estimateTokens(text), 0);
      return { vectors, model: model.id, tokensIn, tokensOut: 0 };
    });
  }

  /** Runs `work` with the backend that serves if the circuit breaker allows, and tells the breaker what came of it. */
  async #guarded<T>(signal: AbortSignal, work: (found: Found, options: LlmOptions) => Promise<T>): Promise<T> {
    this.#breaker.enter();
    try {
      const value = await work(await this.#find(signal), this.#parts.options.current);
      this.#breaker.ended(null);
      return value;
    } catch (thrown) {
      const error = asLlmError(thrown, signal);
      this.#breaker.ended(error.code);
      // What the server was thought to have, or that it is there, is not true any more.
      if (error.code === "llm_no_model" || error.code === "llm_unreachable") this.#parts.selection.forget();
      throw error;
    }
  }

  async #find(signal: AbortSignal, maxAgeMs?: number): Promise<Found> {
    const { selection, options, keyOf } = this.#parts;
    const { current } = options;
    try {
      const found = await selection.find(current, { key: keyOf(current), signal, maxAgeMs });
      this.#backend = found.backend.name;
      return found;
    } catch (thrown) {
      this.#backend = "none";
      const error = asLlmError(thrown, signal);
      const misconfigured = thrown instanceof SpecloopError && thrown.code === "bad_config";
      if (current.backend !== "auto" || misconfigured || error.code === "llm_cancelled") throw error;
      throw noneAnswers(showAddress(current.baseUrl), error);
    }
  }

  /** Runs a call under the caller's signal and our own end, and tells everybody what came of it. */
  async #call<T extends Outcome>(
    purpose: string,
    caller: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { events, clock } = this.#parts;
    const started = clock.monotonic();
    const tell = (outcome: Outcome, failure: { code?: string }) =>
      events.emit("llm.called", {
        backend: this.#backend,
        model: outcome.model,
        purpose,
        ok: failure.code === undefined,
        ...failure,
        ms: Math.round(clock.monotonic() - started),
        tokensIn: outcome.tokensIn,
        tokensOut: outcome.tokensOut,
      });
    using linked = new LinkedSignal(caller, this.#end.signal);
    try {
      const value = await work(linked.signal);
      tell(value, {});
      return value;
    } catch (thrown) {
      const error = asLlmError(thrown, linked.signal);
      // Where there is no model there was no call.
      if (error.code !== "llm_none") tell({ model: "", tokensIn: 0, tokensOut: 0 }, { code: error.code });
      throw error;
    }
  }
}

/** Where an estimate comes near its limit, the model itself is asked; what it cannot tell stays an estimate. */
async function countNear(
  backend: Backend,
  { estimate, limit }: { estimate: number; limit: number },
  call: CountCall,
): Promise<number | null> {
  if (withReserve(estimate) <= limit || estimate > limit * HOPELESS || !backend.countTokens) return null;
  const tokens = await backend.countTokens(call).catch(() => null);
  return tokens === null ? null : tokens + call.messages.length * TEMPLATE_TOKENS;
}

/** The model that calls will use, and the whole in a sentence. */
function usable({ backend, models }: Found, options: LlmOptions): { model: string | null; message: string } {
  try {
    const { id, loaded } = chooseModel(models, "chat", { wanted: options.model, trusting: backend.name === "openai" });
    return {
      model: id,
      message: `${backend.name} serves ${id}${loaded ? "" : ", which is loaded at the first call"}.`,
    };
  } catch (thrown) {
    const { message, fix } = asLlmError(thrown);
    return { model: null, message: `${backend.name} answers. ${message} ${fix}` };
  }
}
