import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import type { TemporaryRepository } from "../helpers/repository.ts";
import { projectRoot } from "./setup.ts";

const run = promisify(execFile);
const openspec = join(projectRoot, "node_modules/@fission-ai/openspec/bin/openspec.js");

/** OpenSpec's own archive, as a person runs it. */
export async function archive(repository: TemporaryRepository, id: string): Promise<void> {
  const env = { ...process.env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1", HOME: repository.path };
  const command = run(process.execPath, [openspec, "archive", id, "--yes", "--json"], { cwd: repository.path, env });
  await command.catch((error: unknown) => {
    // What OpenSpec says against it stands on its stdout.
    throw new Error(z.object({ stdout: z.string() }).parse(error).stdout, { cause: error });
  });
}
