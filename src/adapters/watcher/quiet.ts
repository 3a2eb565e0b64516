import { access } from "node:fs/promises";
import { join } from "node:path";

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
  const held = await Promise.all(candidates.map(({ path }) => exists(path)));
  return candidates.find((_candidate, index) => held[index]) ?? null;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
