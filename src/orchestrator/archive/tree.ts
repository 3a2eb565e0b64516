import type { Dirent } from "node:fs";
import { readFileSync, readlinkSync } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { gitBlobId, sha256 } from "../../foundation/hash.ts";

/** What lies at a path below a folder: git's blob id of a file, `-> target` of a link. */
export type Tree = Map<string, string>;

/** Everything below a folder, by path inside it; empty when there is no folder. Links are not followed. */
export async function readTree(folder: string): Promise<Tree> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(ignoreMissing);
  const tree: Tree = new Map();
  for (const entry of entries.sort(byPath)) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    tree.set(path.slice(folder.length + 1), contentOf(entry, path));
  }
  return tree;
}

/** One hash for a tree. */
export function hashOfTree(tree: Tree): string {
  return sha256(JSON.stringify([...tree].sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Git's blob id of a file as it is now, null when there is none. */
export function revisionOf(file: string): string | null {
  try {
    return gitBlobId(readFileSync(file));
  } catch (error) {
    if (isCode(error, "ENOENT") || isCode(error, "ENOTDIR")) return null;
    throw error;
  }
}

export async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}

/** Makes names in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync();
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function contentOf(entry: Dirent, path: string): string {
  if (entry.isFile()) return gitBlobId(readFileSync(path));
  return entry.isSymbolicLink() ? `-> ${readlinkSync(path)}` : "special";
}

function byPath(a: Dirent, b: Dirent): number {
  return join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1;
}

function ignoreMissing(error: unknown): Dirent[] {
  if (isCode(error, "ENOENT") || isCode(error, "ENOTDIR")) return [];
  throw error;
}
