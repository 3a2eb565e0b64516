import type { Git } from "../adapters/git/index.ts";

const MAX_FILES = 1_000;

export interface PlanningRequest {
  commit: string;
  /** Path of the planning root. */
  root: string;
  /** Capabilities whose main specs matter to the verdict. */
  capabilities: string[];
  /** Change whose files are wanted as well. */
  change?: string;
}

/**
 * What OpenSpec needs for a verdict on a change that is not in the worktree, read from a commit: configuration, schemas,
 * the main specs that it touches, and its own files if it has some there. Paths are below the planning root.
 */
export async function planningFiles(git: Git, request: PlanningRequest): Promise<Map<string, Uint8Array>> {
  const { commit, root, capabilities, change } = request;
  const wanted = new Set(["config.yaml", "config.yml", ...capabilities.map((name) => `specs/${name}/spec.md`)]);
  const isWanted = (path: string) =>
    wanted.has(path) || path.startsWith("schemas/") || (change !== undefined && path.startsWith(`changes/${change}/`));
  const listed = [...(await git.list(commit, root)).keys()];
  const names = listed
    .map((path) => path.slice(root.length + 1))
    .filter(isWanted)
    .slice(0, MAX_FILES);
  const files = new Map<string, Uint8Array>();
  for (const name of names) {
    const content = await git.read(commit, `${root}/${name}`);
    if (content) files.set(name, content);
  }
  return files;
}
