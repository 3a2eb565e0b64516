import { z } from "zod";

const MAX_CHARACTERS = 64 * 1024;
/** A pattern of the definition's author would be run over text that others wrote, and may take for ever. */
const REFUSED = ["pattern", "patternProperties"];

/** The field in which a definition says what JSON an answer has to be. */
export const answerSchema = z
  .record(z.string(), z.unknown())
  .superRefine((schema, context) => {
    const problem = problemOf(schema);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  })
  .optional()
  .describe("JSON Schema that the answer has to have, without patterns");

/** What checks an answer; the schema was checked with its definition. */
export function answerCheck(schema: Record<string, unknown>): z.ZodType {
  return z.fromJSONSchema(schema);
}

function problemOf(schema: Record<string, unknown>): string | null {
  const text = JSON.stringify(schema);
  if (text.length > MAX_CHARACTERS) return `the schema has more than ${MAX_CHARACTERS} characters`;
  const named = REFUSED.find((word) => text.includes(`"${word}":`));
  if (named !== undefined)
    return `${named} is not taken in the schema of an answer; use enum, or check with a condition`;
  try {
    z.fromJSONSchema(schema);
    return null;
  } catch (error) {
    return `this is no JSON Schema that can be checked: ${error instanceof Error ? error.message : String(error)}`;
  }
}
