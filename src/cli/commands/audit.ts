import type { Command } from "commander";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Bind } from "../bind.ts";
import { callTool, connect, type CliContext } from "../context.ts";
import { numberOption } from "../number-option.ts";
import { auditView, verdictView } from "../views/audit.ts";

/** Entries that one call of the export fetches. */
const PAGE = 1000;

export function registerAudit(program: Command, bind: Bind): void {
  const audit = program.command("audit").description("who did what: an append-only log, anchored in git");
  const filters = (command: Command) =>
    command
      .option("--actor <label>", "agent:nightly, or a beginning: person:")
      .option("--action <name>", "access.refused, or a beginning: approval.")
      .option("--target <text>", "part of a path or id")
      .option("--since <date>", "2026-01-31, or a date with a time");
  filters(audit.command("list", { isDefault: true }).description("entries, newest first"))
    .option("--limit <count>", "how many", "30")
    .option("--before <entry>", "only those before this one")
    .action(
      bind(async (context, _args, options) => {
        const { output } = await callTool(context, "audit_list", filterOf(options));
        context.output.result(output, () => auditView(output, context.output));
      }),
    );
  audit
    .command("verify")
    .description("check the chain, and that it holds what was anchored in git; exit code 1 when it does not")
    .action(
      bind(async (context) => {
        const { output } = await callTool(context, "audit_verify", {});
        context.output.result(output, () => verdictView(output, context.output));
        return output["ok"] === true ? 0 : 1;
      }),
    );
  filters(audit.command("export").description("every entry, oldest first, one line of JSON each")).action(
    bind((context, _args, options) => exportAll(context, filterOf(options))),
  );
}

async function exportAll(context: CliContext, filter: Record<string, unknown>): Promise<void> {
  await using client = await connect(context);
  const { json } = context.output;
  const all: unknown[] = [];
  for (let cursor: unknown = 0; cursor !== undefined;) {
    const { output } = await client.call("audit_list", { ...filter, oldestFirst: true, limit: PAGE, cursor });
    const entries = output["entries"] as unknown[];
    if (json) all.push(...entries);
    else for (const entry of entries) context.output.note(JSON.stringify(entry));
    cursor = output["nextCursor"];
  }
  if (json) context.output.result(all, () => "");
}

function filterOf(options: Record<string, unknown>): Record<string, unknown> {
  const { actor, action, target, since, limit, before } = options;
  return {
    ...(actor !== undefined && { actor }),
    ...(action !== undefined && { action }),
    ...(target !== undefined && { target }),
    ...(typeof since === "string" && { since: dateOf(since) }),
    ...(typeof limit === "string" && { limit: numberOption("--limit", limit) }),
    ...(typeof before === "string" && { cursor: numberOption("--before", before) }),
  };
}

function dateOf(given: string): number {
  const at = Date.parse(given);
  if (!Number.isNaN(at)) return at;
  throw new SpecloopError("bad_input", `--since takes a date, not "${given.slice(0, 40)}".`, {
    target: "--since",
    fix: "Write 2026-01-31 or 2026-01-31T08:00Z.",
  });
}
