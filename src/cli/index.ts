import { Command, CommanderError } from "commander";
import { ZodError, z } from "zod";
import { SpecloopError, toSpecloopError } from "../foundation/errors.ts";
import { VERSION } from "../foundation/version.ts";
import type { Bind } from "./bind.ts";
import { COMMANDS } from "./commands/index.ts";
import { repositoryPath, type CliContext, type GlobalOptions } from "./context.ts";
import { Output } from "./output.ts";
import { forPeople, withoutToolName } from "./wording.ts";

/** A process as the command line sees it. */
export interface CliProcess {
  env: Record<string, string | undefined>;
  stdin: NodeJS.ReadableStream;
  stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  stderr: NodeJS.WritableStream;
  on(event: NodeJS.Signals, listener: () => void): unknown;
  off(event: NodeJS.Signals, listener: () => void): unknown;
}

const EXAMPLES = `
Examples:
  specloop init                      create openspec/ and the client configuration
  specloop up                        run the daemon here, in the foreground
  specloop ask "How are tasks counted?"
  specloop changes                   every change, its stage and findings
  specloop call --list               every tool, with its input
  specloop demo                      watch the whole story in a temporary repository

Every command takes --repo PATH and --json.`;

/** Runs one command line; resolves with the exit code. */
export async function runCli(argv: string[], process: CliProcess): Promise<number> {
  const stop = new AbortController();
  const again = new AbortController();
  const onSignal = () => (stop.signal.aborted ? again : stop).abort(new SpecloopError("cancelled", "Interrupted."));
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  // The window of the terminal was closed: end as in every other case, so that nothing is left behind.
  process.on("SIGHUP", onSignal);
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedPipe);
  let code = 0;
  const bind: Bind =
    (action) =>
    async (...received) => {
      const command = received.at(-1) as Command;
      const context = createContext(command.optsWithGlobals<GlobalOptions>(), process, {
        signal: stop.signal,
        again: again.signal,
      });
      code = await settle(context, () => action(context, command.args, command.opts()));
    };
  try {
    await buildProgram(bind, process).parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    code = error.exitCode === 0 ? 0 : 64;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    process.off("SIGHUP", onSignal);
  }
  return code;
}

/** `specloop demo | head`, or a window that was closed: whoever read has gone, and what runs goes on. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
}

/** Where help and complaints about arguments go. */
type Streams = Pick<CliProcess, "stdout" | "stderr">;

/** The commands with their help; `bind` decides what happens when one is chosen. */
export function buildProgram(bind: Bind, streams: Streams): Command {
  const program = new Command("specloop")
    .description("A daemon and MCP server beside a git repository that uses OpenSpec.")
    .version(VERSION)
    .option("--repo <path>", "any path inside the repository (default: here)")
    .option("--json", "one JSON document on stdout, prose on stderr")
    .addHelpText("after", EXAMPLES)
    .showHelpAfterError("Run specloop --help for the commands.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    });
  for (const register of COMMANDS) register(program, bind);
  for (const command of program.commands) inheritGlobals(command);
  return program;
}

/** `specloop changes --json` as well as `specloop --json changes`. */
function inheritGlobals(command: Command): void {
  command.showHelpAfterError(`Usage: ${usageOf(command)}`);
  command.option("--repo <path>", "any path inside the repository").option("--json", "one JSON document on stdout");
  for (const inner of command.commands) inheritGlobals(inner);
}

/** `specloop doc read [options] <path>` */
function usageOf(command: Command): string {
  const parents: string[] = [];
  for (let parent = command.parent; parent; parent = parent.parent) parents.unshift(parent.name());
  return [...parents, command.name(), command.usage()].join(" ");
}

function createContext(
  options: GlobalOptions,
  process: CliProcess,
  signals: Pick<CliContext, "signal" | "again">,
): CliContext {
  const { env, stdin, stdout, stderr } = process;
  const color = Boolean(stdout.isTTY) && !env["NO_COLOR"];
  const columns = stdout.isTTY ? (stdout.columns ?? 80) : undefined;
  const output = new Output({ json: options.json ?? false, color, columns, stdout, stderr });
  return { env, path: repositoryPath(options), output, stdin, ...signals };
}

async function settle(context: CliContext, action: () => Promise<number | void>): Promise<number> {
  try {
    return (await action()) ?? 0;
  } catch (thrown) {
    if (context.signal.aborted) return 130;
    const error = thrown instanceof ZodError ? badInput(thrown) : toSpecloopError(thrown);
    const { output } = context;
    if (output.json) output.result({ error: { ...error.toDiagnostic(), details: error.details } }, () => "");
    output.problem(
      `${output.style("red", "error")} ${withoutToolName(error.message)}\n  ${output.style("dim", forPeople(error.fix, context))}`,
    );
    return error.exit;
  }
}

function badInput(error: ZodError): SpecloopError {
  return new SpecloopError("bad_input", z.prettifyError(error), { cause: error });
}
