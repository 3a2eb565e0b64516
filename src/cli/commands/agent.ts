import type { Command } from "commander";
import { globMatcher } from "../../foundation/glob.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { ToolListing } from "../../server/index.ts";
import type { Bind } from "../bind.ts";
import { callTool, connect, type CliContext } from "../context.ts";
import { addedView, agentsView } from "../views/agent.ts";
import { workersView } from "../views/workers.ts";

export function registerAgent(program: Command, bind: Bind): void {
  const agent = program.command("agent").description("agents with a token of their own, and what each of them may do");
  agent
    .command("add")
    .description("register an agent; its token is shown once")
    .argument("<name>", "a-z, 0-9, dot, dash and underscore")
    .option("--tools <names>", "tools, with commas; * for any characters (default: the reading ones, and asking)")
    .option("--read <globs>", "documents it may read, with commas", "openspec/**")
    .option("--write <globs>", "documents it may edit and read, with commas (default: none)")
    .option("--rate <calls>", "calls a minute: 60 or 60/min", "600/min")
    .option("--expires <time>", "90m, 12h, 30d or never", "30d")
    .action(bind((context, [name = ""], options) => add(context, name, options)));
  agent
    .command("list", { isDefault: true })
    .description("every registered agent")
    .action(
      bind(async (context) => {
        const { output } = await callTool(context, "agent_list", {});
        context.output.result(output, () => agentsView(output, context.output));
      }),
    );
  agent
    .command("workers")
    .description("agents that registered to be asked: what they can answer, whether they are there, how they did")
    .action(
      bind(async (context) => {
        const { output } = await callTool(context, "agent_workers", {});
        context.output.result(output, () => workersView(output, context.output));
      }),
    );
  agent
    .command("revoke")
    .description("end an agent's token now, also on connections that are open")
    .argument("<name>")
    .action(
      bind(async (context, [name]) => {
        const { output } = await callTool(context, "agent_revoke", { name });
        context.output.result(output, () => `${name} is revoked; its token opens nothing any more.`);
      }),
    );
}

async function add(context: CliContext, name: string, options: Record<string, unknown>): Promise<void> {
  await using client = await connect(context);
  const known = (await client.tools()).filter((tool) => !tool.personOnly);
  const write = listed(options["write"]);
  const tools = options["tools"] === undefined ? usual(known, write) : named(known, listed(options["tools"]));
  const input = { name, tools, read: listed(options["read"]), write, rate: rateOf(options["rate"]) };
  const { output } = await client.call("agent_add", { ...input, expires: String(options["expires"]) });
  context.output.result(output, () => addedView(output, context.output));
}

/** What every agent needs: looking, asking, and editing where it may. */
function usual(known: ToolListing[], write: string[]): string[] {
  const reading = known.filter(({ toolset, annotations }) => toolset === "default" && annotations.readOnlyHint);
  return [...reading.map(({ name }) => name), "question_ask", ...(write.length > 0 ? ["doc_update"] : [])];
}

/** A name that fits no tool is a typing error, and would grant nothing. */
function named(known: ToolListing[], globs: string[]): string[] {
  // What servers offer is known only to themselves.
  const ours = globs.filter((glob) => !glob.startsWith("tool_call:"));
  const nothing = ours.find((glob) => !known.some(({ name }) => globMatcher([glob])(name)));
  if (nothing === undefined) return globs;
  throw new SpecloopError("bad_input", `No tool for agents is called "${nothing}".`, {
    target: "--tools",
    fix: `There are: ${known.map(({ name }) => name).join(", ")}.`,
  });
}

function rateOf(given: unknown): number {
  const [, calls] = /^(\d{1,7})(?:\/min)?$/.exec(String(given)) ?? [];
  if (calls !== undefined && Number(calls) > 0) return Number(calls);
  throw new SpecloopError("bad_input", `--rate takes calls a minute, not "${String(given).slice(0, 40)}".`, {
    target: "--rate",
    fix: "Write 60 or 60/min.",
  });
}

function listed(given: unknown): string[] {
  if (typeof given !== "string") return [];
  return given
    .split(/,(?![^{]*\})/)
    .map((item) => item.trim())
    .filter(Boolean);
}
