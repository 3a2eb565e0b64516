import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { parseJson } from "../../foundation/json.ts";
import type { Installation } from "./locate.ts";
import type { Verdict } from "./port.ts";

const run = promisify(execFile);
const MAX_OUTPUT = 16 * 1024 * 1024;

const outputSchema = z.object({
  items: z
    .array(
      z.object({
        id: z.string(),
        issues: z.array(
          z.object({
            level: z.enum(["ERROR", "WARNING", "INFO"]),
            path: z.string(),
            message: z.string(),
            line: z.number().optional(),
          }),
        ),
      }),
    )
    .min(1),
});

export interface CliRequest {
  installation: Installation;
  /** Folder that holds `openspec/`. */
  project: string;
  change: string;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** The verdict by OpenSpec's command line: about 0.6 s of CPU each, so only where it cannot be loaded. */
export async function verdictByCommand(request: CliRequest): Promise<Verdict> {
  const started = performance.now();
  const validate = ["validate", request.change, "--type", "change", "--strict", "--json", "--no-interactive"];
  const output = await call(request, validate);
  const parsed = outputSchema.safeParse(parseJson(output));
  const item = parsed.data?.items.find(({ id }) => id === request.change);
  if (!item) {
    throw new SpecloopError("no_validator", `OpenSpec's command line gave no verdict: ${output.slice(0, 300).trim()}`);
  }
  const version =
    request.installation.kind === "package"
      ? request.installation.version
      : (await call(request, ["--version"])).trim();
  const issues = item.issues.map(({ line, ...issue }) => (line === undefined ? issue : { ...issue, line }));
  return { valid: isValid(issues), version, source: "cli", issues, ms: Math.round(performance.now() - started) };
}

/** Strict: a warning counts as an error. */
export function isValid(issues: { level: string }[]): boolean {
  return issues.every(({ level }) => level === "INFO");
}

/** stdout, also when the exit status says that the change is invalid. */
async function call({ installation, project, env, signal }: CliRequest, args: string[]): Promise<string> {
  const [file, before] =
    installation.kind === "package"
      ? [process.execPath, [join(installation.directory, "bin", "openspec.js")]]
      : [installation.executable, []];
  const child = run(file, [...before, ...args], { cwd: project, env, signal, maxBuffer: MAX_OUTPUT });
  child.child.stdin?.end();
  try {
    return (await child).stdout;
  } catch (error) {
    signal.throwIfAborted();
    const stdout = error instanceof Error && "stdout" in error ? String(error.stdout) : "";
    if (stdout.trim() !== "") return stdout;
    throw new SpecloopError("no_validator", `OpenSpec's command line failed: ${String(error)}`, { cause: error });
  }
}
