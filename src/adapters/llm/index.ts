export { createLlm, type LlmDependencies } from "./create.ts";
export { options, type LlmOptions } from "./options.ts";
export type { Embeddings, GenerateRequest, Generation, Llm, LlmStatus, Message, ModelInfo } from "./port.ts";
export { estimateTokens } from "./estimate.ts";
export { generateStructured, type StructuredCall, type StructuredResult } from "./structured.ts";
export { neutralise, wrapUntrusted, type Untrusted, type UntrustedBlock } from "./untrusted.ts";
export {
  startFakeLmStudio,
  type FakeContext,
  type FakeLmStudio,
  type FakeOptions,
  type FakeReply,
} from "./fake/index.ts";
