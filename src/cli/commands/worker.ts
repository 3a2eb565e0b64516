import { resolve } from "node:path";
import type { Command } from "commander";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Bind } from "../bind.ts";
import type { CliContext } from "../context.ts";

interface Options {
  database?: string;
  concurrency?: string;
  types?: string;
  standIn?: boolean;
  drain: string;
}

/** Beyond the drain: what does not end although it was told to is ended the hard way. */
const LAST_RESORT_MS = 10_000;

export function registerWorker(program: Command, bind: Bind): void {
  program
    .command("worker")
    .description("take nodes of a team's runs, in a clone of its own and without doors, until Ctrl-C")
    .argument("[path]", "any path inside the clone; like --repo")
    .option("--database <url>", "the team's store (better in SPECLOOP_STORE, where other users cannot read it)")
    .option("--concurrency <n>", "nodes at once")
    .option("--types <list>", "only nodes of these types, such as llm,transform")
    .option("--stand-in", "also nodes that are tied to another clone, such as commands; they are done in this one")
    .option("--drain <seconds>", "how long nodes may go on when it is told to stop", "25")
    .action(
      bind((context, [path], options) => {
        if (path !== undefined) context.path = resolve(path);
        return work(context, options as unknown as Options);
      }),
    );
}

async function work({ path, env, output, signal }: CliContext, options: Options): Promise<void> {
  const { database, concurrency, types, standIn = false, drain } = options;
  const drainMs = numberOf("--drain", drain) * 1000;
  const flags = {
    "store.url": database,
    "workflows.concurrency": concurrency === undefined ? undefined : numberOf("--concurrency", concurrency),
    "workflows.types": types?.split(",").map((type) => type.trim()),
  };
  const { runWorker } = await import("../../daemon.ts");
  await runWorker({
    path,
    env,
    flags,
    signal,
    worker: { standsIn: standIn, drainMs },
    logToStderr: env["SPECLOOP_LOG_STDERR"] === "1",
    onStarted: ({ repository }) => {
      const taken = { pid: process.pid, repository, types: flags["workflows.types"] ?? null, standIn };
      output.result(taken, () => `${described(taken)}\nCtrl-C stops it.`);
    },
    onStopping: () => {
      output.note(`specloop takes no more nodes and waits up to ${drain} s for those under way.`);
      // A second Ctrl-C: others take what was under way when its lease ends.
      process.once("SIGINT", () => process.exit(130));
      setTimeout(() => process.exit(70), drainMs + LAST_RESORT_MS).unref();
    },
  });
  output.note("specloop stopped.");
}

function described({ repository, types, standIn }: { repository: string; types: string[] | null; standIn: boolean }) {
  const what = types === null ? "nodes" : `${types.join(", ")} nodes`;
  return `specloop takes ${what} of the team's runs in ${repository}${standIn ? ", also those tied to other clones" : ""}.`;
}

function numberOf(option: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new SpecloopError("bad_input", `${option} takes a number, not "${text}".`);
}
