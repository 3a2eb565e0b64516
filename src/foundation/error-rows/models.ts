import type { ErrorRow } from "./row.ts";

/** Model servers. */
export const models = {
  llm_unreachable: {
    http: 503,
    exit: 69,
    means: "No model server answers at the configured address.",
    fix: "Start LM Studio's server, or set llm.baseUrl; everything but model steps works without.",
  },
  llm_no_model: {
    http: 503,
    exit: 69,
    means: "The model server has no usable model loaded.",
    fix: "Load a model in LM Studio, or set llm.model to one that it lists.",
  },
  llm_auth: {
    http: 502,
    exit: 77,
    means: "The model server refused the credentials.",
    fix: "Set LM_API_TOKEN (LM Studio) or llm.apiKeyEnv to a variable with a valid key.",
  },
  llm_timeout: {
    http: 504,
    exit: 75,
    means: "The model did not answer in time.",
    fix: "Raise llm.timeouts, or use a smaller model.",
  },
  llm_interrupted: {
    http: 502,
    exit: 75,
    means: "The connection to the model broke before the answer was complete.",
    fix: "Call again; the partial text is in the details.",
  },
  llm_cancelled: { http: 499, exit: 75, means: "The caller cancelled the model call.", fix: "Nothing to do." },
  llm_context_overflow: {
    http: 413,
    exit: 65,
    means: "The prompt does not fit the model's context.",
    fix: "Load the model with a larger context, or lower llm.maxPromptTokens.",
  },
  llm_truncated: {
    http: 502,
    exit: 75,
    means: "The model reached its token limit before it finished.",
    fix: "Raise llm.maxTokens.",
  },
  llm_empty: { http: 502, exit: 75, means: "The model answered with nothing.", fix: "Try again or use another model." },
  llm_invalid_output: {
    http: 502,
    exit: 65,
    means: "The model's answer does not have the shape that was asked for.",
    fix: "Use a model that is better at structured output; the raw text is in the details.",
  },
  llm_protocol: {
    http: 502,
    exit: 76,
    means: "The model server answered something that its protocol does not allow.",
    fix: "Update LM Studio, or use its OpenAI-compatible address with llm.backend: openai.",
  },
  llm_overloaded: {
    http: 503,
    exit: 75,
    means: "The model server has too much to do.",
    fix: "Try again in a moment, or lower llm.concurrency.",
  },
  llm_none: {
    http: 503,
    exit: 69,
    means: "No model is configured.",
    fix: "Set llm.backend in specloop.yaml; everything but model steps works without.",
  },
} as const satisfies Record<string, ErrorRow>;
