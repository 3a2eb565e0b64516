import { estimatePrompt, estimateTokens } from "../estimate.ts";
import { record } from "../inventory.ts";
import { minimalInstance } from "./instance.ts";
import type { FakeContext, FakeFaults, FakeModel, FakeOptions, FakeReply, FakeRequest } from "./types.ts";

/** What the two doors of the fake server share. */
export interface FakeState {
  faults: FakeFaults;
  models: FakeModel[];
  respond: NonNullable<FakeOptions["respond"]>;
  embed: NonNullable<FakeOptions["embed"]>;
  readonly requests: FakeRequest[];
  readonly token: string | undefined;
}

export const DEFAULT_MODELS: FakeModel[] = [
  { id: "example-7b-instruct", kind: "chat", loaded: true, contextLength: 32_768 },
  { id: "text-embedding-example", kind: "embedding", loaded: true, contextLength: 2048 },
];

/** What will be streamed. */
export interface Performance {
  pieces: { kind: "text" | "reasoning"; content: string }[];
  stop: "eosFound" | "maxPredictedTokensReached";
  tokensIn: number;
  tokensOut: number;
}

/** Notes a prediction, asks the script for the answer and applies the faults that change what is said. */
export async function perform(state: FakeState, request: FakeRequest): Promise<Performance> {
  state.requests.push(request);
  const call = state.requests.filter(({ kind }) => kind === "generate").length;
  const { messages, schema, model, via } = request;
  const { content, reasoning } = asParts(await state.respond({ messages, schema, model, via, call }));
  const said = spoil(state.faults, content, schema !== undefined);
  const limit = (request.maxTokens ?? Infinity) * 4;
  const cut = state.faults.truncated ? Math.floor(said.length / 2) : limit;
  const text = said.slice(0, cut);
  const thought = state.faults.inReasoning ? reasoning + text : reasoning;
  return {
    pieces: [...pieces("reasoning", thought), ...pieces("text", state.faults.inReasoning ? "" : text)],
    stop: text.length < said.length ? "maxPredictedTokensReached" : "eosFound",
    tokensIn: state.faults.reportedPromptTokens ?? estimatePrompt(messages),
    tokensOut: estimateTokens(thought + text),
  };
}

/** The smallest value that fits the schema, or a sentence. */
export function defaultReply({ schema, messages }: FakeContext): FakeReply {
  if (schema) return record(minimalInstance(schema)) ?? {};
  const asked = messages.findLast(({ role }) => role === "user")?.content ?? "";
  return `The example model has read ${asked.length} characters and has nothing to add.`;
}

function asParts(reply: FakeReply): { content: string; reasoning: string } {
  if (typeof reply === "string") return { content: reply, reasoning: "" };
  const { content, reasoning } = reply;
  const spoken =
    typeof content === "string" && Object.keys(reply).every((key) => key === "content" || key === "reasoning");
  if (spoken) return { content, reasoning: typeof reasoning === "string" ? reasoning : "" };
  return { content: JSON.stringify(reply), reasoning: "" };
}

function spoil(faults: FakeFaults, content: string, structured: boolean): string {
  if (faults.empty) return "";
  if (!structured || !faults.garbage) return content;
  faults.garbage -= 1;
  return "I would rather not answer in JSON today.";
}

function pieces(kind: "text" | "reasoning", content: string): Performance["pieces"] {
  return (content.match(/[\s\S]{1,24}/g) ?? []).map((piece) => ({ kind, content: piece }));
}
