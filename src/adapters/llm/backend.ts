import type { Clock } from "../../foundation/clock.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Address } from "./address.ts";
import type { Inventory } from "./inventory.ts";
import type { Timeouts } from "./options.ts";
import type { GenerateRequest, Generation, Message, ModelInfo } from "./port.ts";

/** One call as a backend gets it: everything decided, nothing optional but the schema. */
export interface BackendCall {
  request: GenerateRequest;
  model: ModelInfo;
  maxTokens: number;
  temperature: number;
  /** How a model that is not loaded yet is loaded. */
  load: LoadSettings;
  /** A smaller model whose guesses the model only checks (speculative decoding); null for none. */
  draftModel: string | null;
  timeouts: Timeouts;
  signal: AbortSignal;
}

export interface LoadSettings {
  /** Seconds that it stays in memory unused. */
  ttlSeconds: number;
  /** Tokens of its context; null leaves it to the server. */
  contextLength: number | null;
}

export interface CountCall {
  messages: Message[];
  model: ModelInfo;
  timeouts: Timeouts;
  signal: AbortSignal;
}

export interface EmbedCall {
  texts: string[];
  model: ModelInfo;
  timeouts: Timeouts;
  signal: AbortSignal;
}

/**
 * One way of reaching a model. Every call settles within its deadlines, with a result or a SpecloopError `llm_*`;
 * choosing the model, queueing, the circuit breaker and events are done above it.
 */
export interface Backend extends AsyncDisposable {
  readonly name: string;
  /** What the server has; rejects when it does not answer as a model server within `timeouts.connectMs`. */
  inventory(timeouts: Timeouts, signal: AbortSignal): Promise<Inventory>;
  generate(call: BackendCall): Promise<Generation>;
  embed(call: EmbedCall): Promise<number[][]>;
  /** Tokens of a prompt by the model's own tokenizer; null where it cannot be asked. Absent: it never can. */
  countTokens?(call: CountCall): Promise<number | null>;
}

export interface BackendDependencies {
  address: Address;
  /** Read at each call, so that no credential is kept. */
  token: () => string | undefined;
  clock: Clock;
  logger: Logger;
}
