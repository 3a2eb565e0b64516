import { z } from "zod";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import type { ChangeProcessor } from "./processor.ts";

const question = z.object({
  number: z.int(),
  path: z.string(),
  line: z.int(),
  text: z.string(),
  state: z.enum(["open", "asked", "suggested", "answered", "written"]),
  questionId: z.string().nullable(),
  answer: z.string().nullable(),
  answeredBy: z.string().nullable(),
});
const processed = z.object({
  changeId: z.string(),
  root: z.string(),
  questions: z.array(question),
  suggestions: z
    .object({
      questions: z.array(z.string()),
      improvements: z.array(z.object({ where: z.string(), what: z.string() })),
      model: z.string(),
      at: z.number(),
    })
    .nullable(),
  note: z.string().nullable(),
});

/** The tool around the open questions of a change. */
export function tools(processor: ChangeProcessor): Tool[] {
  return [
    defineTool({
      name: "change_process",
      title: "Work through a change's open questions",
      description:
        "Lists the open questions of a change's documents; asks them, writes a person's answer below its question (an agent's is a suggestion), or lets the model suggest questions and improvements.",
      input: z.object({
        id: z.string().min(1).max(300),
        root: z.string().max(500).optional(),
        ask: z
          .union([z.array(z.int().min(1)).max(100), z.literal("all")])
          .optional()
          .describe("Numbers of questions to ask"),
        answer: z.object({ question: z.int().min(1), text: z.string().min(1).max(20_000) }).optional(),
        accept: z.int().min(1).optional().describe("Takes over a suggested answer; people only"),
        suggest: z.boolean().optional(),
      }),
      output: processed,
      effect: "write",
      toolset: "full",
    }).handle({
      run: async (input, { principal, signal }) => processor.process({ ...input, principal, signal }),
      render: ({ changeId, questions, suggestions, note }) => {
        const asked = questions.map(
          ({ number, path, line, text, state, answer }) =>
            `${number}. [${state}] ${text} (${path}:${line})${answer === null ? "" : `\n   ${answer}`}`,
        );
        const ideas = suggestions?.improvements.map(({ where, what }) => `- ${where}: ${what}`) ?? [];
        const more = suggestions?.questions.map((text) => `- ${text}`) ?? [];
        const none = questions.length === 0 ? [`${changeId} has no open question.`] : [];
        const suggested = suggestions ? [`Suggested by ${suggestions.model}:`, ...more, ...ideas] : [];
        return [...none, ...asked, ...suggested, ...(note === null ? [] : [`! ${note}`])].join("\n");
      },
    }),
  ];
}
