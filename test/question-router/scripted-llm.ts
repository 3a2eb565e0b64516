import type { Embeddings, GenerateRequest, Generation, Llm, LlmStatus } from "../../src/adapters/llm/index.ts";
import { SpecloopError } from "../../src/foundation/errors.ts";

/** A model that says what the test tells it to. */
export class ScriptedLlm implements Llm {
  readonly backend = "scripted";
  readonly requests: GenerateRequest[] = [];
  readonly #say: (request: GenerateRequest, signal: AbortSignal) => Promise<string>;

  constructor(say: (request: GenerateRequest, signal: AbortSignal) => Promise<string>) {
    this.#say = say;
  }

  status(): Promise<LlmStatus> {
    return Promise.resolve({
      backend: this.backend,
      reachable: true,
      address: null,
      models: [],
      model: "scripted",
      message: "ready",
    });
  }

  async generate(request: GenerateRequest, signal: AbortSignal): Promise<Generation> {
    this.requests.push(request);
    const text = await this.#say(request, signal);
    return {
      text,
      reasoning: "",
      model: "scripted",
      backend: this.backend,
      tokensIn: 1,
      tokensOut: 1,
      estimated: true,
      ms: 1,
    };
  }

  embed(): Promise<Embeddings> {
    return Promise.reject(new SpecloopError("llm_no_model", "This model does not embed."));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The structured answer that the router asks a model for. */
export function modelAnswer(answer: string, quotes: { passage: number; text: string }[], confidence = 0.9): string {
  return JSON.stringify({ answerable: answer !== "", answer, confidence, quotes, done: true });
}

/** The number under which a prompt shows the passage of a document. */
export function passageNumber({ messages }: GenerateRequest, path: string): number {
  const prompt = messages.map(({ content }) => content).join("\n");
  const label = [...prompt.matchAll(/passage (\d+): (\S+)/g)].find(([, , place]) => place === path);
  if (!label) throw new Error(`the prompt shows no passage of ${path}`);
  return Number(label[1]);
}
