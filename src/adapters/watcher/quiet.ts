import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isRunning } from "../../foundation/processes.ts";

/** OpenSpec holds it during an archive, which is one thing to us (openspec 1.13, `changes/archive`). */
const ARCHIVE_LOCK = join("changes", "archive", ".openspec-archive.lock");

/** Somebody is in the middle of something that is better seen as a whole. */
export type Holder = { kind: "git" | "archive"; path: string };

/** Who holds a lock now; the first one found. */
export async function findHolder(directories: string[], gitDirectories: string[]): Promise<Holder | null> {
  const candidates: Holder[] = [
    ...gitDirectories.map((directory) => ({ kind: "git" as const, path: join(directory, "index.lock") })),
    ...directories.map((directory) => ({ kind: "archive" as const, path: join(directory, ARCHIVE_LOCK) })),
  ];
  const held = await Promise.all(candidates.map(isHeld));
  return candidates.find((_candidate, index) => held[index]) ?? null;
}

/** An archive that was killed leaves its lock, which names its process, for ever: then nobody is in the middle of it. */
async function isHeld({ kind, path }: Holder): Promise<boolean> {
  if (kind === "git") return exists(path);
  const text = await readFile(path, "utf8").catch(() => null);
  const pid = text === null ? undefined : /"pid":\s*(\d{1,10})\b/.exec(text)?.[1];
  return text !== null && (pid === undefined || isRunning(Number(pid)));
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
