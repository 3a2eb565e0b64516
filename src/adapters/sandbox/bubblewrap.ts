import { type ChildProcessWithoutNullStreams, execFile, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { SpecloopError } from "../../foundation/errors.ts";
import { bwrapArguments } from "./arguments.ts";
import { type ControlGroup, makeControlGroup } from "./control-group.ts";
import { coverInherited } from "./inherited.ts";
import { KeptOutput } from "./output.ts";
import type { Sandbox, SandboxAvailability, SandboxedCommand, SandboxLimits, SandboxResult } from "./port.ts";

const FIX = "Install bubblewrap (`apt-get install bubblewrap`, `dnf install bubblewrap`), then run `specloop doctor`.";
/** Where bwrap itself is looked for; the command gets an environment of its own. */
const PATH = "/usr/local/bin:/usr/bin:/bin";
const PROBE_MS = 5000;
/** A command that writes more than this many times what is kept of it is ended. */
const FLOOD = 1000;
const PROBE: SandboxLimits = {
  ms: PROBE_MS,
  cpuSeconds: 5,
  memoryBytes: 2 ** 28,
  processes: 16,
  fileBytes: 2 ** 20,
  outputBytes: 4096,
};

/** bubblewrap (Linux namespaces) with the limits of prlimit(1) and, where one can be made, a control group. */
export class Bubblewrap implements Sandbox {
  readonly name = "bubblewrap";
  readonly #program: string;
  #availability: Promise<SandboxAvailability> | null = null;

  constructor(program = "bwrap") {
    this.#program = program;
  }

  availability(): Promise<SandboxAvailability> {
    return (this.#availability ??= this.#probe());
  }

  async run(command: SandboxedCommand): Promise<SandboxResult> {
    const found = await this.availability();
    if (!found.available) throw new SpecloopError("no_sandbox", `${found.why}.`, { fix: found.fix });
    return this.#run(command);
  }

  async #run(command: SandboxedCommand): Promise<SandboxResult> {
    command.signal.throwIfAborted();
    const args = [...bwrapArguments(command), "prlimit", ...limitArguments(command.limits), "--", ...command.argv];
    using group = makeControlGroup(command.limits);
    return await execute(this.#program, args, { command, group });
  }

  /** Runs a program in it, because much can forbid namespaces: containers, AppArmor, a kernel setting. */
  async #probe(): Promise<SandboxAvailability> {
    if (process.platform !== "linux") {
      return unavailable(`Commands are sandboxed with bubblewrap, which ${process.platform} does not have`, FIX);
    }
    try {
      await promisify(execFile)(this.#program, ["--version"], { timeout: PROBE_MS });
      await promisify(execFile)("prlimit", ["--version"], { timeout: PROBE_MS });
    } catch (error) {
      return unavailable(`bubblewrap or prlimit is not installed (${(error as Error).message.split("\n")[0]})`, FIX);
    }
    const tried = await this.#run({ ...EMPTY, signal: AbortSignal.timeout(PROBE_MS) });
    if (tried.code === 0) return limitsProcesses() ?? { available: true };
    const why = `bubblewrap cannot make its namespaces here (${tried.stderr.trim().slice(0, 300) || "no reason given"})`;
    return unavailable(
      why,
      "Allow unprivileged user namespaces for bwrap (on Ubuntu 24.04 and newer by an AppArmor profile), or start specloop outside the container that forbids them.",
    );
  }
}

const EMPTY: Omit<SandboxedCommand, "signal"> = {
  argv: ["true"],
  cwd: "/usr",
  readable: ["/usr"],
  writable: [],
  hidden: [],
  protected: [],
  env: {},
  network: false,
  limits: PROBE,
};

/** Linux exempts root from the limit of processes, so root needs a control group. */
function limitsProcesses(): SandboxAvailability | null {
  if (process.getuid?.() !== 0) return null;
  using group = makeControlGroup(PROBE);
  if (group) return null;
  const why =
    "As root the number of a command's processes can only be limited by a control group, and none can be made";
  return unavailable(why, "Start specloop as a user without privileges.");
}

function unavailable(why: string, fix: string): SandboxAvailability {
  return { available: false, why, fix };
}

/** Set inside the namespaces, so that they count this command's processes and not those of the user. */
function limitArguments({ cpuSeconds, memoryBytes, processes, fileBytes }: SandboxLimits): string[] {
  return [
    `--cpu=${cpuSeconds}`,
    `--data=${memoryBytes}`,
    `--nproc=${processes}`,
    `--fsize=${fileBytes}`,
    "--nofile=1024",
    "--core=0",
  ];
}

interface Execution {
  command: SandboxedCommand;
  group: ControlGroup | null;
}

async function execute(program: string, args: string[], { command, group }: Execution): Promise<SandboxResult> {
  const started = performance.now();
  const [file, all] = joined(program, args, group);
  const child = start(file, all);
  let ended: SandboxResult["ended"] = "by itself";
  const end = (why: SandboxResult["ended"]) => {
    if (ended === "by itself") ended = why;
    // bwrap's own death ends its process namespace, and with that every process in it.
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) kill(child.pid);
  };
  const timer = setTimeout(() => end("timeout"), command.limits.ms);
  const abort = () => end("aborted");
  command.signal.addEventListener("abort", abort, { once: true });
  const kept = {
    stdout: new KeptOutput(command.limits.outputBytes),
    stderr: new KeptOutput(command.limits.outputBytes),
  };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].on("data", (chunk: Buffer) => {
      kept[stream].add(chunk);
      command.onOutput?.(stream, chunk.toString("utf8"));
      if (kept[stream].total > command.limits.outputBytes * FLOOD) end("too much output");
    });
  }
  child.stdin.on("error", () => {});
  child.stdin.end(command.input ?? "");
  try {
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    return {
      code,
      signal,
      ended,
      stdout: kept.stdout.text(),
      stderr: kept.stderr.text(),
      dropped: { stdout: kept.stdout.dropped, stderr: kept.stderr.dropped },
      ms: performance.now() - started,
    };
  } finally {
    clearTimeout(timer);
    command.signal.removeEventListener("abort", abort);
  }
}

function start(file: string, args: string[]): ChildProcessWithoutNullStreams {
  using covered = coverInherited();
  const stdio: StdioOptions = ["pipe", "pipe", "pipe", ...covered.stdio];
  // The types of spawn know the three streams only where there are no more than three.
  return spawn(file, args, { env: { PATH }, stdio, detached: true }) as ChildProcessWithoutNullStreams;
}

/** With a control group, a shell of two built-in commands joins it and becomes bwrap; nothing of the command is in its text. */
function joined(program: string, args: string[], group: ControlGroup | null): [string, string[]] {
  if (!group) return [program, args];
  const join = group.joins.map((_, index) => `echo $$ > "$${index + 1}"`).join(" && ");
  const script = `${join} && shift ${group.joins.length} && exec "$@"`;
  return ["/bin/sh", ["-c", script, "sh", ...group.joins, program, ...args]];
}

function kill(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended at this moment.
  }
}
