import type { Clock } from "../../foundation/clock.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Address } from "./address.ts";
import type { Inventory } from "./inventory.ts";
import type { Timeouts } from "./options.ts";
import type { GenerateRequest, Generation, ModelInfo } from "./port.ts";

/** One call as a backend gets it: everything decided, nothing optional but the schema. */
export interface BackendCall {
  request: GenerateRequest;
  model: ModelInfo;
  maxTokens: number;
  temperature: number;
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
}

export interface BackendDependencies {
  address: Address;
  /** Read at each call, so that no credential is kept. */
  token: () => string | undefined;
  clock: Clock;
  logger: Logger;
}
