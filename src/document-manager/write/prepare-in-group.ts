import type { Git } from "../../adapters/git/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { gitBlobId } from "../../foundation/hash.ts";
import type { Live } from "../../foundation/options.ts";
import type { Principal } from "../../foundation/principal.ts";
import { decode, readDocument, tooLarge, type Content } from "../document.ts";
import type { DocumentOptions } from "../options.ts";
import { requireBase, type PreparedFile, type Preparer, type Wanted } from "../prepare.ts";
import type { Group } from "./group.ts";
import { mergeStale } from "./merge-stale.ts";

interface Dependencies {
  git: Git;
  preparer: Preparer;
  options: Live<DocumentOptions>;
}

interface Task {
  wanted: Wanted[];
  principal: Principal;
  group: Group;
}

/**
 * Works out edits on what the documents are once the group is written. An edit that was made against an older revision
 * is merged where both changes can stand; else it is `stale_revision`, with what the document is now.
 */
export async function prepareInGroup(
  deps: Dependencies,
  { wanted, principal, group }: Task,
): Promise<{ files: PreparedFile[]; remark: string }> {
  const merged: string[] = [];
  const files = await Promise.all(
    wanted.map(async (file) => {
      const current = group.content(file.path) ?? (await readDocument(file, deps.options.current.maxBytes));
      // A document that is made now also has to be one that git does not ignore.
      if (!current) return deps.preparer.inWorktree(file, principal);
      const stale = staleness(file, current, principal);
      if (!stale) return deps.preparer.apply(file, current);
      const both = await merge(deps, file, current);
      if (!both) throw stale;
      merged.push(file.path);
      return both;
    }),
  );
  const remark = merged.length === 0 ? "" : ` Merged with what changed in ${merged.join(", ")} meanwhile.`;
  return { files, remark };
}

function staleness(file: Wanted, current: Content, principal: Principal): SpecloopError | null {
  try {
    requireBase(file, current, principal);
    return null;
  } catch (error) {
    if (error instanceof SpecloopError && error.code === "stale_revision") return error;
    throw error;
  }
}

async function merge(
  { git, preparer, options }: Dependencies,
  file: Wanted,
  current: Content,
): Promise<PreparedFile | null> {
  const { baseRevision, path, absolute, edits } = file;
  if (baseRevision === undefined || !/^[0-9a-f]{40}$/.test(baseRevision)) return null;
  const bytes = (await git.readBlobs([baseRevision])).get(baseRevision);
  const { maxBytes } = options.current;
  if (!bytes || bytes.length > maxBytes) return null;
  const base: Content = { bytes, text: decode(bytes, path), revision: baseRevision, mode: current.mode };
  await preparer.apply(file, base); // The edit by itself has to be a good one.
  const text = mergeStale({ base: base.text, current: current.text, edits, path });
  if (text === null) return null;
  const after = Buffer.from(text, "utf8");
  if (after.length > maxBytes) throw tooLarge(path, after.length, maxBytes);
  const { bytes: before, revision, mode } = current;
  return { path, absolute, before, after, mode, base: revision, next: gitBlobId(after), edits: edits.length };
}
