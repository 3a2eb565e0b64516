import { basename, isAbsolute, join } from "node:path";
import { z } from "zod";
import type { Sandbox, SandboxResult } from "../../adapters/sandbox/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { isInside } from "../../foundation/paths.ts";
import type { Attempt, NodeType, Outcome, Reached } from "../node-type.ts";
import { hasTemplate } from "../templates-text.ts";
import { secretsIn } from "./secrets-in.ts";

const MB = 2 ** 20;

const config = z.strictObject({
  run: z
    .array(z.string().max(100_000))
    .min(1)
    .max(1000)
    .superRefine((run, context) => {
      for (const at of codeIn(run).filter((place) => hasTemplate(run[place]!))) {
        const message =
          "this is the program or the text of a script, into which no value comes; hand it over in env or input";
        context.addIssue({ code: "custom", path: [], message: `argument ${at}: ${message}` });
      }
    })
    .describe("Program and arguments; no shell reads them. Values come in as whole arguments, never as code"),
  cwd: z.string().max(1000).default(".").describe("Folder, relative to the repository"),
  write: z
    .array(z.string().min(1).max(1000))
    .max(50)
    .default([])
    .describe("Folders and files it may change; it reads the whole repository"),
  env: z
    .record(z.string(), z.string())
    .default({})
    .describe("Its whole environment beside PATH, HOME, LANG and TMPDIR"),
  input: z
    .string()
    .max(10 * MB)
    .default("")
    .describe("What it reads from standard input"),
  network: z.boolean().default(false).describe("Whether it sees this machine's network"),
  memory_mb: z.int().min(16).max(65_536).default(2048),
  cpu_seconds: z.int().min(1).max(86_400).default(600),
  processes: z.int().min(1).max(4096).default(256),
  file_mb: z.int().min(1).max(65_536).default(512).describe("Largest file that it may write"),
  output_kb: z
    .int()
    .min(1)
    .max(16_384)
    .default(256)
    .describe("Kept of each of its streams; the middle of more is dropped"),
  allow_failure: z.boolean().default(false).describe("An exit code other than 0 is a result, not a failure"),
});
type Config = z.output<typeof config>;

export interface CommandPlace {
  sandbox: Sandbox;
  /** Top of the worktree, absolute. */
  worktree: string;
  /** Absolute paths beside the system's that programs need to run: the folder of our own Node. */
  programs: string[];
}

/** After which an argument is code: `sh -c`, `node -e`, `python -c`, `perl -e`, `find -exec`. */
const CODE_FLAG = /^(?:-[A-Za-z]*[cepE]|--?(?:eval|command|print|exec|execute|run|call))$/;
const CODE_JOINED = /^(?:--(?:eval|command|print|exec|execute|call)=|-[A-Za-z]?[ceE](?!\w*=))/;

/** Places of the program and of what an interpreter reads as code. */
function codeIn(run: readonly string[]): number[] {
  return run.flatMap((text, at) => (at === 0 || CODE_FLAG.test(run[at - 1]!) || CODE_JOINED.test(text) ? [at] : []));
}

/** What is kept of a line that does not end. */
const MAX_LINE = 64 * 1024;
/** Wall clock that the node's own timeout, which comes first, never reaches. */
const NO_LIMIT_MS = 2 ** 31 - 1;

/** Runs a program in the sandbox. Values come in as arguments, input and variables, never as text of a script. */
export function command(place: CommandPlace): NodeType<Config> {
  return {
    type: "command",
    description: "Runs a program in a sandbox: no network, no home, and only what is named can be changed.",
    config,
    expressions: [],
    literal: [
      "cwd",
      "write",
      "network",
      "memory_mb",
      "cpu_seconds",
      "processes",
      "file_mb",
      "output_kb",
      "allow_failure",
    ],
    secrets: ["env"],
    output: () => ({
      type: "object",
      properties: { code: { type: ["integer", "null"] }, stdout: { type: "string" }, stderr: { type: "string" } },
      required: ["code", "stdout", "stderr"],
    }),
    onCrash: "ask",
    reach,
    target: ({ run: [program = ""] }) => program,
    execute: (attempt) => runIn(place, attempt),
  };
}

function reach({ run, cwd = ".", write, network, env }: Record<string, unknown>): Reached {
  const names = Object.keys(typeof env === "object" && env !== null ? env : {});
  const secrets = secretsIn(env);
  return {
    what: JSON.stringify(run),
    with: [
      ...(cwd === "." ? [] : [`in: ${String(cwd)}`]),
      ...(Array.isArray(write) && write.length > 0 ? [`may write: ${write.join(", ")}`] : []),
      ...(network === true ? ["has this machine's network"] : []),
      ...(names.length > 0 ? [`variables: ${names.join(", ")}`] : []),
      ...(secrets.length > 0 ? [`secrets: ${secrets.join(", ")}`] : []),
    ],
  };
}

async function runIn(place: CommandPlace, attempt: Attempt<Config>): Promise<Outcome> {
  const { config: given, signal } = attempt;
  const { worktree } = place;
  const lines = new LogLines(attempt.log);
  const inside = (path: string) => within(worktree, path);
  const result = await place.sandbox.run({
    argv: given.run,
    cwd: inside(given.cwd),
    readable: [worktree, ...place.programs],
    writable: given.write.map(inside),
    hidden: [join(worktree, ".specloop")],
    protected: ["hooks", "config", "config.worktree", "info"].map((name) => join(worktree, ".git", name)),
    env: { PATH: pathOf(place.programs), ...given.env },
    network: given.network,
    input: given.input,
    limits: {
      ms: NO_LIMIT_MS,
      cpuSeconds: given.cpu_seconds,
      memoryBytes: given.memory_mb * MB,
      processes: given.processes,
      fileBytes: given.file_mb * MB,
      outputBytes: given.output_kb * 1024,
    },
    signal,
    onOutput: (stream, text) => lines.add(stream, text),
  });
  lines.end();
  return outcomeOf(result, given);
}

function pathOf(programs: string[]): string {
  return [...programs.filter((path) => basename(path) === "bin"), "/usr/bin", "/bin"].join(":");
}

function outcomeOf({ code, signal, ended, stdout, stderr }: SandboxResult, given: Config): Outcome {
  if (ended === "by itself" && (code === 0 || (given.allow_failure && code !== null)))
    return { outcome: "done", output: { code, stdout, stderr } };
  const how =
    ended === "by itself" ? (code === null ? `was ended by ${signal}` : `ended with ${code}`) : `was ended: ${ended}`;
  const last = (stderr.trim() || stdout.trim()).split("\n").at(-1)?.slice(0, 300);
  const message = `${given.run[0]} ${how}${last ? `: ${last}` : ""}`;
  return { outcome: "failed", kind: "failed", message, details: { code, stdout, stderr } };
}

/** Whole lines, so that a secret in one is found however its pieces came. */
class LogLines {
  readonly #log: (line: string) => void;
  readonly #begun = { stdout: "", stderr: "" };

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  add(stream: "stdout" | "stderr", text: string): void {
    const lines = (this.#begun[stream] + text).split("\n");
    this.#begun[stream] = lines.pop()!.slice(-MAX_LINE);
    for (const line of lines) this.#log(`${stream}: ${line}`);
  }

  end(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.#begun[stream] !== "") this.#log(`${stream}: ${this.#begun[stream]}`);
    }
  }
}

function within(worktree: string, path: string): string {
  const absolute = join(worktree, path);
  if (!isAbsolute(path) && isInside(worktree, absolute)) return absolute;
  throw new SpecloopError("path_outside_root", `The path "${path}" leads outside the repository.`, { target: path });
}
