import type { Command } from "commander";
import { callTool } from "../context.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Bind } from "../bind.ts";
import { numberOption } from "../number-option.ts";
import { askedView } from "../views/question.ts";

export function registerAsk(program: Command, bind: Bind): void {
  program
    .command("ask")
    .description("ask a question; answered from the cache, the documents or a model, else it waits for somebody")
    .argument("<text...>", "the question")
    .option("--kind <kind>", "fact, how_to, decision, authority or status")
    .option("--change <id>", "the change it is about")
    .option("--session <name>", 'questions asked with the same name follow each other: "And of the other one?"')
    .option("--wait <seconds>", "how long to wait for an answer, at most 25", "0")
    .option("--deadline <time>", "when it expires without an answer: 30s, 90m, 12h, 30d")
    .option("--budget-usd <usd>", "the most that answering may cost; who would exceed it is not asked")
    .option("--budget-tokens <n>", "the most tokens that answering may use")
    .option("--quorum <n>", "ask this many agents (2 to 5), of whom more than half must agree")
    .option("--choices <answers>", "the only answers there are, with | between them")
    .action(
      bind(async (context, words, options) => {
        const { wait, session, ...given } = options as unknown as Given;
        if (session !== undefined) context.session = sessionName(session);
        const input = {
          text: words.join(" "),
          waitMs: Math.round(numberOption("--wait", wait) * 1000),
          ...about(given),
        };
        const terms = termsOf(given);
        const tool = Object.keys(terms).length > 0 ? "question_ask_on_terms" : "question_ask";
        const answer = await callTool(context, tool, { ...input, ...terms });
        context.output.result(answer.output, () => askedView(answer.output, context.output, context));
      }),
    );
}

interface Given {
  wait: string;
  session?: string;
  kind?: string;
  change?: string;
  deadline?: string;
  budgetUsd?: string;
  budgetTokens?: string;
  quorum?: string;
  choices?: string;
}

function about({ kind, change }: Omit<Given, "wait" | "session">): { kind?: string; change?: string } {
  return { ...(kind && { kind }), ...(change && { change }) };
}

/** What was said about how it is to be answered; empty for a plain question. */
function termsOf({
  deadline,
  budgetUsd,
  budgetTokens,
  quorum,
  choices,
}: Omit<Given, "wait" | "session">): Record<string, unknown> {
  const usd = budgetUsd === undefined ? {} : { usd: numberOption("--budget-usd", budgetUsd) };
  const tokens = budgetTokens === undefined ? {} : { tokens: numberOption("--budget-tokens", budgetTokens) };
  const budget = { ...usd, ...tokens };
  return {
    ...(deadline !== undefined && { deadlineMs: milliseconds(deadline) }),
    ...(Object.keys(budget).length > 0 && { budget }),
    ...(quorum !== undefined && { quorum: numberOption("--quorum", quorum) }),
    ...(choices !== undefined && { choices: choices.split("|").map((choice) => choice.trim()) }),
  };
}

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function milliseconds(text: string): number {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number !== undefined && unit !== undefined) return Number(number) * UNITS[unit as keyof typeof UNITS];
  throw new SpecloopError("bad_input", `--deadline takes a time, not "${text.slice(0, 40)}".`, {
    target: "--deadline",
    fix: "Write 30s, 90m, 12h or 30d.",
  });
}

function sessionName(text: string): string {
  const name = text.trim();
  if (name !== "" && name.length <= 200) return name;
  throw new SpecloopError("bad_input", "--session takes a name of 1 to 200 characters.", { target: "--session" });
}
