import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { SpecloopError } from "../../../foundation/errors.ts";
import { isOurselves } from "../../../tool-servers/index.ts";

/** A server as a client's configuration names it, in the form of specloop.yaml: without the values of secrets. */
export interface FoundServer {
  name: string;
  /** The file. */
  from: string;
  server: {
    command?: string;
    args?: string[];
    env?: Record<string, string>;
    url?: string;
    headers?: Record<string, string>;
  };
  /** Why it cannot be taken over; null when it can. */
  problem: string | null;
  notes: string[];
}

interface Look {
  repository: string;
  env: Record<string, string | undefined>;
  /** This file alone. */
  from?: string | undefined;
}

const texts = z.record(z.string(), z.string());
const entry = z.looseObject({
  command: z.string().optional(),
  args: z.array(z.string()).optional(),
  env: texts.optional(),
  url: z.string().optional(),
  serverUrl: z.string().optional(),
  headers: texts.optional(),
});
const servers = z.record(z.string(), z.unknown());
const file = z.looseObject({
  mcpServers: servers.optional(),
  /** VS Code's name for it. */
  servers: servers.optional(),
  /** Claude Code keeps a project's own servers in `~/.claude.json`. */
  projects: z.record(z.string(), z.looseObject({ mcpServers: servers.optional() })).optional(),
});

const MAX_BYTES = 8 * 1024 * 1024;

/** The servers of the clients that are known, each with where it stands. Throws `bad_input` for a named file that is none. */
export function clientServers({ repository, env, from }: Look): FoundServer[] {
  const paths = from === undefined ? knownFiles(repository, env) : [from];
  return paths.flatMap((path) => {
    const text = read(path);
    if (text === null && from !== undefined)
      throw new SpecloopError("bad_input", `${path} cannot be read.`, { target: path });
    return text === null ? [] : serversOf(path, text, { repository, named: from !== undefined });
  });
}

/** Where Claude Desktop, Claude Code, Cursor, VS Code, Windsurf and LM Studio keep them, here and on other systems. */
function knownFiles(repository: string, env: Look["env"]): string[] {
  const home = env["HOME"] ?? homedir();
  const config = env["XDG_CONFIG_HOME"] ?? join(home, ".config");
  const support = join(home, "Library", "Application Support");
  return [
    join(repository, ".mcp.json"),
    join(repository, ".cursor", "mcp.json"),
    join(repository, ".vscode", "mcp.json"),
    join(home, ".claude.json"),
    join(home, ".cursor", "mcp.json"),
    join(home, ".codeium", "windsurf", "mcp_config.json"),
    join(home, ".lmstudio", "mcp.json"),
    join(config, "Claude", "claude_desktop_config.json"),
    join(config, "Code", "User", "mcp.json"),
    join(support, "Claude", "claude_desktop_config.json"),
    join(support, "Code", "User", "mcp.json"),
  ];
}

function read(path: string): string | null {
  try {
    const { size } = statSync(path);
    return size > MAX_BYTES ? null : readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function serversOf(
  path: string,
  text: string,
  { repository, named }: { repository: string; named: boolean },
): FoundServer[] {
  const parsed = file.safeParse(parse(text));
  if (!parsed.success) {
    if (!named) return [];
    throw new SpecloopError("bad_input", `${path} is no configuration of an MCP client.`, { target: path });
  }
  const { mcpServers, servers: vscode, projects } = parsed.data;
  const all = { ...projects?.[repository]?.mcpServers, ...vscode, ...mcpServers };
  return Object.entries(all).map(([name, given]) => found(name, given, path));
}

function found(name: string, given: unknown, from: string): FoundServer {
  const parsed = entry.safeParse(given);
  if (!parsed.success) return { name, from, server: {}, problem: "it cannot be read", notes: [] };
  const { command, args = [], url, serverUrl, env = {}, headers = {} } = parsed.data;
  if (command !== undefined) {
    const server = { command, args, ...(Object.keys(env).length > 0 && { env: byReference(env) }) };
    const problem = isOurselves(command, args) ? "it is specloop itself" : null;
    return { name, from, server, problem, notes: toBeSet(server.env ? server.env : {}) };
  }
  const address = url ?? serverUrl;
  if (address === undefined)
    return { name, from, server: {}, problem: "it names neither a program nor an address", notes: [] };
  const referred = headersByReference(headers);
  const server = { url: address, ...(Object.keys(referred).length > 0 && { headers: referred }) };
  return { name, from, server, problem: null, notes: toBeSet(referred) };
}

function toBeSet(references: Record<string, string>): string[] {
  const names = Object.values(references).map((reference) => reference.replaceAll(/\$\{env:(\w+)\}/g, "$1"));
  return names.length === 0 ? [] : [`set in the daemon's environment: ${names.join(", ")}`];
}

/** Values stay where they are: a file that is committed gets the names. */
function byReference(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.keys(env).map((name) => [name, `\${env:${name}}`]));
}

function headersByReference(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.keys(headers).map((name) => [name, `\${env:${name.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_")}}`]),
  );
}

/** JSON as editors keep it, with comments and trailing commas; what stands in texts is left alone. */
function parse(text: string): unknown {
  const plain = text
    .replace(/^\uFEFF/, "")
    .replaceAll(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, quoted: string | undefined) => quoted ?? "")
    .replaceAll(/("(?:[^"\\]|\\.)*")|,(\s*[}\]])/g, (_, quoted: string | undefined, end: string) => quoted ?? end);
  try {
    return JSON.parse(plain);
  } catch {
    return null;
  }
}
