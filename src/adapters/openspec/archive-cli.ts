import { spawn } from "node:child_process";
import { join } from "node:path";
import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { parseJson } from "../../foundation/json.ts";
import type { Installation } from "./locate.ts";

/** Longest that OpenSpec may take for one archive. */
const TIMEOUT_MS = 60_000;
const MAX_OUTPUT = 4 * 1024 * 1024;

export interface ArchiveRequest {
  installation: Installation;
  /** Folder that holds `openspec/`; it is written to. */
  project: string;
  change: string;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** What OpenSpec says of an archive that it made. */
export interface ArchiveReport {
  /** Name of the folder below changes/archive, as it says. */
  archivedAs: string;
  /** Null where a command of an unknown package made it. */
  version: string | null;
  totals: { added: number; modified: number; removed: number; renamed: number };
  warnings: string[];
}

const count = z.number().optional().default(0);
const reportSchema = z.object({
  archive: z.object({
    archivedAs: z.string().min(1),
    totals: z
      .object({ added: count, modified: count, removed: count, renamed: count })
      .nullish()
      .transform((totals) => totals ?? { added: 0, modified: 0, removed: 0, renamed: 0 }),
    warnings: z.array(z.string()).optional().default([]),
  }),
});
const problemSchema = z.object({
  status: z.array(z.object({ code: z.string(), message: z.string(), fix: z.string().optional() })).min(1),
});

/**
 * OpenSpec's own command archives a change; nobody else merges deltas. Throws `archive_refused` with what OpenSpec says,
 * also when it says nothing that can be understood: the caller then has nothing that it could rely on.
 */
export async function archiveByCommand(request: ArchiveRequest): Promise<ArchiveReport> {
  const { installation, change } = request;
  const args = ["archive", "--yes", "--json", "--", change];
  const { stdout, stderr, code } = await call(request, args);
  const said = parseJson(stdout);
  const report = reportSchema.safeParse(said);
  if (code === 0 && report.success) {
    return { ...report.data.archive, version: installation.kind === "package" ? installation.version : null };
  }
  const problem = problemSchema.safeParse(said).data?.status[0];
  if (problem) throw refusal(change, problem);
  const words = (stderr.trim() || stdout.trim() || `exit code ${code}`).slice(-500);
  const message = `OpenSpec's archive command gave no result that can be read: ${words}`;
  throw refusal(change, { code: "openspec_unreadable", message });
}

function refusal(target: string, { code, message, fix }: { code: string; message: string; fix?: string | undefined }) {
  const advice = fix === undefined ? {} : { fix };
  const reasons = [{ severity: "error" as const, code, message: `OpenSpec refuses: ${message}`, target, ...advice }];
  return new SpecloopError("archive_refused", `OpenSpec refuses to archive ${target}: ${message}`, {
    target,
    ...advice,
    details: { reasons },
  });
}

interface Said {
  stdout: string;
  stderr: string;
  code: number | null;
}

/** stdin stays closed, so that nothing is ever asked; what hangs is ended. */
function call({ installation, project, env, signal }: ArchiveRequest, args: string[]): Promise<Said> {
  const [file, before] =
    installation.kind === "package"
      ? [process.execPath, [join(installation.directory, "bin", "openspec.js")]]
      : [installation.executable, []];
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const { promise, resolve, reject } = Promise.withResolvers<Said>();
  const child = spawn(file, [...before, ...args], {
    cwd: project,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.any([signal, timeout]),
    killSignal: "SIGKILL",
    windowsHide: true,
  });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      if (said[name].length < MAX_OUTPUT) said[name] += text;
    });
  }
  child.on("error", (error) => reject(signal.aborted ? signal.reason : unusable(error, timeout.aborted)));
  child.on("close", (code) => resolve({ ...said, code }));
  return promise;
}

function unusable(cause: unknown, timedOut: boolean): SpecloopError {
  const why = timedOut ? `did not end within ${TIMEOUT_MS / 1000} s` : `could not be run: ${String(cause)}`;
  return new SpecloopError("no_validator", `OpenSpec's archive command ${why}.`, { cause });
}
