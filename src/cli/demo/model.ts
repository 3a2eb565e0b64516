import { startFakeLmStudio, type FakeContext, type FakeReply } from "../../adapters/llm/index.ts";

/** The model that the demo uses, and how it is called in the output. */
export interface DemoModel {
  url: string;
  name: string;
  close(): Promise<void>;
}

const USUAL_ADDRESS = "http://127.0.0.1:1234";

/** A real LM Studio where one answers (or is named); otherwise specloop's own fake, named as such. */
export async function chooseModel(env: Record<string, string | undefined>): Promise<DemoModel> {
  const named = env["LM_STUDIO_BASE_URL"];
  const close = async () => {};
  if (named) return { url: named, name: `the server at ${named} (LM_STUDIO_BASE_URL)`, close };
  if (await answers(USUAL_ADDRESS)) return { url: USUAL_ADDRESS, name: `LM Studio at ${USUAL_ADDRESS}`, close };
  const fake = await startFakeLmStudio({ respond });
  const name = `specloop's own FAKE LM Studio at ${fake.url}: no LM Studio answers, so its words are scripted`;
  return { url: fake.url, name, close: async () => fake[Symbol.asyncDispose]() };
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/lmstudio-greeting`, { signal: AbortSignal.timeout(1000) });
    return response.ok && ((await response.json()) as { lmstudio?: boolean }).lmstudio === true;
  } catch {
    return false;
  }
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
