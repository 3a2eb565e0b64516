import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connectHttp, connectStdio, type McpConnection } from "../../adapters/mcp-client/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { AppStatus } from "../../status.ts";
import type { CliContext } from "../context.ts";
import { ownCommand } from "../own-command.ts";
import { chooseModel } from "./model.ts";

/** Where specloop itself lies: its own openspec/ is the default story. */
export const PACKAGE = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");

/**
 * Too strict on purpose, so that the loop has something to find; the model is left to the loop. Analysis gets more time
 * than it needs, so that the story ends well on a machine that does ten other things.
 */
const CONFIG =
  "questions:\n  documents:\n    minScore: 0.9 # set by the demo, too strict at first\n  model:\n    enabled: false\nloop:\n  analysisMs: 20000\n";

/** The temporary repository, the daemon that serves it and two MCP clients. */
export interface Stage extends AsyncDisposable {
  repository: string;
  introduction: string[];
  status: AppStatus;
  /** An agent, connected as Claude Code would be: `specloop mcp` on stdio. */
  agent: McpConnection;
  /** Another client, over HTTP. */
  colleague: McpConnection;
  /** What a person does in the repository with git. */
  git(...args: string[]): Promise<string>;
  write(path: string, content: string): Promise<void>;
  /** Asks again until the answer is not null; fails with the sentence after a while. */
  until<T>(sentence: string, probe: () => Promise<T | null>): Promise<T>;
  stopDaemon(): Promise<string[]>;
  /** The daemon's last warnings and errors, shown when a step fails. */
  daemonComplaints(): string[];
}

export async function openStage(
  context: CliContext,
  options: { path: string | undefined; keep: boolean },
): Promise<Stage> {
  const source = await findSource(options.path);
  const stack = new AsyncDisposableStack();
  try {
    const repository = await realpath(await mkdtemp(join(tmpdir(), "specloop-demo-")));
    if (!options.keep) stack.defer(() => rm(repository, { recursive: true, force: true, maxRetries: 5 }));
    const git = gitIn(repository);
    await prepare(repository, source, git);
    const model = await chooseModel(context.env);
    stack.defer(() => model.close());
    const env = { ...context.env, LM_STUDIO_BASE_URL: model.url, SPECLOOP_PORT: undefined };
    const daemon = await startDaemon(repository, env);
    stack.defer(() => void (daemon.process.exitCode === null && daemon.process.kill("SIGKILL")));
    const { agent, colleague } = await connectClients(repository, daemon.status, env);
    stack.use(agent);
    stack.use(colleague);
    return {
      repository,
      git,
      agent,
      colleague,
      status: daemon.status,
      introduction: introduce({ repository, source, model: model.name, status: daemon.status }),
      write: (path, content) => writeBelow(repository, path, content),
      until,
      stopDaemon: async () => {
        await agent[Symbol.asyncDispose]();
        await colleague[Symbol.asyncDispose]();
        return stopDaemon(daemon);
      },
      daemonComplaints: () => complaints(repository),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function findSource(path: string | undefined): Promise<string> {
  const candidates =
    path === undefined ? [join(PACKAGE, "openspec")] : [join(resolve(path), "openspec"), resolve(path)];
  const found = candidates.find(
    (candidate) => existsSync(join(candidate, "specs")) || existsSync(join(candidate, "changes")),
  );
  if (found) return found;
  throw new SpecloopError("no_openspec", `There is no openspec/ in ${path ?? PACKAGE}.`, { target: path ?? PACKAGE });
}

type GitCommand = (...args: string[]) => Promise<string>;

function gitIn(repository: string): GitCommand {
  return async (...args) => {
    const options = { cwd: repository, maxBuffer: 64 * 1024 * 1024 };
    return (await promisify(execFile)("git", args, options)).stdout.trim();
  };
}

async function prepare(repository: string, source: string, git: GitCommand): Promise<void> {
  await git("init", "--quiet", "--initial-branch=main");
  await git("config", "user.name", "A person");
  await git("config", "user.email", "person@example.org");
  await git("config", "commit.gpgsign", "false");
  await cp(source, join(repository, "openspec"), { recursive: true });
  await writeBelow(repository, "README.md", "# Demo\nA repository that `specloop demo` made.\n");
  await writeBelow(repository, "specloop.yaml", CONFIG);
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "Begin");
}

async function writeBelow(repository: string, path: string, content: string): Promise<void> {
  await mkdir(dirname(join(repository, path)), { recursive: true });
  await writeFile(join(repository, path), content);
}

interface Daemon {
  process: ChildProcess;
  status: AppStatus;
}

async function startDaemon(repository: string, env: Record<string, string | undefined>): Promise<Daemon> {
  const [program = "", ...args] = ownCommand();
  const child = spawn(program, [...args, "up", "--repo", repository, "--port", "0", "--json"], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let said = "";
  const ended = once(child, "exit").then(() => null);
  for (;;) {
    const more = await Promise.race([once(child.stdout, "data"), ended]);
    if (!more) throw new SpecloopError("daemon_start_failed", `The daemon ended at its start: ${said}`);
    said += String(more[0]);
    if (/\n\}\s*$/.test(said)) return { process: child, status: JSON.parse(said) as AppStatus };
  }
}

async function connectClients(
  repository: string,
  status: AppStatus,
  env: Record<string, string | undefined>,
): Promise<{ agent: McpConnection; colleague: McpConnection }> {
  const [command = "", ...args] = ownCommand();
  const target = {
    client: "demo-agent",
    command,
    args: [...args, "mcp", "--repo", repository, "--toolset", "full"],
    cwd: repository,
    env,
  };
  const token = readFileSync(join(repository, ".specloop", "token"), "utf8").trim();
  const [agent, colleague] = await Promise.all([
    connectStdio(target),
    connectHttp({ client: "demo-colleague", url: `${status.url}/mcp`, token }),
  ]);
  return { agent, colleague };
}

function introduce(facts: { repository: string; source: string; model: string; status: AppStatus }): string[] {
  const { status } = facts;
  const stages = Object.entries(status.changes.byStage).map(([stage, count]) => `${count} ${stage}`);
  return [
    `repository  ${facts.repository} (temporary), openspec/ from ${facts.source}`,
    `daemon      pid ${status.pid}, ${status.url}`,
    `changes     ${status.changes.total === 0 ? "none yet" : `${status.changes.total} (${stages.join(", ")})`}`,
    `model       ${facts.model}`,
  ];
}

async function until<T>(sentence: string, probe: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    const found = await probe();
    if (found !== null) return found;
    await wait(20);
  }
  throw new SpecloopError("internal", `The demo waited in vain until ${sentence}.`, { fix: "Please report this." });
}

async function stopDaemon({ process: child }: Daemon): Promise<string[]> {
  const ended = once(child, "exit");
  child.kill("SIGINT");
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new SpecloopError("internal", `The daemon exited with code ${code} instead of 0.`);
  return ["It finished what ran and exited with code 0."];
}

function complaints(repository: string): string[] {
  const log = join(repository, ".specloop", "logs", "daemon.log");
  if (!existsSync(log)) return [];
  const lines = readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => /"level":(40|50|60)/.test(line));
  return lines.slice(-5);
}
