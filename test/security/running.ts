import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "vitest";
import { type RunningDaemon, specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";

export const FILES = {
  "openspec/changes/a/proposal.md": "## Why\n\nThe heron nests in the reeds.\n",
  "openspec/specs/birds/spec.md": "## Requirements\n\n### Requirement: Nests\nThe heron nests in the reeds.\n",
  "docs/secret.md": "# Secret\n\nThe vault combination is 4711.\n",
};

/** A daemon over a repository with something to hide. */
export interface Running extends AsyncDisposable {
  daemon: RunningDaemon;
  repository: TemporaryRepository;
  token: string;
  /** Registers an agent with the command line and gives its token. */
  agent(name: string, ...options: string[]): Promise<string>;
  run(...args: string[]): ReturnType<typeof specloop>;
  audit(): { actor: string; action: string; target: string; detail: string }[];
}

export async function running(): Promise<Running> {
  const repository = await temporaryRepository(FILES);
  const daemon = await startDaemon(repository.path);
  const run = (...args: string[]) => specloop([...args, "--repo", repository.path]);
  return {
    daemon,
    repository,
    run,
    token: readFileSync(join(repository.path, ".specloop/token"), "utf8").trim(),
    agent: async (name, ...options) => {
      const { stdout, stderr } = await run("agent", "add", name, ...options, "--json");
      expect(stderr).toBe("");
      return (JSON.parse(stdout) as { token: string }).token;
    },
    audit: () => auditOf(repository),
    [Symbol.asyncDispose]: async () => {
      await daemon[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    },
  };
}

export function auditOf({ path }: TemporaryRepository) {
  const database = new DatabaseSync(join(path, ".specloop/core.db"), { readOnly: true });
  const rows = database.prepare("SELECT actor, action, target, detail FROM audit ORDER BY seq").all();
  database.close();
  return rows as unknown as { actor: string; action: string; target: string; detail: string }[];
}
