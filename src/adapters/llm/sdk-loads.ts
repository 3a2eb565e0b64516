import type { LMStudioClient } from "@lmstudio/sdk";
import type { LoadSettings } from "./backend.ts";
import { untilAborted, type Watchdog } from "./watchdog.ts";

interface Load {
  identifier: Promise<string>;
  /** Told of progress: everybody who waits. */
  listeners: Set<() => void>;
}

/** Loads models by name, explicitly, because LM Studio evicts those that it loads by itself. */
export class ModelLoads {
  readonly #client: LMStudioClient;
  readonly #running = new Map<string, Load>();

  constructor(client: LMStudioClient) {
    this.#client = client;
  }

  /**
   * The identifier under which the model is loaded; one load for all who ask meanwhile, which goes on when one of them
   * gives up. Progress re-arms the watchdog.
   */
  async load(wish: LoadSettings & { key: string }, watchdog: Watchdog, signal: AbortSignal): Promise<string> {
    const load = this.#running.get(wish.key) ?? this.#begin(wish);
    const progress = () => watchdog.progress();
    load.listeners.add(progress);
    try {
      return await untilAborted(load.identifier, signal);
    } finally {
      load.listeners.delete(progress);
    }
  }

  #begin({ key, ttlSeconds, contextLength }: LoadSettings & { key: string }): Load {
    const listeners = new Set<() => void>();
    const onProgress = () => {
      for (const listener of listeners) listener();
    };
    const model = this.#client.llm.load(key, {
      verbose: false,
      ttl: ttlSeconds,
      onProgress,
      ...(contextLength !== null && { config: { contextLength } }),
    });
    const load = { identifier: model.then(({ identifier }) => identifier), listeners };
    this.#running.set(key, load);
    const forget = () => void this.#running.delete(key);
    load.identifier.then(forget, forget);
    return load;
  }
}
