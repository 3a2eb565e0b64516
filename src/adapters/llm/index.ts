export { createLlm, type LlmDependencies } from "./create.ts";
export { options, type LlmOptions } from "./options.ts";
export type { GenerateRequest, Generation, Llm, LlmStatus, Message, ModelInfo } from "./port.ts";
export { generateStructured, type StructuredCall, type StructuredResult } from "./structured.ts";
export { neutralise, wrapUntrusted, type Untrusted, type UntrustedBlock } from "./untrusted.ts";
export {
  startFakeLmStudio,
  type FakeContext,
  type FakeLmStudio,
  type FakeOptions,
  type FakeReply,
} from "./fake/index.ts";
