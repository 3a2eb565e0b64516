import { SpecloopError } from "../foundation/errors.ts";
import { callTool, type CliContext, type ToolAnswer } from "./context.ts";

/** `docs/faq.md#Refunds`: a document, and the heading below which an answer goes. */
function placeOf(given: string): { path: string; heading?: string } {
  const [path = "", ...rest] = given.split("#");
  const heading = rest.join("#").trim();
  if (path.trim() === "") {
    throw new SpecloopError("bad_input", "--into takes a document, or PATH#HEADING.", { target: "--into" });
  }
  return { path: path.trim(), ...(heading !== "" && { heading }) };
}

/** Gives a question its answer. Throws what the daemon says: `already_answered`, `unknown_question`, `unknown_document`, … */
export function submitAnswer(
  context: CliContext,
  answer: { questionId: string; text: string; into?: string | undefined },
): Promise<ToolAnswer> {
  const { questionId, text, into } = answer;
  const place = into === undefined ? {} : { into: placeOf(into) };
  return callTool(context, "answer_submit", { questionId, text, ...place });
}
