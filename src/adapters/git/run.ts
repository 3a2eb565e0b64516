import { spawn } from "node:child_process";
import { SpecloopError } from "../../foundation/errors.ts";
import { withoutRepositoryPath } from "../../foundation/paths.ts";
import type { OwnLocks } from "./own-locks.ts";

/** More output than this is an error, so that no answer of git can fill the memory. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** A child that never ends (a hanging hook, a pinentry that nobody sees) is asked to stop after this time. */
const DEFAULT_TIMEOUT_MS = 60_000;
/** How long output of grandchildren is waited for after git itself has ended. */
const PIPE_GRACE_MS = 200;
/** Spawns at the same time; more only queue up in the kernel. */
const MAX_CHILDREN = 8;

/** Variables of the surroundings that may reach git; every other `GIT_*` (a hook's GIT_DIR, GIT_INDEX_FILE …) is dropped. */
const KEPT = new Set([
  "GIT_CONFIG_GLOBAL",
  "GIT_CONFIG_SYSTEM",
  "GIT_CONFIG_NOSYSTEM",
  "GIT_EXEC_PATH",
  "GIT_AUTHOR_NAME",
  "GIT_AUTHOR_EMAIL",
  "GIT_COMMITTER_NAME",
  "GIT_COMMITTER_EMAIL",
]);

export interface RunOptions {
  /** A read takes no optional lock, follows no replace refs and reads pathspecs literally; a write runs hooks, which must not inherit that. */
  kind: "read" | "write";
  input?: string | Buffer;
  /** Exit codes that are answers and not failures; 0 always is. */
  allow?: number[];
  /** Told of a command that takes locks, so that those of a killed one can be recognised. */
  locks?: OwnLocks | undefined;
}

export interface RunResult {
  stdout: Buffer;
  stderr: string;
  code: number;
}

interface RunnerOptions {
  directory: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

/** The surroundings in which git runs: no prompt, no editor, no pager, English messages. */
export function gitEnvironment(env: NodeJS.ProcessEnv, kind: "read" | "write"): Record<string, string> {
  const kept = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && (!name.startsWith("GIT_") || KEPT.has(name)) ? [[name, value] as const] : [],
  );
  const reads =
    kind === "read" ? { GIT_OPTIONAL_LOCKS: "0", GIT_LITERAL_PATHSPECS: "1", GIT_NO_REPLACE_OBJECTS: "1" } : {};
  return {
    ...Object.fromEntries(kept),
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_EDITOR: ":",
    GIT_PAGER: "cat",
    ...reads,
  };
}

/** Programs that git starts for a mere look, because `.git/config` of the repository says so. */
export const NO_PROGRAMS = ["-c", "core.fsmonitor=false", "-c", "log.showSignature=false"];

/** Runs git with fixed arguments, never through a shell; stopped with SIGTERM only, because SIGKILL leaves locks behind. */
export class GitRunner {
  readonly #options: RunnerOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: RunnerOptions) {
    this.#options = { ...options, env: withoutRepositoryPath(options.env, options.directory) };
  }

  /** Rejects with `git_failed` (message of git in it), or `cancelled`. */
  async run(args: string[], options: RunOptions): Promise<RunResult> {
    await this.#enter();
    try {
      const result = await this.#spawn(args, options);
      if (result.code !== 0 && !options.allow?.includes(result.code)) throw failed(args, result);
      return result;
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** stdout of a reading command as text. */
  async read(args: string[], allow: number[] = []): Promise<string> {
    const { stdout } = await this.run(args, { kind: "read", allow });
    return stdout.toString("utf8");
  }

  async #enter(): Promise<void> {
    while (this.#running >= MAX_CHILDREN) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
  }

  #spawn(args: string[], { kind, input, locks }: RunOptions): Promise<RunResult> {
    const { directory, env, signal, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    if (signal?.aborted) return Promise.reject(cancelled(args));
    const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
    const given = kind === "read" ? [...NO_PROGRAMS, ...args] : args;
    const child = spawn("git", given, { cwd: directory, env: gitEnvironment(env, kind), windowsHide: true });
    if (child.pid !== undefined) locks?.began(child.pid);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let size = 0;
    let stopped: SpecloopError | null = null;
    const stop = (why: SpecloopError) => {
      stopped ??= why;
      child.kill("SIGTERM");
    };
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT_BYTES) stop(tooMuch(args));
      else into.push(chunk);
    };
    child.stdout.on("data", collect(out));
    child.stderr.on("data", collect(err));
    child.stdin.on("error", () => {}); // git may end before it has read everything; its exit code tells why
    child.stdin.end(input ?? "");
    const timer = setTimeout(() => stop(tooLong(args, timeoutMs)), timeoutMs);
    const abort = () => stop(cancelled(args));
    signal?.addEventListener("abort", abort, { once: true });
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      finish();
    };
    const done = (code: number | null, signal: string | null) =>
      settle(() => {
        if (stopped) return reject(stopped);
        if (signal !== null) return reject(killed(args, signal));
        const stderr = Buffer.concat(err).toString("utf8");
        resolve({ stdout: Buffer.concat(out), stderr, code: code ?? 128 });
      });
    child.on("error", (error) => settle(() => reject(notStarted(error, directory))));
    child.on("close", done);
    child.on("exit", (code, signal) => {
      if (child.pid !== undefined) locks?.ended(child.pid, signal !== null);
      // A grandchild may keep the pipes open long after git has ended.
      setTimeout(() => done(code, signal), PIPE_GRACE_MS).unref();
    });
    return promise;
  }
}

/** The subcommand: the first argument that is no option and no `-c` value. */
function nameOf(args: string[]): string {
  const index = args.findIndex((arg, at) => !arg.startsWith("-") && args[at - 1] !== "-c");
  return `git ${args[index] ?? ""}`.trim();
}

function failed(args: string[], { code, stdout, stderr }: RunResult): SpecloopError {
  const said = (stderr.trim() || stdout.toString("utf8").trim()).slice(-2000);
  return new SpecloopError("git_failed", `${nameOf(args)} failed: ${said || `exit code ${code}`}`, {
    details: { exitCode: code, stderr: stderr.slice(-4000), stdout: stdout.toString("utf8").slice(-2000) },
  });
}

function tooLong(args: string[], ms: number): SpecloopError {
  return new SpecloopError("git_failed", `${nameOf(args)} did not end within ${ms / 1000} s and was stopped.`, {
    fix: "Look for a hook, a credential prompt or a signing agent that waits for input.",
    details: { timeout: true },
  });
}

function killed(args: string[], signal: string): SpecloopError {
  return new SpecloopError("git_failed", `${nameOf(args)} was killed by ${signal}.`, {
    fix: "Look for what kills it: a hook, or a machine that runs out of memory. Then call again.",
    details: { signal },
  });
}

function tooMuch(args: string[]): SpecloopError {
  return new SpecloopError("git_failed", `${nameOf(args)} wrote more than ${MAX_OUTPUT_BYTES / 1024 / 1024} MB.`, {
    fix: "Ask for less at once.",
  });
}

function cancelled(args: string[]): SpecloopError {
  return new SpecloopError("cancelled", `${nameOf(args)} was cancelled.`);
}

function notStarted(error: Error, directory: string): SpecloopError {
  const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
  return new SpecloopError("git_failed", `git could not be started in ${directory}: ${error.message}`, {
    cause: error,
    ...(missing ? { fix: "Install git 2.38 or newer and make sure that the folder exists." } : {}),
  });
}
