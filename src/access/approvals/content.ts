import type { Git } from "../../adapters/git/index.ts";
import { withoutTicks } from "../../adapters/openspec/index.ts";
import { canonicalJson, sha256 } from "../../foundation/hash.ts";

const TASKS = /(?:^|\/)tasks\.md$/i;

/** What is approved, as git has it. */
export type ContentGit = Pick<Git, "list" | "read">;

/** Blob id of each path at a commit, null for "not there". */
async function blobsAt(git: ContentGit, commit: string, paths: readonly string[]): Promise<Map<string, string | null>> {
  const entries = await Promise.all(
    paths.map(async (path) => [path, (await git.list(commit, path)).get(path) ?? null] as const),
  );
  return new Map(entries);
}

/**
 * Hash over the paths and what they are at a commit, in any order of the paths. Of a `tasks.md` the ticks don't count: a
 * task that is done voids no approval, another text does.
 */
export async function contentHashAt(git: ContentGit, commit: string, paths: readonly string[]): Promise<string> {
  const blobs = await blobsAt(git, commit, [...new Set(paths)].toSorted());
  const entries: [string, string | null][] = [];
  for (const [path, blob] of blobs) {
    const bytes = blob !== null && TASKS.test(path) ? await git.read(commit, path) : null;
    entries.push([path, bytes ? `tasks:${sha256(withoutTicks(bytes.toString("latin1")))}` : blob]);
  }
  return sha256(canonicalJson(entries));
}
