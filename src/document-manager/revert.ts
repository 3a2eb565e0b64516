import type { Git, HistoryEntry } from "../adapters/git/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { gitBlobId } from "../foundation/hash.ts";
import { readDocument, type Content } from "./document.ts";
import { principalLabel, type Principal } from "../foundation/principal.ts";
import type { PathPolicy } from "./policy.ts";
import type { PreparedFile } from "./prepare.ts";
import type { RevertRequest } from "./types.ts";

interface Dependencies {
  git: Git;
  policy: PathPolicy;
  maxBytes: number;
}

/** What undoes one of our commits, file by file. */
export interface Undoing {
  entry: HistoryEntry;
  files: PreparedFile[];
}

/**
 * Works out the inverse of a commit that specloop made. Throws `bad_input` for any other commit, and `stale_revision`
 * when one of its files is not any more as that commit left it.
 */
export async function prepareRevert(deps: Dependencies, { commit, edit, principal }: RevertRequest): Promise<Undoing> {
  const { git } = deps;
  const id = await git.resolve(commit);
  const [entry] = id === null ? [] : await git.history({ revision: id, limit: 1 });
  if (id === null || !entry?.trailers["Specloop-Edit"]) {
    throw new SpecloopError("bad_input", `${commit} is not a commit that specloop made.`, {
      target: commit,
      fix: "Revert other commits with git revert.",
    });
  }
  const one = entry.edits.length > 1 ? edit : undefined;
  if (!one) refuseForeign(entry, principal);
  const parent = await git.resolve(`${id}^`);
  const [before, after] = await Promise.all([
    parent === null ? new Map<string, string>() : git.list(parent, ""),
    git.list(id, ""),
  ]);
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path) !== after.get(path),
  );
  if (one) refuseShared(one, { id, before, after });
  const paths = one ? one.files.map(({ path }) => path) : changed;
  const files: PreparedFile[] = [];
  for (const path of paths) files.push(await inverse(deps, { path, parent, left: after.get(path) ?? null, id }));
  return { entry, files };
}

/** A commit can hold edits of several; an agent undoes the whole of it only when all of them are its own. */
function refuseForeign({ commit, edits }: HistoryEntry, principal: Principal): void {
  const foreign = edits.find((edit) => edit["Specloop-Principal"] !== principalLabel(principal));
  if (principal.kind !== "agent" || edits.length < 2 || !foreign) return;
  const whose = foreign["Specloop-Principal"] ?? "somebody else";
  throw new SpecloopError("bad_input", `${commit.slice(0, 10)} also holds an edit of ${whose}.`, {
    target: commit,
    fix: "Undo your own edit in it, or make an edit that says what the document said before.",
  });
}

/** One edit goes back by itself where nobody else's edit in the same commit was about its documents. */
function refuseShared(
  { id: edit, files }: NonNullable<RevertRequest["edit"]>,
  { id, before, after }: { id: string; before: Map<string, string>; after: Map<string, string> },
): void {
  const shared = files.find(
    ({ path, base, next }) => (before.get(path) ?? null) !== base || (after.get(path) ?? null) !== next,
  );
  if (!shared) return;
  const why = `${edit} shares its commit ${id.slice(0, 10)} with another edit of ${shared.path}.`;
  const fix = `Undo that edit first, or the whole commit ${id.slice(0, 10)}.`;
  throw new SpecloopError("stale_revision", why, { target: shared.path, fix });
}

interface Inverse {
  path: string;
  /** Commit with the content to go back to; null for a first commit. */
  parent: string | null;
  /** Blob that the commit left. */
  left: string | null;
  id: string;
}

async function inverse(deps: Dependencies, wanted: Inverse): Promise<PreparedFile> {
  const { git, policy, maxBytes } = deps;
  const { path, parent } = wanted;
  const located = policy.locate(path);
  const content = await readDocument(located, maxBytes);
  if (!(await isUntouched(git, wanted, content))) throw changedSince(wanted, content);
  const after = parent === null ? null : await git.read(parent, path);
  const next = after === null ? null : gitBlobId(after);
  const { bytes: before = null, mode = 0o644, revision: base = null } = content ?? {};
  return { ...located, before, after, mode, base, next, edits: 1 };
}

async function isUntouched(git: Git, { path, left }: Inverse, content: Content | null): Promise<boolean> {
  const [now, state] = await Promise.all([git.list("HEAD", path), git.pathState(path)]);
  const settled = state === "clean" || state === "absent";
  return settled && (now.get(path) ?? null) === left && (content === null) === (left === null);
}

function changedSince({ path, id }: Inverse, content: Content | null): SpecloopError {
  const why = `"${path}" changed since commit ${id.slice(0, 10)}, so undoing it could undo that as well.`;
  return new SpecloopError("stale_revision", why, {
    target: path,
    fix: "Undo it by hand, or edit the document instead.",
    details: { revision: content?.revision ?? null, content: content?.text ?? null },
  });
}
