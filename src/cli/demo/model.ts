import { startFakeLmStudio, type FakeContext, type FakeReply } from "../../adapters/llm/index.ts";

/** The model that the demo uses, and how it is called in the output. */
export interface DemoModel {
  url: string;
  name: string;
  close(): Promise<void>;
}

const USUAL_ADDRESS = "http://127.0.0.1:1234";

/** The server that LM_STUDIO_BASE_URL names, or LM Studio at its usual address; where none answers, our own fake. */
export async function chooseModel(env: Record<string, string | undefined>): Promise<DemoModel> {
  const named = env["LM_STUDIO_BASE_URL"];
  const url = named || USUAL_ADDRESS;
  if (await answers(url)) return { url, name: `the model server at ${url}`, close: async () => {} };
  const fake = await startFakeLmStudio({ respond });
  const name = `specloop's own FAKE LM Studio at ${fake.url}: nothing answers at ${url}, so its words are scripted`;
  return { url: fake.url, name, close: async () => fake[Symbol.asyncDispose]() };
}

/** LM Studio greets; any other OpenAI-compatible server lists its models. */
async function answers(url: string): Promise<boolean> {
  const base = url.replace(/^ws/, "http").replace(/\/+$/, "");
  for (const path of ["/lmstudio-greeting", "/v1/models"]) {
    try {
      const response = await fetch(base + path, { signal: AbortSignal.timeout(1000) });
      if (response.ok && typeof (await response.json()) === "object") return true;
    } catch {
      // Nobody there, or nobody who speaks JSON: the next address, or none.
    }
  }
  return false;
}

/**
 * What a sensible model would say to the loop: it follows the evidence that the prompt gives for the first candidate.
 * To anything else it says that it does not know.
 */
function respond({ messages }: FakeContext): FakeReply {
  const prompt = messages.map(({ content }) => content).join("\n");
  const suggested = /the evidence speaks for ([\d.]+)/.exec(prompt)?.[1];
  if (suggested === undefined) return "I do not know.";
  const metric = /(\d+)\. question\.documents_answered/.exec(prompt)?.[1] ?? "1";
  const why = "Known answers are declined although the documents hold them; the replayed questions show it.";
  const hypothesis = { why, candidate: 1, value: Number(suggested), metric: Number(metric), minimumEffect: 0.05 };
  return { hypotheses: [hypothesis], done: true };
}
