import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";

export const MAIN = resolve(import.meta.dirname, "../../src/main.ts");

/** Environment of a person's shell without anything that would lead our programs elsewhere. */
export function cleanEnvironment(extra: Record<string, string> = {}): Record<string, string | undefined> {
  const ours = /^(SPECLOOP_|WORKFLOW_|OPENSPEC_|LM_|MCP_|CLAUDE)/;
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name));
  // Nothing listens on port 9 (discard), so no model is found whatever runs on this machine.
  return { ...Object.fromEntries(kept), LM_STUDIO_BASE_URL: "http://127.0.0.1:9", OPENSPEC_TELEMETRY: "0", ...extra };
}

export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `specloop …` to its end. */
export async function specloop(
  args: string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd,
    env: cleanEnvironment(options.env),
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(options.input ?? "");
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: code as number | null, stdout, stderr };
}

/** A daemon in the foreground of its own process. */
export interface RunningDaemon extends AsyncDisposable {
  process: ChildProcess;
  /** What `up --json` printed when it was ready. */
  status: { pid: number; url: string; port: number; socket: string; repository: string; changes: { total: number } };
  /** Everything it wrote so far. */
  output(): { stdout: string; stderr: string };
  /** Sends the signal and resolves with the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts `specloop up` for a repository and waits until it is ready; throws with its words when it ends instead. */
export async function startDaemon(
  repository: string,
  options: { args?: string[]; env?: Record<string, string> } = {},
): Promise<RunningDaemon> {
  const args = [MAIN, "up", "--repo", repository, "--json", ...(options.args ?? ["--port", "0"])];
  const child = spawn(process.execPath, args, {
    env: cleanEnvironment(options.env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said.stderr += chunk.toString()));
  const exited = once(child, "exit").then(([code]) => code as number | null);
  const ready = await Promise.race([firstDocument(child, said), exited.then(() => null)]);
  if (!ready || "error" in ready) throw new Error(`the daemon ended: ${said.stdout}${said.stderr}`);
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  return {
    process: child,
    status: ready,
    output: () => said,
    end,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) await end("SIGKILL");
    },
  };
}

async function firstDocument(child: ChildProcess, said: { stdout: string }): Promise<RunningDaemon["status"]> {
  for (;;) {
    await once(child.stdout!, "data");
    if (!said.stdout.trimEnd().endsWith("}")) continue;
    try {
      return JSON.parse(said.stdout) as RunningDaemon["status"];
    } catch {
      // Not whole yet.
    }
  }
}
