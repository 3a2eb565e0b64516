import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Command } from "commander";
import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { findPlaces } from "../../places.ts";
import type { Bind } from "../bind.ts";
import { callTool, connect, type CliContext } from "../context.ts";
import { walkInbox } from "../inbox-walk.ts";
import { numberOption } from "../number-option.ts";
import { isTerminal } from "../terminal.ts";
import { inboxShape, inboxTable, type ShownInbox } from "../views/inbox.ts";

export function registerInbox(program: Command, bind: Bind): void {
  program
    .command("inbox")
    .description("what waits for you, the most urgent first; on a terminal you answer it one by one")
    .option("--list", "only list it, also on a terminal")
    .option("--watch", "list it again whenever something changes, until Ctrl-C")
    .option("--limit <n>", "how many", "20")
    .action(
      bind(async (context, _arguments, options) => {
        const limit = numberOption("--limit", String(options["limit"]));
        if (options["watch"] === true) return watch(context, limit);
        const inbox = await readInbox(context, limit);
        const walks = isTerminal(context.stdin) && context.output.terminal && !context.output.json;
        if (walks && options["list"] !== true && inbox.items.length > 0) return walkInbox(context, inbox);
        show(context, inbox);
      }),
    );
}

const listed = inboxShape.omit({ approvals: true });
const approvals = inboxShape.pick({ approvals: true });

async function readInbox(context: CliContext, limit: number): Promise<ShownInbox> {
  const states = ["open", "changes_requested"];
  const [questions, open] = await Promise.all([
    callTool(context, "inbox_list", { limit }),
    callTool(context, "approval_list", { limit: 20, states }),
  ]);
  return { ...listed.parse(questions.output), ...approvals.parse(open.output) };
}

function show(context: CliContext, inbox: ShownInbox): void {
  context.output.result(inbox, () => inboxTable(inbox, context.output, context));
}

/** Follows the daemon's events instead of asking again and again. */
async function watch(context: CliContext, limit: number): Promise<void> {
  const events = await openEvents(context);
  show(context, await readInbox(context, limit));
  for await (const line of events) {
    if (!/^event: (?:question|answer|approval)\./.test(line)) continue;
    if (!context.output.json) context.output.note(`\n${new Date().toISOString().slice(11, 19)} UTC`);
    show(context, await readInbox(context, limit));
  }
  throw new SpecloopError("daemon_not_running", "The daemon ended.");
}

async function openEvents(context: CliContext): Promise<AsyncIterable<string>> {
  await using client = await connect(context);
  const { url } = z.object({ url: z.string() }).parse(await client.status());
  const { readToken } = await import("../../access/index.ts");
  const { paths } = await findPlaces(context.path);
  const response = await fetch(`${url}/events`, {
    headers: { authorization: `Bearer ${readToken(paths.tokenFile) ?? ""}` },
    signal: context.signal,
  });
  if (!response.ok || !response.body) {
    throw new SpecloopError("daemon_not_running", `The daemon's events cannot be read (${response.status}).`);
  }
  return createInterface({ input: Readable.fromWeb(response.body) });
}
