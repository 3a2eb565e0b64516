import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createStateDirectory } from "./access/index.ts";
import { openGit } from "./adapters/git/index.ts";
import { acquireProcessLock } from "./adapters/store/index.ts";
import { App } from "./app.ts";
import { ConfigHolder } from "./config.ts";
import { systemClock } from "./foundation/clock.ts";
import { SpecloopError } from "./foundation/errors.ts";
import type { SetFlag } from "./foundation/heap.ts";
import { createFileSink } from "./foundation/log-file.ts";
import { createLogger, type Logger } from "./foundation/logger.ts";
import type { StatePaths } from "./foundation/paths.ts";
import { findPlaces } from "./places.ts";
import type { AppStatus } from "./status.ts";
import type { WorkerMode } from "./workflows.ts";
import { refuseCommittedState } from "./worktrees.ts";

export interface DaemonOptions {
  /** Any path inside the repository to serve. */
  path: string;
  env: Record<string, string | undefined>;
  /** `section.key` -> value from the command line. */
  flags: Record<string, unknown>;
  /** Ends the daemon when aborted: it drains and the promise resolves. */
  signal: AbortSignal;
  /** Also write logs to stderr, for the foreground. */
  logToStderr: boolean;
  /** How this program is started again. */
  command: string[];
  /** Sets a flag of V8, in a process that is the daemon's alone; absent: the heap stays as it is. */
  setHeapFlag?: SetFlag;
  /** Called once everything works. */
  onStarted(started: AppStatus): void;
  /** Called when it begins to stop, by `signal` or because somebody asked for it through a door. */
  onStopping?(): void;
}

export interface WorkerOptions extends Pick<DaemonOptions, "path" | "env" | "flags" | "signal" | "logToStderr"> {
  worker: WorkerMode;
  onStarted(started: { repository: string }): void;
  onStopping(): void;
}

/**
 * Takes nodes of a team's runs in a clone of its own, without doors, until `signal` aborts; then it takes no more and lets
 * those under way end, for `drainMs` at most. Rejects `bad_config` without a team's store, `daemon_running` where a
 * process works in the clone already.
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { path, env, flags, signal, worker } = options;
  const { repository, root, paths } = await findPlaces(path);
  const config = new ConfigHolder({ repository, env, flags });
  if (config.current.store.url === undefined) throw noStore();
  await using stack = new AsyncDisposableStack();
  const { logger } = await takePlace({ repository, root, paths, config, logToStderr: options.logToStderr }, stack);
  signal.throwIfAborted();
  const app = stack.use(new App({ repository, paths, config, env, clock: systemClock, logger, command: [], worker }));
  await app.start(signal);
  logger.info({ repository }, "the worker started");
  options.onStarted({ repository });
  await aborted(signal);
  options.onStopping();
  logger.info("the worker is stopping");
}

function noStore(): SpecloopError {
  return new SpecloopError("bad_config", "A worker needs the address of the team's store.", {
    target: "store.url",
    fix: "Give it with --database or in SPECLOOP_STORE: postgres://user@host/database?schema=name.",
  });
}

/**
 * Serves one repository until `signal` aborts. Takes the lock first (`daemon_running` when another daemon holds it), then
 * builds and starts every part, writes `daemon.json`, and takes everything down in reverse.
 */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { repository, root, paths } = await findPlaces(options.path);
  const config = new ConfigHolder({ repository, env: options.env, flags: options.flags });
  if (config.current.server.socket) paths.socket = config.current.server.socket;
  await using stack = new AsyncDisposableStack();
  const { logger } = await takePlace({ repository, root, paths, config, logToStderr: options.logToStderr }, stack);
  options.signal.throwIfAborted();
  const app = stack.use(new App({ ...options, repository, paths, config, clock: systemClock, logger }));
  await app.start(options.signal);
  const status = await app.status();
  stack.defer(() => rmSync(paths.daemonFile, { force: true }));
  writeFileSync(paths.daemonFile, `${JSON.stringify(daemonFile(status, paths), null, 2)}\n`, { mode: 0o600 });
  logger.info({ repository, url: status.url }, "the daemon started");
  options.onStarted(status);
  await aborted(options.signal, app.stopRequested);
  options.onStopping?.();
  logger.info("the daemon is stopping");
}

interface Place {
  repository: string;
  root: string;
  paths: StatePaths;
  config: ConfigHolder;
  logToStderr: boolean;
}

/** One process works in a clone: it makes the state directory, takes its lock and opens the log. */
async function takePlace(
  { repository, root, paths, config, logToStderr }: Place,
  stack: AsyncDisposableStack,
): Promise<{ logger: Logger }> {
  if (root === repository) await refuseCommittedState(await openGit(root), paths);
  createStateDirectory(paths);
  const owner = { pid: process.pid, socket: paths.socket, startedAt: systemClock.now() };
  stack.use(acquireProcessLock(paths.lockDb, owner));
  return stack.adopt(openLogger(config, paths, logToStderr), (log) => log.sink[Symbol.dispose]());
}

function daemonFile(status: AppStatus, paths: StatePaths): Record<string, unknown> {
  const { pid, version, port, url, startedAt, repository } = status;
  return { pid, version, socket: paths.socket, port, url, startedAt, repository };
}

function openLogger(config: ConfigHolder, paths: StatePaths, toStderr: boolean): { logger: Logger; sink: Disposable } {
  const sink = createFileSink(join(paths.logs, "daemon.log"), { maxBytes: 10 * 1024 * 1024, files: 5 });
  const logger = createLogger(config.current.log.level, (line) => {
    sink.write(line);
    if (toStderr) process.stderr.write(line);
  });
  return { logger, sink };
}

function aborted(...signals: AbortSignal[]): Promise<void> {
  const any = AbortSignal.any(signals);
  if (any.aborted) return Promise.resolve();
  return new Promise((resolve) => any.addEventListener("abort", () => resolve(), { once: true }));
}
