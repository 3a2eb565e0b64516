import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { SpecloopError } from "../../../foundation/errors.ts";
import type { Bind } from "../../bind.ts";
import { connect, type CliContext } from "../../context.ts";
import { isTerminal } from "../../terminal.ts";
import { launchView, serverShape, serverView, type ShownServer, toolsView } from "../../views/server.ts";

export function registerApprove(server: Command, bind: Bind): void {
  server
    .command("approve")
    .description("look at what a server runs and at its tools, and say yes to exactly that")
    .argument("<name>")
    .option("--tools <names>", "only these tools, with commas")
    .option(
      "--agents <who>",
      "who may call them: all local agents, or those that were granted it (default: as it was, else granted)",
    )
    .option("--launch-hash <hash>", "without a terminal: yes to the launch with this hash")
    .option("--tools-hash <hash>", "without a terminal: yes to the tools with this hash")
    .action(bind((context, [name = ""], options) => approve(context, name, options)));
}

type Client = Awaited<ReturnType<typeof connect>>;

interface Asked {
  client: Client;
  context: CliContext;
  name: string;
  only: string[] | undefined;
  agents: "all" | "granted" | undefined;
}

async function approve(context: CliContext, name: string, options: Record<string, unknown>): Promise<void> {
  await using client = await connect(context);
  const asked: Asked = { client, context, name, only: listed(options["tools"]), agents: whoOf(options["agents"]) };
  const given = { launch: options["launchHash"], tools: options["toolsHash"] };
  const done =
    typeof given.launch === "string"
      ? await approveHashes(asked, given.launch, given.tools)
      : await approveLooking(asked);
  context.output.result(done, () => serverView(done, context.output));
}

async function approveHashes(
  { client, name, only, agents }: Asked,
  launch: string,
  tools: unknown,
): Promise<ShownServer> {
  const given = { name, launch, only, agents, ...(typeof tools === "string" && { tools }) };
  return serverShape.parse((await client.call("server_approve", given)).output);
}

/** Two questions: what runs, then, when it was asked for its tools, what it offers. */
async function approveLooking(asked: Asked): Promise<ShownServer> {
  const { client, context, name, only, agents } = asked;
  const shown = serverShape.parse((await client.call("server_show", { name })).output);
  if (shown.launchHash === null) throw new SpecloopError("bad_config", shown.reason, { target: name });
  const launch = shown.launchHash;
  if (!shown.launchApproved) {
    context.output.note(launchView(shown, context.output));
    await confirm(context, "Start exactly this, to ask it for its tools? Type yes: ");
  }
  const looked = serverShape.parse((await client.call("server_approve", { name, launch, agents })).output);
  context.output.note(`\n${toolsView(looked, context.output)}`);
  const many = only ? only.join(", ") : `all ${looked.tools.filter(({ standing }) => standing !== "gone").length}`;
  const who =
    (agents ?? looked.agents) === "all" ? "every local agent" : "agents that were granted them, workflows and people";
  await confirm(context, `Let ${who} call these tools (${many})? Type yes: `);
  const tools = looked.toolsHash;
  return serverShape.parse((await client.call("server_approve", { name, launch, tools, only, agents })).output);
}

async function confirm(context: CliContext, question: string): Promise<void> {
  const { stdin, signal } = context;
  if (!isTerminal(stdin))
    throw new SpecloopError("bad_input", "Approving is answered on a terminal, and there is none.", {
      fix: "Run it in a terminal, or name what you looked at: --launch-hash, then --tools-hash (specloop server show NAME --json).",
    });
  const reader = createInterface({ input: stdin, output: process.stderr });
  try {
    const answer = await reader.question(question, { signal });
    if (answer.trim().toLowerCase() !== "yes") throw new SpecloopError("cancelled", "Nothing was approved.");
  } finally {
    reader.close();
  }
}

function whoOf(given: unknown): "all" | "granted" | undefined {
  if (given === undefined || given === "all" || given === "granted") return given;
  throw new SpecloopError("bad_input", `--agents takes all or granted, not ${JSON.stringify(given)}.`, {
    target: "--agents",
  });
}

function listed(given: unknown): string[] | undefined {
  if (typeof given !== "string") return undefined;
  return given
    .split(",")
    .map((item) => item.trim())
    .filter(Boolean);
}
