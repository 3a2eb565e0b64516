// `specloop mcp`: a pipe between a client's stdio and the daemon's socket. It imports nothing but Node's own modules and
// four small files that do the same, because a client waits for it at every start.
import { spawn } from "node:child_process";
import { closeSync, lstatSync, readFileSync, realpathSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname, join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SpecloopError } from "../foundation/errors.ts";
import { stateRoot } from "../foundation/paths.ts";
import { hasOwnSocket, openStartLog, placesOf } from "../foundation/rendezvous.ts";
import { daemonEnvironment } from "./daemon-environment.ts";

/** How long a daemon that was started may take until its socket answers. */
const START_TIMEOUT_MS = 10_000;
const POLL_MS = 25;
/** How long the daemon may take for what was asked before the client closed its side; its own limit is 5 s. */
const GOODBYE_MS = 8000;
/** Exit code of a daemon that found another one running: several shims may start one at once. */
const ANOTHER_RUNS = 3;

const HELP = `specloop mcp: MCP on stdio, through the daemon of the repository; starts the daemon if none runs.
  --repo <path>       the repository (default: CLAUDE_PROJECT_DIR, then the current folder)
  --toolset <name>    default, or full for every tool
  --client <name>     the name of this client in history and audit (default: what it calls itself)
SPECLOOP_AGENT_TOKEN  of an agent that \`specloop agent add\` registered: it is that agent, with its rights
`;

type Env = Record<string, string | undefined>;

export interface ShimStreams {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
}

interface ShimOptions {
  repo?: string;
  toolset?: string;
  client?: string;
  help?: boolean;
}

/**
 * Runs the shim until the client closes stdin (0) or the daemon goes away (1, so that the client starts it again).
 * Whatever prevents it is one sentence on stderr and the exit code of the error table; stdout carries JSON-RPC only.
 * `main` is the file that is run to start a daemon.
 */
export async function runShim(argv: string[], env: Env, streams: ShimStreams, main = ownMain()): Promise<number> {
  try {
    const options = parse(argv);
    if (options.help) {
      streams.stderr.write(HELP);
      return 0;
    }
    const { root, worktree } = findPlaces(options.repo, env);
    const socket = await reach({ root, worktree, env, main });
    warnOfOtherVersion(root, streams.stderr);
    socket.write(`${JSON.stringify(hello(options, env, worktree))}\n`);
    return await pipeBothWays(socket, streams);
  } catch (thrown) {
    const error = thrown instanceof SpecloopError ? thrown : new SpecloopError("internal", String(thrown));
    streams.stderr.write(`specloop mcp: ${error.message} ${error.fix}\n`);
    streams.stdin.destroy();
    return error.exit;
  }
}

function ownMain(): string {
  return fileURLToPath(new URL(`../main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));
}

function parse(argv: string[]): ShimOptions {
  try {
    const text = { type: "string" } as const;
    const options = { repo: text, toolset: text, client: text, help: { type: "boolean", short: "h" } } as const;
    const { toolset = "default", ...values } = parseArgs({ args: argv, options, strict: true }).values;
    if (toolset !== "default" && toolset !== "full") throw new Error(`--toolset is default or full, not "${toolset}"`);
    return { ...values, toolset };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new SpecloopError("bad_input", `${message}.`, { fix: "See `specloop mcp --help`.", cause });
  }
}

function hello({ toolset, client }: ShimOptions, env: Env, worktree: string): Record<string, unknown> {
  const session = env["CLAUDE_CODE_SESSION_ID"]?.slice(0, 200);
  const token = env["SPECLOOP_AGENT_TOKEN"];
  // A daemon that was named may serve another repository, which knows nothing of this worktree.
  const place = env["WORKFLOW_ORCHESTRATOR_SOCKET"] ? {} : { worktree };
  return {
    kind: "mcp",
    toolset,
    ...place,
    ...(client && { client: client.slice(0, 200) }),
    ...(session && { session }),
    ...(token && { token }),
  };
}

interface Places {
  /** The folder with `.specloop/`. */
  root: string;
  /** Top of the worktree that the client works in. */
  worktree: string;
}

/** What --repo names must be a repository; of the other places the first one that is. */
function findPlaces(repo: string | undefined, env: Env): Places {
  const starts = repo === undefined ? [env["CLAUDE_PROJECT_DIR"], process.cwd()] : [repo];
  for (const start of starts) {
    const found = start ? findRepository(resolve(start)) : null;
    if (found) return found;
  }
  const asked = resolve(repo ?? process.cwd());
  throw new SpecloopError("not_a_repository", `${asked} is not inside a git repository.`, { target: asked });
}

/** Walks up to `.git`: a directory, or in a linked worktree or submodule a file that says where it is. */
function findRepository(start: string): Places | null {
  for (let folder = start; ; folder = dirname(folder)) {
    const git = join(folder, ".git");
    const found = lstatSync(git, { throwIfNoEntry: false });
    if (found) {
      const common = found.isFile() ? commonDirectory(folder, git) : realpathSync(git);
      return { root: stateRoot(common), worktree: realpathSync(folder) };
    }
    if (folder === dirname(folder)) return null;
  }
}

/** gitrepository-layout(5): `gitdir: <path>` in the file, and `commondir` there when several worktrees share one. */
function commonDirectory(folder: string, gitFile: string): string {
  const gitDirectory = resolve(folder, readText(gitFile).replace(/^gitdir:\s*/, ""));
  const common = readText(join(gitDirectory, "commondir"));
  return realpathSync(common === "" ? gitDirectory : resolve(gitDirectory, common));
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

/** A connection to the daemon, starting one when nobody answers. */
async function reach({ root, worktree, env, main }: Places & { env: Env; main: string }): Promise<Socket> {
  const socket = await tryConnect(socketPath(root, env));
  if (socket) return socket;
  const { path: log, descriptor } = openStartLog(placesOf(root));
  const ended = startDaemon({ root, worktree, env, main, output: descriptor });
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const socket = await tryConnect(socketPath(root, env));
    if (socket) return socket;
    const code = await Promise.race([ended, wait(POLL_MS)]);
    if (typeof code === "number") {
      if (code !== 0 && code !== ANOTHER_RUNS) throw notStarted(`It ended with code ${code}.`, log);
      await wait(POLL_MS);
    }
  }
  throw notStarted(`Its socket did not answer within ${START_TIMEOUT_MS / 1000} s.`, log);
}

/** Never what a file says: a repository may bring its own `daemon.json`. */
function socketPath(root: string, env: Env): string {
  return env["WORKFLOW_ORCHESTRATOR_SOCKET"] || placesOf(root).socket;
}

function daemonFile(root: string): { version?: unknown } | null {
  try {
    return JSON.parse(readFileSync(join(root, ".specloop", "daemon.json"), "utf8"));
  } catch {
    return null;
  }
}

/** Null when nobody listens there. */
async function tryConnect(path: string): Promise<Socket | null> {
  if (!hasOwnSocket(path)) return null;
  const socket = connect({ path, allowHalfOpen: true });
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(null));
  });
}

interface Start extends Places {
  env: Env;
  main: string;
  /** Descriptor of the file for what the daemon prints until its own log works. */
  output: number;
}

/** Starts a daemon that outlives this process; resolves with its exit code if it ends. The daemon's lock lets one win. */
function startDaemon({ root, worktree, env, main, output }: Start): Promise<number> {
  const arguments_ = [...process.execArgv, main, "up", "--repo", worktree];
  const child = spawn(process.execPath, arguments_, {
    cwd: root,
    env: daemonEnvironment(env),
    detached: true,
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  child.unref();
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? (signal ? 1 : 0)));
    child.once("error", () => resolve(1));
  });
}

function notStarted(why: string, log: string): SpecloopError {
  const last = readText(log).split("\n").at(-1)?.slice(0, 500) ?? "";
  const said = last === "" ? "" : ` It said: ${last}`;
  return new SpecloopError("daemon_start_failed", `The daemon did not start. ${why}${said}`, { target: log });
}

/** Two versions may not speak quite the same; the person decides when the old daemon ends. */
function warnOfOtherVersion(root: string, stderr: NodeJS.WritableStream): void {
  const running = daemonFile(root)?.version;
  const manifest = readText(fileURLToPath(new URL("../../package.json", import.meta.url)));
  const own: unknown = manifest === "" ? undefined : JSON.parse(manifest).version;
  if (typeof running !== "string" || !/^[\w.+-]{1,40}$/.test(running) || own === running) return;
  stderr.write(
    `specloop mcp: the daemon is version ${running}, this is ${String(own)}; \`specloop stop\` ends the old one.\n`,
  );
}

/** Both ways with backpressure, until one side is done. */
function pipeBothWays(socket: Socket, { stdin, stdout, stderr }: ShimStreams): Promise<number> {
  let clientDone = false;
  stdin.once("end", () => {
    clientDone = true;
    setTimeout(() => socket.destroy(), GOODBYE_MS).unref();
  });
  // A client that went away takes its pipe along; there is nobody left to tell.
  stdout.once("error", () => {
    clientDone = true;
    socket.destroy();
  });
  stdin.once("error", () => socket.end());
  stdin.pipe(socket);
  socket.pipe(stdout, { end: false });
  const { promise, resolve } = Promise.withResolvers<number>();
  socket.on("error", () => {});
  socket.once("end", () => socket.end());
  socket.once("close", () => {
    stdin.unpipe(socket);
    stdin.destroy();
    if (!clientDone) stderr.write("specloop mcp: the daemon went away; the client may start this command again.\n");
    resolve(clientDone ? 0 : 1);
  });
  return promise;
}
