import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setYamlKey } from "../../../adapters/yaml/index.ts";
import { CONFIG_FILE, loadConfig } from "../../../config.ts";
import { SpecloopError } from "../../../foundation/errors.ts";
import { findPlaces } from "../../../places.ts";
import { SERVER_NAME } from "../../../tool-servers/index.ts";
import type { CliContext } from "../../context.ts";
import { clientServers, type FoundServer } from "./client-files.ts";

/** Shows the servers of clients; named ones are written into specloop.yaml. Throws `unknown_server`, `bad_input`, `bad_config`. */
export async function importServers(
  context: CliContext,
  names: string[],
  options: Record<string, unknown>,
): Promise<void> {
  const { repository } = await findPlaces(context.path);
  const from = typeof options["from"] === "string" ? options["from"] : undefined;
  const found = clientServers({ repository, env: context.env, from });
  const taken = names.map((name) => chosen(found, name));
  if (taken.length > 0) write(repository, context.env, taken);
  const result = { found: found.map(shown), taken: taken.map(({ name }) => name) };
  context.output.result(result, () => view(found, taken, context));
}

function chosen(found: FoundServer[], name: string): FoundServer {
  const server = found.find((each) => each.name === name && each.problem === null);
  if (server) return server;
  const { problem = null } = found.find((each) => each.name === name) ?? {};
  throw new SpecloopError("unknown_server", `"${name}" cannot be taken over${problem ? `: ${problem}` : ""}.`, {
    target: name,
    fix: "Run `specloop server import` for what there is.",
  });
}

/** The file is replaced at once, and only by one that can be used. */
function write(repository: string, env: CliContext["env"], servers: FoundServer[]): void {
  const path = join(repository, CONFIG_FILE);
  const before = existsSync(path) ? readFileSync(path, "utf8") : "";
  const after = servers.reduce((text, { name, server }) => setYamlKey(text, ["servers", nameOf(name)], server), before);
  // Never through a file or a link that is there already: the repository may bring one along.
  const temporary = `${path}.${randomBytes(6).toString("hex")}.new`;
  writeFileSync(temporary, after, { flag: "wx" });
  renameSync(temporary, path);
  try {
    loadConfig({ repository, env, flags: {} });
  } catch (error) {
    writeFileSync(path, before);
    throw error;
  }
}

/** `My Server` is `my-server` here. */
function nameOf(given: string): string {
  const name = given
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 32);
  if (SERVER_NAME.test(name)) return name;
  throw new SpecloopError("bad_input", `"${given}" gives no name for a server.`, { target: given });
}

function shown({ name, from, server, problem, notes }: FoundServer): Record<string, unknown> {
  return { name, from, server, problem, notes };
}

function view(found: FoundServer[], taken: FoundServer[], { output }: CliContext): string {
  if (found.length === 0) return "No MCP client on this machine has servers that specloop could use.";
  const rows = found.map(({ name, from, server, problem, notes }) => [
    name,
    problem === null ? "" : output.style("dim", "no"),
    from,
    [problem ?? [server.command, ...(server.args ?? []), server.url].filter(Boolean).join(" "), ...notes].join("; "),
  ]);
  const next =
    taken.length === 0
      ? "Take some over: specloop server import NAME…"
      : taken.map(({ name }) => `Written: ${nameOf(name)}. Next: specloop server approve ${nameOf(name)}`).join("\n");
  return `${output.table(["SERVER", "", "FROM", "WHAT"], rows)}\n\n${next}`;
}
