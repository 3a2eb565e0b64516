import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { openGit } from "../../adapters/git/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { mcpLine } from "../banner.ts";
import type { CliContext } from "../context.ts";
import type { Bind } from "../bind.ts";
import { ownCommand } from "../own-command.ts";
import { typed } from "../wording.ts";

const CONFIG = `schema: spec-driven
# context: |
#   What this project is, in a few lines: every agent that writes a change reads it.
`;

/** Clients whose configuration lies in the repository: where, and under which key. */
const CLIENTS = {
  "claude-code": { file: ".mcp.json", key: "mcpServers", entry: {} },
  cursor: { file: ".cursor/mcp.json", key: "mcpServers", entry: {} },
  vscode: { file: ".vscode/mcp.json", key: "servers", entry: { type: "stdio" } },
} as const;
type Client = keyof typeof CLIENTS;

/** Clients whose configuration lies in the person's home: shown, never written. */
const HOME_CLIENTS = ["claude-desktop", "lmstudio"];

export function registerInit(program: Command, bind: Bind): void {
  program
    .command("init")
    .description("create openspec/ if there is none, and the configuration of MCP clients")
    .option("--client <names>", "claude-code, cursor, vscode (written here), claude-desktop, lmstudio (shown), all", "")
    .action(bind((context, _args, options) => init(context, String(options["client"]))));
}

async function init(context: CliContext, wanted: string): Promise<void> {
  const { places } = await openGit(context.path);
  const repository = places.worktree;
  const clients = chooseClients(wanted);
  const written = [...createOpenspec(repository)];
  const shown: Record<string, string> = {};
  for (const client of clients) {
    if (HOME_CLIENTS.includes(client)) shown[client] = mcpLine(repository, ownCommand());
    else if (writeClient(repository, client as Client)) written.push(CLIENTS[client as Client].file);
  }
  context.output.result({ repository, written, shown }, () =>
    describe({ written, shown, clients: clients.length }, context),
  );
}

function chooseClients(wanted: string): string[] {
  const known = [...Object.keys(CLIENTS), ...HOME_CLIENTS];
  const names = wanted === "all" ? known : wanted.split(",").filter((name) => name !== "");
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw new SpecloopError("bad_input", `No client is called "${unknown}"; known: ${known.join(", ")}, all.`);
}

function* createOpenspec(repository: string): Generator<string> {
  const files = {
    "openspec/config.yaml": CONFIG,
    "openspec/specs/.gitkeep": "",
    "openspec/changes/archive/.gitkeep": "",
  };
  if (existsSync(join(repository, "openspec"))) return;
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(repository, path)), { recursive: true });
    writeFileSync(join(repository, path), content, { flag: "wx" });
    yield path;
  }
}

/** Adds our entry and leaves every other one as it is; false when it is there already. */
function writeClient(repository: string, client: Client): boolean {
  const { file, key, entry } = CLIENTS[client];
  const path = join(repository, file);
  const config = existsSync(path) ? parseConfig(readFileSync(path, "utf8"), file) : {};
  const servers = (config[key] ?? {}) as Record<string, unknown>;
  if ("specloop" in servers) return false;
  const [command = "specloop", ...args] = ownCommand();
  const ours = { ...entry, command, args: [...args, "mcp"] };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ ...config, [key]: { ...servers, specloop: ours } }, null, 2)}\n`);
  return true;
}

function parseConfig(text: string, file: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch (cause) {
    const fix = `Correct ${file}, or add the entry by hand.`;
    throw new SpecloopError("bad_input", `${file} is not a JSON object; it was left as it is.`, {
      target: file,
      fix,
      cause,
    });
  }
}

interface Made {
  written: string[];
  shown: Record<string, string>;
  clients: number;
}

function describe({ written, shown, clients }: Made, reader: CliContext): string {
  const files = written.length > 0 ? written.map((path) => `  wrote ${path}`) : ["  everything was there already"];
  const lines = Object.entries(shown).map(([client, line]) => `  for ${client}, add: ${line}`);
  const connect = clients > 0 ? [] : [`Connect a client: ${typed("specloop init --client all", reader)}`];
  return ["Ready.", ...files, ...lines, `Next: ${typed("specloop up", reader)}`, ...connect].join("\n");
}
