import { z } from "zod";
import type { Output } from "../output.ts";
import { typed, type Reader } from "../wording.ts";

const processed = z.object({
  changeId: z.string(),
  questions: z.array(
    z.object({
      number: z.number(),
      path: z.string(),
      line: z.number(),
      text: z.string(),
      state: z.string(),
      answer: z.string().nullable(),
      answeredBy: z.string().nullable(),
    }),
  ),
  suggestions: z
    .object({
      questions: z.array(z.string()),
      improvements: z.array(z.object({ where: z.string(), what: z.string() })),
      model: z.string(),
    })
    .nullable(),
  note: z.string().nullable(),
});

const COLORS = { open: "yellow", asked: "cyan", suggested: "magenta", answered: "green", written: "green" } as const;

/** The open questions of a change with what became of them. */
export function processedView(result: unknown, output: Output, reader: Reader): string {
  const { changeId, questions, suggestions, note } = processed.parse(result);
  const rows = questions.map(({ number, state, text, path, line, answer, answeredBy }) => {
    const color = COLORS[state as keyof typeof COLORS] ?? "white";
    const said = answer === null ? "" : ` → ${answer} (${answeredBy ?? ""})`;
    return [String(number), output.style(color, state), `${path}:${line}`, `${text}${said}`];
  });
  const parts = [
    rows.length === 0 ? `${changeId} has no open question.` : output.table(["#", "STATE", "WHERE", "QUESTION"], rows),
  ];
  if (suggestions) {
    const { questions: more, improvements, model } = suggestions;
    const lines = [...more.map((text) => `- ${text}`), ...improvements.map(({ where, what }) => `- ${where}: ${what}`)];
    parts.push([output.style("bold", `Suggested by ${model}`), ...lines].join("\n"));
  }
  if (note !== null) parts.push(output.style("yellow", note));
  if (questions.some(({ state }) => state === "open")) {
    const command = typed(`specloop change questions ${changeId} --answer NUMBER --text "…"`, reader);
    parts.push(`Answer one: ${command}`);
  }
  return parts.join("\n\n");
}
