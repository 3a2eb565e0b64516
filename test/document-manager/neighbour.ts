import { chmodSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SpecloopError } from "../../src/foundation/errors.ts";
import type { TemporaryRepository } from "../helpers/repository.ts";
import { agent, type Room } from "./room.ts";

export const path = "openspec/changes/a/proposal.md";
export const other = "openspec/changes/a/tasks.md";
export const fresh = "openspec/changes/new/proposal.md";
export const lines = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
export const files = {
  [path]: "## Why\n\nold\n\n## Notes\n\nnone\n",
  [other]: lines,
  ".gitignore": ".specloop/\nprivate/\n",
};

export async function edit(room: Room, document = path, content = "new"): Promise<string> {
  const edits = [{ kind: "replace_section" as const, section: "Why", content }];
  try {
    const request = { files: [{ path: document, edits }], reason: "Say why", principal: agent };
    return (await room.manager.update(request)).status;
  } catch (error) {
    if (error instanceof SpecloopError) return error.code;
    throw error;
  }
}

export function text(repository: TemporaryRepository, file = path): Promise<string> {
  return readFile(join(repository.path, file), "utf8");
}

export function hook(repository: TemporaryRepository, script: string): void {
  writeFileSync(join(repository.path, ".git/hooks/pre-commit"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(repository.path, ".git/hooks/pre-commit"), 0o755);
}
