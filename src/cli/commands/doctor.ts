import { existsSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Command } from "commander";
import { findPlaces } from "../../places.ts";
import type { Finding } from "../diagnose.ts";
import type { CliContext } from "../context.ts";
import type { Bind } from "../bind.ts";
import { forPeople } from "../wording.ts";

export function registerDoctor(program: Command, bind: Bind): void {
  program
    .command("doctor")
    .description("check everything specloop needs, with a way out for each problem; works with and without a daemon")
    .option("--rebuild", "throw indexes away and set damaged databases aside; the daemon must be stopped")
    .action(bind((context, _args, options) => (options["rebuild"] ? rebuild(context) : doctor(context))));
}

async function doctor(context: CliContext): Promise<number> {
  const { diagnose } = await import("../diagnose.ts");
  const findings = await diagnose(context);
  const failing = findings.some((finding) => finding.status === "failing");
  context.output.result({ ok: !failing, checks: findings }, () => describe(findings, context));
  return failing ? 1 : 0;
}

const MARKS = { ok: ["green", "ok     "], warning: ["yellow", "warning"], failing: ["red", "failing"] } as const;

function describe(findings: Finding[], context: CliContext): string {
  const { output } = context;
  const width = Math.max(0, ...findings.map(({ name }) => name.length));
  return findings
    .flatMap(({ name, status, message, fix }) => {
      const [color, mark] = MARKS[status];
      const line = `${output.style(color, mark)}  ${name.padEnd(width)}  ${message}`;
      return fix && status !== "ok"
        ? [line, `${" ".repeat(width + 11)}${output.style("dim", forPeople(fix, context))}`]
        : [line];
    })
    .join("\n");
}

async function rebuild(context: CliContext): Promise<void> {
  const { acquireProcessLock, quarantineIfDamaged } = await import("../../adapters/store/index.ts");
  const { paths } = await findPlaces(context.path);
  if (!existsSync(dirname(paths.lockDb))) return rebuilt(context, []);
  using _lock = acquireProcessLock(paths.lockDb, { pid: process.pid, socket: paths.socket, startedAt: Date.now() });
  const done: string[] = [];
  for (const suffix of ["", "-wal", "-shm"]) {
    if (!existsSync(paths.indexDb + suffix)) continue;
    rmSync(paths.indexDb + suffix);
    done.push(`removed ${paths.indexDb}${suffix}; it is built again at the next start`);
  }
  for (const path of [paths.coreDb, paths.telemetryDb]) {
    const aside = existsSync(path) ? quarantineIfDamaged(path) : null;
    if (aside) done.push(`${path} was damaged and is now ${aside}`);
  }
  rebuilt(context, done);
}

function rebuilt({ output }: CliContext, done: string[]): void {
  output.result({ done }, () => (done.length > 0 ? done.join("\n") : "Nothing had to be rebuilt."));
}
