/** One message of a conversation. */
export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface GenerateRequest {
  messages: Message[];
  /** What it is for: shows up in metrics and budgets (`loop.hypothesis`, `question.answer`). */
  purpose: string;
  /** JSON Schema (draft 7) that the answer has to have; validated by the caller, never trusted. */
  schema?: Record<string, unknown>;
  /** The model that is wanted; the configured one when absent. */
  model?: string;
  /** Tokens to generate at most. */
  maxTokens?: number;
  temperature?: number;
  /** Called with each piece of the text as it is written, the thoughts of models that write them into it included. */
  onText?: (piece: string) => void;
}

export interface Generation {
  /** The answer without reasoning. */
  text: string;
  reasoning: string;
  model: string;
  backend: string;
  tokensIn: number;
  tokensOut: number;
  /** Token counts were estimated by us because the server gave none. */
  estimated: boolean;
  ms: number;
}

export interface Embeddings {
  /** Vectors of different models cannot be compared; null where nothing was asked for. */
  model: string | null;
  /** In the order of the texts. */
  vectors: number[][];
}

export interface ModelInfo {
  id: string;
  kind: "chat" | "embedding" | "unknown";
  loaded: boolean;
  contextLength: number | null;
}

export interface LlmStatus {
  backend: string;
  reachable: boolean;
  /** Where it was looked for. */
  address: string | null;
  models: ModelInfo[];
  /** The model that will be used, null when none can. */
  model: string | null;
  message: string;
}

/**
 * A model that writes text. Every call settles: with a result, or with a SpecloopError whose code begins with `llm_`.
 * Calls have no side effect but their cost.
 */
export interface Llm extends AsyncDisposable {
  readonly backend: string;
  /** Looks whether and with what the backend answers, within two seconds; never throws. */
  status(signal: AbortSignal): Promise<LlmStatus>;
  generate(request: GenerateRequest, signal: AbortSignal): Promise<Generation>;
  /** One vector per text; `llm_no_model` when no embedding model serves. */
  embed(texts: string[], signal: AbortSignal): Promise<Embeddings>;
}
