import type { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { extractJson } from "./extract.ts";
import type { GenerateRequest, Generation, Llm } from "./port.ts";
import { wireSchema } from "./wire-schema.ts";

export interface StructuredCall<Schema extends z.ZodType> {
  request: Omit<GenerateRequest, "schema">;
  /**
   * What the answer has to be. The caller's duties: end every object schema with a required `done: z.literal(true)`, so
   * that an answer that a server cut off without saying so is never taken for whole; and ask for names and ids out of a
   * list, with forward slashes, because models forget to double backslashes and `"C:\new"` is valid JSON of another text.
   */
  schema: Schema;
  signal: AbortSignal;
}

export interface StructuredResult<T> {
  value: T;
  /** 1, or 2 when the first answer had to be corrected. */
  attempts: number;
  /** Sums over the attempts. */
  tokensIn: number;
  tokensOut: number;
  ms: number;
  model: string;
  backend: string;
}

/** Characters of a wrong answer that the model is shown again. */
const MAX_SHOWN = 6000;
/** Problems that it is told of. */
const MAX_PROBLEMS = 8;

/**
 * Asks for an answer of a given shape: the server is constrained by a simplified schema, the answer is cut out of fences
 * and prose, parsed, repaired in its syntax alone, and checked with zod; if it does not fit, the model gets one chance
 * to correct it. Errors: what `generate` throws, and `llm_invalid_output` with the raw text in `details.raw`. An answer
 * that was cut off is `llm_truncated` and never repaired.
 */
export async function generateStructured<Schema extends z.ZodType>(
  llm: Pick<Llm, "generate">,
  { request, schema, signal }: StructuredCall<Schema>,
): Promise<StructuredResult<z.output<Schema>>> {
  const constrained = { ...request, schema: wireSchema(schema) };
  const first = await llm.generate(constrained, signal);
  const reading = readAnswer(schema, first.text);
  if (reading.fits) return result(reading.value, [first]);
  const second = await correct(llm, constrained, { raw: first.text, problems: reading.problems }, signal);
  const corrected = readAnswer(schema, second.text);
  if (corrected.fits) return result(corrected.value, [first, second]);
  throw invalid(second.text, corrected.problems, 2);
}

interface Miss {
  raw: string;
  problems: string[];
}

async function correct(
  llm: Pick<Llm, "generate">,
  request: GenerateRequest,
  { raw, problems }: Miss,
  signal: AbortSignal,
): Promise<Generation> {
  const list = problems.map((problem) => `- ${problem}`).join("\n");
  try {
    return await llm.generate(
      {
        ...request,
        messages: [
          ...request.messages,
          { role: "assistant", content: raw.slice(0, MAX_SHOWN) },
          {
            role: "user",
            content: `This answer does not have the required shape:\n${list}\nAnswer again with the whole corrected JSON and nothing else.`,
          },
        ],
      },
      signal,
    );
  } catch (error) {
    // Only the longer prompt of the correction did not fit: what went wrong is the first answer.
    if (error instanceof SpecloopError && error.code === "llm_context_overflow") throw invalid(raw, problems, 1);
    throw error;
  }
}

type Reading<T> = { fits: true; value: T } | { fits: false; problems: string[] };

function readAnswer<Schema extends z.ZodType>(schema: Schema, raw: string): Reading<z.output<Schema>> {
  let problems: string[] | null = null;
  for (const candidate of extractJson(raw)) {
    const parsed = schema.safeParse(candidate);
    if (parsed.success) return { fits: true, value: parsed.data };
    problems ??= parsed.error.issues
      .slice(0, MAX_PROBLEMS)
      .map(({ path, message }) => `${path.join(".") || "the answer"}: ${message}`);
  }
  return { fits: false, problems: problems ?? ["There is no JSON in it."] };
}

function invalid(raw: string, problems: string[], attempts: number): SpecloopError {
  return new SpecloopError(
    "llm_invalid_output",
    `The model's answer does not have the required shape: ${problems.slice(0, 3).join("; ")}`,
    {
      details: { raw, problems, attempts },
    },
  );
}

function result<T>(value: T, generations: Generation[]): StructuredResult<T> {
  const sum = (pick: (generation: Generation) => number) =>
    generations.reduce((total, generation) => total + pick(generation), 0);
  const last = generations.at(-1);
  return {
    value,
    attempts: generations.length,
    tokensIn: sum(({ tokensIn }) => tokensIn),
    tokensOut: sum(({ tokensOut }) => tokensOut),
    ms: sum(({ ms }) => ms),
    model: last?.model ?? "",
    backend: last?.backend ?? "",
  };
}
