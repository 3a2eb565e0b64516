import type { Clock } from "../../foundation/clock.ts";
import type { Emitter } from "../../foundation/events.ts";
import { sha256 } from "../../foundation/hash.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Live } from "../../foundation/options.ts";
import { parseAddress } from "./address.ts";
import type { Backend, BackendDependencies } from "./backend.ts";
import { createLmStudioBackend } from "./lmstudio.ts";
import { ManagedLlm } from "./managed.ts";
import { createNoBackend } from "./none.ts";
import { createOpenAiBackend } from "./openai.ts";
import type { LlmOptions } from "./options.ts";
import type { Llm } from "./port.ts";
import type { LoadSdk } from "./sdk-session.ts";
import { Selection } from "./selection.ts";

export interface LlmDependencies {
  options: Live<LlmOptions>;
  /** Where `LM_API_TOKEN` and the variable named by `llm.apiKeyEnv` are read at each call. */
  env: Readonly<Record<string, string | undefined>>;
  events: Emitter;
  clock: Clock;
  logger: Logger;
  /** Loads LM Studio's own client; default: the optional package `@lmstudio/sdk`. */
  loadSdk?: LoadSdk;
}

type Make = (dependencies: BackendDependencies, loadSdk: LoadSdk | undefined) => Backend[];

/** Every value of `llm.backend` and who may serve it, best first. */
const BACKENDS: Record<LlmOptions["backend"], Make> = {
  auto: (dependencies, loadSdk) => [createLmStudioBackend(dependencies, loadSdk), createOpenAiBackend(dependencies)],
  lmstudio: (dependencies, loadSdk) => [createLmStudioBackend(dependencies, loadSdk)],
  openai: (dependencies) => [createOpenAiBackend(dependencies)],
  none: () => [createNoBackend()],
};

/** The model client that rooms use. Opens nothing until it is called, and follows the options while it lives. */
export function createLlm({ options, env, events, clock, logger, loadSdk }: LlmDependencies): Llm {
  const selection = new Selection(clock, (current) =>
    BACKENDS[current.backend](
      { address: parseAddress(current.baseUrl, env), token: () => tokenFor(options.current, env), clock, logger },
      loadSdk,
    ),
  );
  // Another address, key or kind is another backend; the key goes in as a hash, so that it is not kept.
  const keyOf = (current: LlmOptions) =>
    sha256(JSON.stringify([current.backend, current.baseUrl, tokenFor(current, env) ?? ""]));
  return new ManagedLlm({ options, events, clock, selection, keyOf });
}

function tokenFor({ backend, apiKeyEnv }: LlmOptions, env: LlmDependencies["env"]): string | undefined {
  const named = apiKeyEnv === undefined ? undefined : env[apiKeyEnv];
  return named || (backend === "openai" ? undefined : env["LM_API_TOKEN"]) || undefined;
}
