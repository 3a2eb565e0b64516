import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import type { Command } from "commander";
import type { AppStatus } from "../../status.ts";
import { findPlaces } from "../../places.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { keepHeapSmall } from "../../foundation/heap.ts";
import { openStartLog } from "../../foundation/rendezvous.ts";
import { banner } from "../banner.ts";
import { connect, type CliContext } from "../context.ts";
import type { Bind } from "../bind.ts";
import { daemonEnvironment } from "../daemon-environment.ts";
import { ownCommand } from "../own-command.ts";

/** How long a daemon in the background may take until it answers. */
const START_TIMEOUT_MS = 15_000;
/** After this a stopping daemon that still hangs is ended the hard way, so that SIGTERM and `specloop stop` always work within 5 s. */
const LAST_RESORT_MS = 4_800;

interface UpOptions {
  port?: string;
  detached?: boolean;
}

export function registerUp(program: Command, bind: Bind): void {
  program
    .command("up")
    .description("run the daemon for a repository, in the foreground until Ctrl-C")
    .argument("[path]", "any path inside the repository; like --repo")
    .option("--port <n>", "HTTP port; fails if it is taken")
    .option("--detached", "start it in the background and return")
    .action(
      bind((context, [path], options) => {
        if (path !== undefined) context.path = resolve(path);
        return (options as UpOptions).detached ? startDetached(context, options) : runForeground(context, options);
      }),
    );
}

async function runForeground(context: CliContext, options: UpOptions): Promise<void> {
  const { output, signal, env, path } = context;
  const armLastResort = () => void setTimeout(() => process.exit(70), LAST_RESORT_MS).unref();
  signal.addEventListener("abort", armLastResort, { once: true });
  keepHeapSmall(setFlagsFromString);
  // Loaded only here: the other commands start in a third of the time without it.
  const clear = output.progress("specloop is starting …");
  const { runDaemon } = await import("../../daemon.ts");
  await runDaemon({
    path,
    env,
    command: ownCommand(),
    flags: portFlags(options.port),
    setHeapFlag: setFlagsFromString,
    signal,
    logToStderr: env["SPECLOOP_LOG_STDERR"] === "1",
    onStopping: armLastResort,
    onStarted: (status) => {
      clear();
      output.result(status, () => banner(status, output, context));
    },
  }).catch((error: unknown) => {
    clear();
    if (signal.aborted) output.note("specloop was interrupted before it ran.");
    throw error;
  });
  output.note("specloop stopped.");
}

function portFlags(port: string | undefined): Record<string, unknown> {
  if (port === undefined) return {};
  if (!/^\d+$/.test(port)) throw new SpecloopError("bad_input", `--port takes a number, not "${port}".`);
  return { "server.port": Number(port), "server.strictPort": true };
}

/** Starts the same command without a terminal and waits until it answers. */
async function startDetached(context: CliContext, options: UpOptions): Promise<void> {
  const { paths } = await findPlaces(context.path);
  const { descriptor: log } = openStartLog(paths);
  const port = options.port === undefined ? [] : ["--port", options.port];
  const args = [...process.execArgv, process.argv[1] ?? "", "up", "--repo", context.path, ...port];
  const env = daemonEnvironment(context.env);
  const child = spawn(process.execPath, args, { detached: true, stdio: ["ignore", log, log], env });
  closeSync(log);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.unref();
  const status = await waitUntilUp(context, exited);
  context.output.result(status, () => `The daemon runs in the background: pid ${status.pid}, ${status.url}`);
}

async function waitUntilUp(context: CliContext, exited: Promise<number | null>): Promise<AppStatus> {
  let code: number | null | undefined;
  void exited.then((value) => (code = value));
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const client = await connect(context).catch(() => null);
    if (client) {
      await using open = client;
      return (await open.status()) as unknown as AppStatus;
    }
    if (code !== undefined) break;
    await wait(50, undefined, { signal: context.signal });
  }
  const why = code === undefined ? `did not answer within ${START_TIMEOUT_MS / 1000} s` : `exited with code ${code}`;
  throw new SpecloopError("daemon_start_failed", `The daemon ${why}.`);
}
