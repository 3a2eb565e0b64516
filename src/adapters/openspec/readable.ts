import type { Dirent, Stats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { SpecloopError } from "../../foundation/errors.ts";

const MAX_FILES = 5000;
/** What OpenSpec opens; pictures beside a design do not matter. */
const READ = /\.(?:md|ya?ml)$/i;

/**
 * OpenSpec reads whatever lies in a change, whole and through links: a file of 100 MB costs gigabytes, a link to a device
 * or a pipe never ends. Throws `document_too_large` or `document_not_text` for the first that it had better not open.
 * `project` is the folder that holds `openspec/`.
 */
export async function refuseUnreadable(project: string, change: string, maxBytes: number): Promise<void> {
  const openspec = join(project, "openspec");
  const inChange = await filesBelow(join(openspec, "changes", change));
  const deltas = await readdir(join(openspec, "changes", change, "specs")).catch(() => []);
  const mains = deltas.map((capability) => join(openspec, "specs", capability, "spec.md"));
  for (const file of [...inChange, ...mains, join(openspec, "config.yaml")]) {
    const found = await stat(file).catch(() => null);
    if (found) refuse(file.slice(project.length + 1), found, maxBytes);
  }
}

function refuse(target: string, found: Stats, maxBytes: number): void {
  if (found.isFile() && found.size > maxBytes) {
    throw new SpecloopError(
      "document_too_large",
      `${target} has ${found.size} bytes; OpenSpec is asked up to ${maxBytes}.`,
      { target, fix: "Split it, or raise openspec.maxFileBytes in specloop.yaml." },
    );
  }
  if (found.isFile() || found.isDirectory()) return;
  throw new SpecloopError("document_not_text", `${target} is a device, a pipe or a socket.`, {
    target,
    fix: "Remove it, or the link that leads to it.",
  });
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true }).catch((): Dirent[] => []);
  return entries
    .filter((entry) => !entry.isDirectory() && READ.test(entry.name))
    .slice(0, MAX_FILES)
    .map((entry) => join(entry.parentPath, entry.name));
}
