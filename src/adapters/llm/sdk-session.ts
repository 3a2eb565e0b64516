import type { LLMPredictionFragment, LMStudioClient, OngoingPrediction, PredictionResult } from "@lmstudio/sdk";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Answer } from "./answer.ts";
import type { BackendCall, CountCall } from "./backend.ts";
import { readWarning, translateSdkError } from "./sdk-errors.ts";
import { ModelLoads } from "./sdk-loads.ts";
import { credentials, settleOnce, silence } from "./sdk-inside.ts";
import { untilAborted, LinkedSignal, type Watchdog } from "./watchdog.ts";

/** Loads `@lmstudio/sdk`; rejects where it is not installed. */
export type LoadSdk = () => Promise<Sdk>;
export type Sdk = Pick<typeof import("@lmstudio/sdk"), "LMStudioClient">;

/** How long a cancelled prediction may take to say that it has stopped. */
const CANCEL_GRACE_MS = 2000;
/** A connection that was heard of so lately needs no question whether it still lives. */
const LIVELY_MS = 2000;

export interface SessionParts {
  sdk: Sdk;
  /** `ws://host:port`. Never left out: without it the SDK guesses ports and ends the process when none answers. */
  url: string;
  token: string | undefined;
  clock: Clock;
  logger: Logger;
}

/** One call with what watches and collects it. */
export interface SdkCall {
  call: BackendCall;
  watchdog: Watchdog;
  answer: Answer;
}

/**
 * One client object of the SDK and the calls on it. The bare SDK never times out, waits for ever in at least eight
 * situations and, after a reconnect, sends what was rejected long ago (`docs/decisions/0005`); so each wait here ends by
 * the call's watchdog or by trouble of the session, and a session that had trouble is closed for good, queue and all.
 */
export class SdkSession {
  readonly #client: LMStudioClient;
  readonly #clock: Clock;
  readonly #trouble = new AbortController();
  readonly #end = new AbortController();
  readonly #loads: ModelLoads;
  #inFlight = 0;
  #heardAt = -Infinity;
  #retired = false;
  #closed = false;

  constructor({ sdk, url, token, clock, logger }: SessionParts) {
    this.#clock = clock;
    const listen = (...parts: unknown[]) => {
      const trouble = readWarning(parts);
      if (trouble) this.#fail(trouble);
      logger.debug({ detail: trouble?.message }, "LM Studio's client reports something");
    };
    this.#client = new sdk.LMStudioClient({
      baseUrl: url,
      verboseErrorMessages: false,
      logger: { info: ignore, debug: ignore, warn: listen, error: listen },
      ...credentials(token),
    });
    this.#loads = new ModelLoads(this.#client);
  }

  /** No new call may be made on it. */
  get retired(): boolean {
    return this.#retired;
  }

  /** Generates; rejects with `llm_*`. Errors of the connection retire the session. */
  async generate({ call, watchdog, answer }: SdkCall): Promise<PredictionResult> {
    this.#inFlight += 1;
    using linked = new LinkedSignal(watchdog.signal, this.#trouble.signal);
    try {
      const identifier = await this.#ready(call, watchdog, linked.signal);
      return await this.#predict(identifier, { call, watchdog, answer }, linked.signal);
    } catch (thrown) {
      const error = translateSdkError(thrown);
      if (["llm_unreachable", "llm_interrupted", "llm_auth", "llm_protocol"].includes(error.code)) this.retire();
      throw error;
    } finally {
      this.#inFlight -= 1;
      if (this.#retired && this.#inFlight === 0) this.close();
    }
  }

  /** Tokens of a prompt as the model itself counts them, without what its template adds. */
  async count({ messages, model }: CountCall, signal: AbortSignal): Promise<number> {
    this.#inFlight += 1;
    using linked = new LinkedSignal(signal, this.#trouble.signal);
    try {
      const handle = this.#client.llm.createDynamicHandle(model.id);
      const counting = Promise.all(messages.map(({ content }) => handle.countTokens(content)));
      return (await untilAborted(counting, linked.signal)).reduce((sum, tokens) => sum + tokens, 0);
    } finally {
      this.#inFlight -= 1;
      if (this.#retired && this.#inFlight === 0) this.close();
    }
  }

  /** Takes no new call and closes when the last one has settled. */
  retire(): void {
    this.#retired = true;
    if (this.#inFlight === 0) this.close();
  }

  /** Closes at once; calls in flight settle as interrupted. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#retired = true;
    this.#end.abort();
    this.#fail(new SpecloopError("llm_interrupted", "The connection to LM Studio was closed."));
    for (const port of Object.values(this.#client)) silence(port);
    // It may wait for ever for calls that the server forgot.
    this.#client[Symbol.asyncDispose]().catch(() => {});
  }

  /** Proves that connection, credentials and model are good, and gives the identifier to predict with. */
  async #ready({ model, load }: BackendCall, watchdog: Watchdog, signal: AbortSignal): Promise<string> {
    if (!model.loaded) {
      watchdog.connected();
      return this.#loads.load({ key: model.id, ...load }, watchdog, signal);
    }
    if (this.#clock.monotonic() - this.#heardAt < LIVELY_MS) {
      watchdog.connected();
      return model.id;
    }
    try {
      const info = await untilAborted(this.#client.llm.createDynamicHandle(model.id).getModelInfo(), signal);
      if (!info)
        throw new SpecloopError("llm_no_model", `LM Studio has no model "${model.id}" loaded.`, { target: model.id });
    } catch (error) {
      // Nobody answered the simplest question: what was sent must not wait in the client's queue for a better day.
      if (watchdog.signal.aborted) this.retire();
      throw error;
    }
    this.#heard();
    watchdog.connected();
    return model.id;
  }

  async #predict(
    identifier: string,
    { call, watchdog, answer }: SdkCall,
    signal: AbortSignal,
  ): Promise<PredictionResult> {
    const cancel = new AbortController();
    const excess = new AbortController();
    using linked = new LinkedSignal(signal, excess.signal);
    const take = (fragment: LLMPredictionFragment) => {
      this.#heard();
      watchdog.token();
      if (linked.signal.aborted) return;
      try {
        collect(answer, fragment);
      } catch (error) {
        excess.abort(error);
      }
    };
    const prediction = this.#client.llm.createDynamicHandle(identifier).respond(call.request.messages, {
      ...settingsOf(call),
      signal: cancel.signal,
      onPredictionFragment: take,
      onPromptProcessingProgress: () => {
        this.#heard();
        watchdog.progress();
      },
    });
    settleOnce(prediction);
    try {
      return await untilAborted(prediction.result(), linked.signal);
    } catch (error) {
      // A server that floods us is not asked to stop, it is cut off.
      if (excess.signal.aborted) this.close();
      else if (watchdog.signal.aborted && !this.#closed) void this.#stop(prediction, cancel);
      if (excess.signal.aborted) throw excess.signal.reason;
      throw error;
    }
  }

  /** Cancels a prediction that nobody waits for any more; if the server ignores that, the session is given up. */
  async #stop(prediction: OngoingPrediction, cancel: AbortController): Promise<void> {
    cancel.abort();
    const settled = prediction.result().then(
      () => true,
      () => true,
    );
    const ignored = this.#clock.sleep(CANCEL_GRACE_MS, this.#end.signal).then(
      () => false,
      () => true,
    );
    if (!(await Promise.race([settled, ignored]))) this.retire();
  }

  #heard(): void {
    this.#heardAt = this.#clock.monotonic();
  }

  #fail(error: SpecloopError): void {
    this.#retired = true;
    this.#trouble.abort(error);
  }
}

/** Never a zod schema: the SDK takes one of zod 4 without a word and sends an empty one. */
function settingsOf({ request, maxTokens, temperature, draftModel }: BackendCall) {
  const structured = request.schema && { structured: { type: "json" as const, jsonSchema: request.schema } };
  return {
    maxTokens,
    temperature,
    contextOverflowPolicy: "stopAtLimit" as const,
    ...structured,
    ...(draftModel !== null && { draftModel }),
  };
}

function collect(answer: Answer, { content, reasoningType, isStructural }: LLMPredictionFragment): void {
  if (isStructural || reasoningType === "reasoningStartTag" || reasoningType === "reasoningEndTag") return;
  answer.add(reasoningType === "reasoning" ? "reasoning" : "text", content);
}

/** What the SDK tells for information is of no use here. */
function ignore(): void {}
