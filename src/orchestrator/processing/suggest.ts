import { z } from "zod";
import { generateStructured, neutralise, wrapUntrusted, type Llm, type Untrusted } from "../../adapters/llm/index.ts";
import type { Suggestions } from "./port.ts";

const answer = z.object({
  questions: z.array(z.string().describe("One question that the documents leave open, at most 30 words.")).max(5),
  improvements: z
    .array(
      z.object({
        document: z.int().describe("Number of one of the documents."),
        what: z.string().describe("What to make better there, at most 40 words."),
      }),
    )
    .max(5),
  done: z.literal(true),
});

const MAX_DOCUMENT = 8_000;
const MAX_WORDS = 400;

export interface SuggestRequest {
  documents: Untrusted[];
  maxTokens: number;
  now: number;
}

/**
 * What a model would ask about a change and make better in it. The documents are data to it, and its answer is data to
 * us: shown to people, never carried out. Throws what the model's backend throws.
 */
export async function suggest(
  llm: Llm,
  { documents, maxTokens, now }: SuggestRequest,
  signal: AbortSignal,
): Promise<Suggestions> {
  const shown = documents.map(({ label, text }) => ({ label, text: text.slice(0, MAX_DOCUMENT) }));
  const { block, rule } = wrapUntrusted(shown);
  const messages = [
    {
      role: "system" as const,
      content: `You review a proposed change to a software system before people approve it. Name questions that must be answered before it is built and that the documents leave open, and improvements of the documents. Name none if there are none. ${rule}`,
    },
    { role: "user" as const, content: `The documents, numbered from 1 in this order:\n${block}` },
  ];
  const request = { messages, purpose: "change.suggest", maxTokens, temperature: 0 };
  const { value, model } = await generateStructured(llm, { request, schema: answer, signal });
  return {
    questions: value.questions.map(brief).filter((text) => text !== ""),
    improvements: value.improvements.flatMap(({ document, what }) => {
      const where = documents[document - 1]?.label;
      return where === undefined || brief(what) === "" ? [] : [{ where, what: brief(what) }];
    }),
    model,
    at: now,
  };
}

function brief(text: string): string {
  return neutralise(text).replaceAll(/\s+/g, " ").trim().slice(0, MAX_WORDS);
}
