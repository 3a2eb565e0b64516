import { execFile } from "node:child_process";
import { userInfo } from "node:os";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { findPlaces } from "../places.ts";
import { withoutRepositoryPath } from "../foundation/paths.ts";
import type { Principal } from "../foundation/principal.ts";
import { connectControl, type ControlClient } from "../server/control-client.ts";
import type { Output } from "./output.ts";

/** What every command gets. */
export interface CliContext {
  env: Record<string, string | undefined>;
  /** `--repo`, or the current directory. */
  path: string;
  output: Output;
  stdin: NodeJS.ReadableStream;
  /** Aborted by Ctrl-C and SIGTERM. */
  signal: AbortSignal;
  /** Aborted by the next one after that. */
  again?: AbortSignal;
  /** `--session`: what follow-up questions are read with. */
  session?: string | undefined;
}

/** Global options as commander hands them over. */
export interface GlobalOptions {
  repo?: string;
  json?: boolean;
}

/** A connection to the daemon of the repository; `daemon_not_running` when there is none. */
export async function connect(context: CliContext): Promise<ControlClient> {
  const { worktree, paths } = await findPlaces(context.path);
  const named = context.env["WORKFLOW_ORCHESTRATOR_SOCKET"];
  // A daemon that was named may serve another repository, which knows nothing of this worktree.
  return connectControl(named ?? paths.socket, await caller(context), {
    worktree: named === undefined ? worktree : undefined,
    token: context.env["SPECLOOP_AGENT_TOKEN"] || undefined,
  });
}

/** Calls one tool of the running daemon. */
export async function callTool(context: CliContext, name: string, input: unknown): Promise<ToolAnswer> {
  await using client = await connect(context);
  const answer = await client.call(name, input);
  return context.output.terminal && !context.output.json ? withoutEscapes(answer) : answer;
}

/**
 * Documents and agents write no terminal codes that a person's terminal follows: colour from there could hide words. Where
 * no terminal is, bytes stay as they are.
 */
function withoutEscapes<Value>(value: Value): Value {
  if (typeof value === "string") return value.replaceAll("\u001b", "\u241b") as Value;
  if (Array.isArray(value)) return value.map((item: unknown) => withoutEscapes(item)) as Value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutEscapes(item)])) as Value;
}

export interface ToolAnswer {
  output: Record<string, unknown>;
  text: string;
}

/** An agent that has a token is never a person, also where it types commands. */
async function caller(context: CliContext): Promise<Principal> {
  const principal: Principal = context.env["SPECLOOP_AGENT_TOKEN"]
    ? { kind: "agent", name: "cli" }
    : await person(context);
  return context.session === undefined ? principal : { ...principal, session: context.session };
}

/** Who sits at the terminal: git's configured author here, else the login name. */
async function person(context: CliContext): Promise<Principal> {
  const options = { cwd: context.path, env: withoutRepositoryPath(context.env, context.path) };
  const author = await promisify(execFile)("git", ["config", "user.name"], options).catch(() => null);
  return { kind: "person", name: author?.stdout.trim() || userInfo().username };
}

export function repositoryPath(options: GlobalOptions): string {
  return resolve(options.repo ?? ".");
}
