import type { Message } from "../port.ts";

/** One model that the fake server has. */
export interface FakeModel {
  id: string;
  kind: "chat" | "embedding";
  loaded: boolean;
  contextLength: number;
}

/** What a scripted answer is made from. */
export interface FakeContext {
  messages: Message[];
  /** The schema as it arrived on the wire. */
  schema: Record<string, unknown> | undefined;
  model: string;
  /** How the request came. */
  via: "ws" | "http";
  /** 1 for the first prediction of this server, 2 for the second … */
  call: number;
}

/** Text, text with reasoning, or a value that is sent as JSON. */
export type FakeReply = string | { content: string; reasoning?: string } | Record<string, unknown>;

/** One prediction, embedding or load that the server has begun to execute. */
export interface FakeRequest {
  kind: "generate" | "embed" | "load";
  via: "ws" | "http";
  model: string;
  messages: Message[];
  schema: Record<string, unknown> | undefined;
  maxTokens: number | undefined;
  temperature: number | undefined;
  /** The whole request as it arrived. */
  raw: unknown;
  cancelled: boolean;
}

/** What goes wrong; each may be changed while the server runs and counts for requests from then on. */
export interface FakeFaults {
  auth?: "refuse" | "hang" | undefined;
  /** Milliseconds before the first token. */
  firstTokenMs?: number | undefined;
  /** Progress messages while the prompt is processed: how many, and the milliseconds between them. */
  promptProgress?: { count: number; everyMs: number } | undefined;
  /** Begins the answer and then: says nothing more, cuts the connection, or reports a crash of the model. */
  midStream?: "stall" | "die" | "crash" | undefined;
  /** Cuts the connection after it said that the prediction succeeded, before it closed the channel. */
  dieAfterSuccess?: boolean | undefined;
  /** Accepts connections and bytes and answers nothing at all. */
  frozen?: boolean | undefined;
  /** Closes the channel without saying that the prediction succeeded. */
  closeWithoutSuccess?: boolean | undefined;
  /** Answers in a shape that the client does not know: inventory questions, or predictions. */
  wrongShape?: "rpc" | "predict" | undefined;
  ignoreCancel?: boolean | undefined;
  /** That many answers are not JSON although JSON was asked for. */
  garbage?: number | undefined;
  empty?: boolean | undefined;
  /** Stops half-way and says so. */
  truncated?: boolean | undefined;
  /** Puts the answer into the reasoning. */
  inReasoning?: boolean | undefined;
  /** HTTP: answers 200 with `{"error": …}`. */
  errorBody?: string | undefined;
  /** Streams this many megabytes. */
  floodMegabytes?: number | undefined;
  /** Lists its models as loaded and refuses to predict with them. */
  modelGone?: boolean | undefined;
  /** Says that it has read that many tokens of the prompt, as servers do that cut it. */
  reportedPromptTokens?: number | undefined;
  /** HTTP: answers without a stream although one was asked for. */
  noStream?: boolean | undefined;
  /** Embeddings: never answers, answers an error, or vectors of nothing but zeros. */
  embeddings?: "hang" | "error" | "zeros" | undefined;
}

export interface FakeOptions {
  /** 0 takes a free one. */
  port?: number;
  /** Answers; default: the smallest value that fits the schema, or a sentence. */
  respond?: (context: FakeContext) => FakeReply | Promise<FakeReply>;
  models?: FakeModel[];
  /** Vector of a text; default: by its letter trigrams. */
  embed?: (text: string) => number[];
  faults?: FakeFaults;
  /** A token `sk-lm-xxxxxxxx:…` that requests must bear. */
  token?: string;
}

/** A server on 127.0.0.1 that speaks LM Studio's WebSocket protocol and HTTP interface. */
export interface FakeLmStudio extends AsyncDisposable {
  readonly url: string;
  readonly wsUrl: string;
  readonly port: number;
  /** What was begun, in order. */
  readonly requests: FakeRequest[];
  faults: FakeFaults;
  models: FakeModel[];
  respond: NonNullable<FakeOptions["respond"]>;
  embed: NonNullable<FakeOptions["embed"]>;
  /** Quits as LM Studio does: every connection breaks, nobody listens any more. */
  stop(): Promise<void>;
  /** Listens on the same port again. */
  restart(): Promise<void>;
}
