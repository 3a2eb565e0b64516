import { readFile, stat } from "node:fs/promises";
import type { Untrusted } from "../../adapters/llm/index.ts";
import { resolveInside } from "../../foundation/paths.ts";
import type { ChangeState } from "../state.ts";

const READ = /\/(?:proposal|design|tasks)\.md$/;

/** A document's text; null when it is not there, too large, or no text. */
export async function readText(
  worktree: string,
  path: string,
  maxBytes: number,
): Promise<{ text: string; bytes: Buffer } | null> {
  const absolute = resolveInside(worktree, path);
  const found = await stat(absolute).catch(() => null);
  if (!found?.isFile() || found.size > maxBytes) return null;
  const bytes = await readFile(absolute);
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), bytes };
  } catch {
    return null;
  }
}

/** What a model is shown of a change: why, how and what is to do. */
export async function readDocuments(worktree: string, state: ChangeState, maxBytes: number): Promise<Untrusted[]> {
  const paths = [...new Set(state.artifacts.flatMap((artifact) => artifact.paths))].filter((path) => READ.test(path));
  const read = await Promise.all(
    paths.map(async (path) => ({ path, found: await readText(worktree, path, maxBytes) })),
  );
  return read.flatMap(({ path, found }) => (found ? [{ label: path, text: found.text }] : []));
}
