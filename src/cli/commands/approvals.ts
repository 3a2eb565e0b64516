import type { Command } from "commander";
import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Bind } from "../bind.ts";
import { callTool, type CliContext } from "../context.ts";
import { numberOption } from "../number-option.ts";
import { approvalShape, approvalTable, approvalView, openDiff } from "../views/approval.ts";

const reviewed = z.object({ approval: approvalShape, diff: z.string() });

/** What waits for a person, and a person's words on it that approve nothing. */
export function registerApprovals(program: Command, bind: Bind): void {
  const approvals = program.command("approvals").description("what waits for a person's yes, and what was said");
  approvals
    .command("list", { isDefault: true })
    .description("what waits; --all: everything, newest first")
    .option("--all", "what was decided as well")
    .option("--limit <n>", "how many", "20")
    .allowExcessArguments(true)
    .action(
      bind(async (context, [unknown], options) => {
        if (unknown !== undefined) throw unknownWord(unknown);
        const limit = numberOption("--limit", String(options["limit"]));
        const states = options["all"] ? {} : { states: ["open", "changes_requested", "approved"] };
        const { output } = await callTool(context, "approval_list", { limit, ...states });
        context.output.result(output, () => approvalTable(output, context.output));
      }),
    );
  approvals
    .command("show")
    .description("one request: the diff, what it is bound to, who may say yes, what was said")
    .argument("<id>", "an approval's id")
    .action(
      bind(async (context, [id]) => {
        const { output } = await callTool(context, "approval_review", { id });
        const { approval, diff } = reviewed.parse(output);
        const text = () =>
          `${approvalView(approval, context.output, context)}\n\n${openDiff(diff, context.output)}`.trimEnd();
        context.output.result(output, text);
      }),
    );
  registerWord(approvals, bind, "comment");
  registerWord(approvals, bind, "request-changes");
  program
    .command("reject")
    .description("reject what waits for approval, with the reason that its proposer is told")
    .argument("<id>", "an approval's id")
    .requiredOption("--reason <why>", "why")
    .action(
      bind(async (context, [id], options) => say(context, { id, decision: "reject", comment: options["reason"] })),
    );
}

function registerWord(approvals: Command, bind: Bind, word: "comment" | "request-changes"): void {
  const summary = word === "comment" ? "remark on it; nothing is decided" : "send it back to be revised";
  approvals
    .command(word)
    .description(summary)
    .argument("<id>", "an approval's id")
    .argument("<text...>", "what should be otherwise")
    .option("--at <place>", "path:line or path:first-last of the proposed text")
    .action(
      bind(async (context, [id, ...words], options) => {
        const { at: place } = options as { at?: string };
        const at = place === undefined ? {} : { selection: placeOf(place) };
        const decision = word === "comment" ? "comment" : "request_changes";
        await say(context, { id, decision, comment: words.join(" "), ...at });
      }),
    );
}

async function say(context: CliContext, input: Record<string, unknown>): Promise<void> {
  const { output } = await callTool(context, "approval_decide", input);
  context.output.result(output, () => approvalView(output, context.output, context));
}

function placeOf(text: string): { path: string; startLine: number; endLine: number } {
  const [, path, first, last] = /^(.+):(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  if (path && first) return { path, startLine: Number(first), endLine: Number(last ?? first) };
  throw new SpecloopError("bad_input", `--at takes path:line or path:first-last, not "${text}".`);
}

/** `list` is what runs without a word, so a wrong word arrives there as an argument. */
function unknownWord(word: string): SpecloopError {
  const isId = word.startsWith("ap-");
  const fix = isId ? `Run \`specloop approvals show ${word}\`.` : "Use one of: list, show, comment, request-changes.";
  return new SpecloopError("bad_input", `specloop approvals has no "${word}".`, { fix });
}
