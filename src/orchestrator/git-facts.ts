import type { Git } from "../adapters/git/index.ts";
import type { Document } from "./document.ts";
import type { Place } from "./state.ts";

/** What HEAD has below one planning root: folder of a change -> path inside it -> blob id. */
export interface HeadFiles {
  commit: string | null;
  branch: string | null;
  byFolder: Map<string, Map<string, string>>;
}

export const NO_HEAD: HeadFiles = { commit: null, branch: null, byFolder: new Map() };

/** One listing of HEAD for all changes of a root; the last one is kept while HEAD stays. */
export async function headFiles(git: Git, root: string, last: HeadFiles): Promise<HeadFiles> {
  const { commit, branch } = await git.head();
  if (commit === null) return { ...NO_HEAD, branch };
  if (commit === last.commit) return { ...last, branch };
  return { ...(await filesAt(git, root, commit)), branch };
}

/** The same of any commit. */
export async function filesAt(git: Git, root: string, commit: string): Promise<HeadFiles> {
  return { commit, branch: null, byFolder: byFolder(await git.list(commit, `${root}/changes`), root) };
}

/** Groups paths by change; what lies in the archive is left out. */
function byFolder(files: Map<string, string>, root: string): HeadFiles["byFolder"] {
  const groups: HeadFiles["byFolder"] = new Map();
  const start = `${root}/changes/`;
  for (const [path, blob] of files) {
    const [id, ...rest] = path.slice(start.length).split("/");
    if (!path.startsWith(start) || id === "archive" || rest.length === 0) continue;
    const folder = `${start}${id}`;
    const group = groups.get(folder) ?? new Map<string, string>();
    groups.set(folder, group.set(rest.join("/"), blob));
  }
  return groups;
}

/**
 * Whether HEAD has exactly these files. Files that git ignores and that HEAD does not have make no difference; the
 * index is not looked at.
 */
export async function placeOf(
  documents: ReadonlyMap<string, Document>,
  folder: string,
  { git, head }: { git: Git; head: HeadFiles },
): Promise<Place> {
  const committed = head.byFolder.get(folder);
  if (!committed) return "untracked";
  const isGone = [...committed.keys()].some((name) => !documents.has(name) && !isLeftOut(name));
  if (isGone) return "modified";
  const differs = [...documents].some(
    ([name, document]) => committed.has(name) && !isSame(document, committed.get(name)!),
  );
  if (differs) return "modified";
  const extra = [...documents.keys()].filter((name) => !committed.has(name));
  if (extra.length === 0) return "committed";
  const visible = new Set(await git.files(folder));
  return extra.some((name) => visible.has(`${folder}/${name}`)) ? "modified" : "committed";
}

function isSame({ revision, normalizedRevision }: Document, blob: string): boolean {
  return revision === null || revision === blob || normalizedRevision === blob;
}

/** Committed files that the reader passes over: hidden ones, and what lies very deep. */
function isLeftOut(name: string): boolean {
  const parts = name.split("/");
  return parts.some((part) => part.startsWith(".") && part !== ".openspec.yaml") || parts.length > 8;
}
