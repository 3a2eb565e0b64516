import { SpecloopError } from "../../foundation/errors.ts";
import { Answer, type StopReason } from "./answer.ts";
import type { Backend, BackendCall, BackendDependencies, CountCall } from "./backend.ts";
import { asLlmError } from "./failures.ts";
import { greetsAsLmStudio, type Inventory } from "./inventory.ts";
import { createOpenAiBackend, onlyConnect } from "./openai.ts";
import type { Timeouts } from "./options.ts";
import type { Generation } from "./port.ts";
import { type LoadSdk, type Sdk, SdkSession } from "./sdk-session.ts";
import { Watchdog } from "./watchdog.ts";

/** How long the SDK is left alone after it and the server did not understand each other. */
const DISTRUST_MS = 600_000;

/** The SDK's stop reasons (`LLMPredictionStopReason`). */
const STOPS: Record<string, StopReason> = {
  eosFound: "finished",
  stopStringFound: "finished",
  toolCalls: "finished",
  maxPredictedTokensReached: "max_tokens",
  contextLengthReached: "context",
  failed: "failed",
  modelUnloaded: "failed",
  userStopped: "failed",
};

/** The optional package; an `import()` so that nobody pays for it who has no LM Studio. */
const loadLmStudioSdk: LoadSdk = () => import("@lmstudio/sdk");

/**
 * LM Studio: inventory and embeddings by HTTP, which every version answers, text by its own client over WebSocket, which
 * has progress, exact counts and no time limit. Where the client is not installed, or it and the server do not
 * understand each other, text comes by HTTP too.
 */
export function createLmStudioBackend(dependencies: BackendDependencies, loadSdk: LoadSdk = loadLmStudioSdk): Backend {
  return new LmStudioBackend(dependencies, loadSdk);
}

class LmStudioBackend implements Backend {
  readonly name = "lmstudio";
  readonly #dependencies: BackendDependencies;
  readonly #http: Backend;
  readonly #loadSdk: LoadSdk;
  #sdk: Promise<Sdk | null> | null = null;
  #session: SdkSession | null = null;
  #distrustedUntil = -Infinity;

  constructor(dependencies: BackendDependencies, loadSdk: LoadSdk) {
    this.#dependencies = dependencies;
    this.#http = createOpenAiBackend(dependencies, "lmstudio-http");
    this.#loadSdk = loadSdk;
  }

  async inventory(timeouts: Timeouts, signal: AbortSignal): Promise<Inventory> {
    const { address, clock, token } = this.#dependencies;
    const found = await this.#http.inventory(timeouts, signal);
    if (found.lmStudio) return found;
    using watchdog = new Watchdog(clock, onlyConnect(timeouts), signal);
    if (await greetsAsLmStudio({ base: address.http, token: token(), signal: watchdog.signal })) return found;
    throw new SpecloopError("llm_protocol", `The server at ${address.http} is not LM Studio.`, {
      target: address.http,
      fix: "Set llm.backend: openai for other servers.",
    });
  }

  async generate(call: BackendCall): Promise<Generation> {
    const { clock, logger } = this.#dependencies;
    const sdk = clock.monotonic() < this.#distrustedUntil ? null : await (this.#sdk ??= this.#importSdk());
    if (!sdk) return this.#http.generate(call);
    try {
      return await this.#generateBySdk(sdk, call);
    } catch (thrown) {
      const error = asLlmError(thrown, call.signal);
      if (error.code !== "llm_protocol" || error.details?.["partial"] !== undefined) throw error;
      logger.warn({ err: error }, "LM Studio's own client is not used for ten minutes");
      this.#distrustedUntil = clock.monotonic() + DISTRUST_MS;
      return this.#http.generate(call);
    }
  }

  embed: Backend["embed"] = (call) => this.#http.embed(call);

  async countTokens(call: CountCall): Promise<number | null> {
    const { clock } = this.#dependencies;
    const sdk = clock.monotonic() < this.#distrustedUntil ? null : await (this.#sdk ??= this.#importSdk());
    if (!sdk || !call.model.loaded) return null;
    using watchdog = new Watchdog(clock, onlyConnect(call.timeouts), call.signal);
    return this.#openSession(sdk).count(call, watchdog.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session?.close();
    this.#session = null;
  }

  async #generateBySdk(sdk: Sdk, call: BackendCall): Promise<Generation> {
    using watchdog = new Watchdog(this.#dependencies.clock, call.timeouts, call.signal);
    const answer = new Answer(call.request.onText);
    try {
      const { stats, modelInfo } = await this.#openSession(sdk).generate({ call, watchdog, answer });
      const usage = { tokensIn: stats.promptTokensCount ?? null, tokensOut: stats.predictedTokensCount ?? null };
      const end = { backend: this.name, model: modelInfo.identifier, usage, ms: watchdog.elapsed };
      return answer.conclude(call, STOPS[stats.stopReason] ?? "unknown", end);
    } catch (thrown) {
      throw answer.blame(asLlmError(thrown, call.signal));
    }
  }

  #openSession(sdk: Sdk): SdkSession {
    if (this.#session && !this.#session.retired) return this.#session;
    const { address, clock, logger, token } = this.#dependencies;
    this.#session = new SdkSession({ sdk, url: address.ws, token: token(), clock, logger });
    return this.#session;
  }

  async #importSdk(): Promise<Sdk | null> {
    try {
      return await this.#loadSdk();
    } catch (cause) {
      this.#dependencies.logger.warn(
        { err: cause },
        "LM Studio's own client (@lmstudio/sdk) cannot be loaded; its HTTP interface is used",
      );
      return null;
    }
  }
}
