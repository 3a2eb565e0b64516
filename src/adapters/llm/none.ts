import { SpecloopError } from "../../foundation/errors.ts";
import type { Backend } from "./backend.ts";

async function refuse(): Promise<never> {
  throw new SpecloopError("llm_none", "No model is configured (llm.backend is none).");
}

/** No model: every call says so, and everything that needs none goes on. */
export function createNoBackend(): Backend {
  return { name: "none", inventory: refuse, generate: refuse, embed: refuse, [Symbol.asyncDispose]: async () => {} };
}
