import type { Git } from "../adapters/git/index.ts";
import type { PlanningRoot } from "../adapters/openspec/index.ts";
import type { DocumentReader } from "./document-reader.ts";
import { roleInChange, type Document } from "./document.ts";
import { changeOf, type ChangeFiles } from "./change-files.ts";
import type { Snapshot } from "./snapshot.ts";

/** Branches that carry proposed changes: `refs/heads/specloop/<id>`. */
export const PROPOSAL_REFS = "refs/heads/specloop/";
/** Proposals that are looked at; the loop keeps at most three open. */
const MAX_PROPOSALS = 50;
const MAX_FILES = 200;

export interface Proposal {
  id: string;
  branch: string;
  commit: string;
  /** A person merged it: its commit is reachable from HEAD. */
  merged: boolean;
  files: ChangeFiles;
}

/** For roots whose proposals are not ours: they lie on the served repository's branches, or in another repository. */
export const NO_PROPOSALS: Pick<ProposalReader, "of"> = { of: async () => [] };

/** Reads proposals from their branches and keeps them while the branches stay. */
export class ProposalReader {
  readonly #git: Git;
  readonly #reader: DocumentReader;
  #read = new Map<string, ChangeFiles | null>();

  constructor(git: Git, reader: DocumentReader) {
    this.#git = git;
    this.#reader = reader;
  }

  /** Every branch `specloop/<id>` that holds the change `<id>` of this root. */
  async of(root: PlanningRoot, head: string | null): Promise<Proposal[]> {
    const branches = [...(await this.#git.branches(PROPOSAL_REFS))].slice(0, MAX_PROPOSALS);
    const kept = new Map<string, ChangeFiles | null>();
    const proposals: Proposal[] = [];
    for (const [ref, commit] of branches) {
      const id = ref.slice(PROPOSAL_REFS.length);
      const branch = ref.slice("refs/heads/".length);
      const key = `${root.path}\0${ref}\0${commit}`;
      const known = this.#read.get(key);
      const files = known === undefined ? await this.#readFiles(root, { id, branch, commit }) : known;
      kept.set(key, files);
      if (!files) continue;
      const merged = head !== null && (await this.#git.isAncestor(commit, head));
      proposals.push({ id, branch, commit, merged, files });
    }
    for (const [key, files] of this.#read) if (!key.startsWith(`${root.path}\0`)) kept.set(key, files);
    this.#read = kept;
    return proposals;
  }

  async #readFiles(
    root: PlanningRoot,
    at: { id: string; branch: string; commit: string },
  ): Promise<ChangeFiles | null> {
    const folder = `${root.path}/changes/${at.id}`;
    const listed = await this.#git.list(at.commit, folder);
    const names = [...listed.keys()].filter((path) => path.startsWith(`${folder}/`));
    if (names.length === 0) return null;
    const documents = new Map<string, Document>();
    for (const path of names.slice(0, MAX_FILES)) {
      const name = path.slice(folder.length + 1);
      const bytes = await this.#git.read(at.commit, path);
      if (bytes) documents.set(name, this.#reader.parse(bytes, path, roleInChange(name)));
    }
    const { id, branch } = at;
    return changeOf({ id, documents, truncated: names.length > MAX_FILES, git: "branch", branch });
  }
}

/**
 * Adds to a snapshot the proposals that wait: not merged, and neither in the worktree nor in the archive.
 */
export function withProposals(snapshot: Snapshot, proposals: Proposal[]): Snapshot {
  const changes = new Map(snapshot.changes);
  for (const { id, merged, files } of proposals) {
    if (!merged && !changes.has(id) && archiveNameOf(id, snapshot.archived) === null) changes.set(id, files);
  }
  return { ...snapshot, changes };
}

/** What merged proposals approve: the plan that was on their branch, by change. */
export function approvedPlans(proposals: Proposal[]): { change: string; planHash: string; commit: string }[] {
  const merged = proposals.filter((proposal) => proposal.merged);
  return merged.map(({ id, commit, files }) => ({ change: id, planHash: files.planHash, commit }));
}

/** What OpenSpec puts before a change's id when it archives it, unless the id begins with a date already. */
export const ARCHIVE_DATE = /^\d{4}-\d{2}-\d{2}-(?=.)/;

/** The archive's folder of a change: `2026-11-21-<id>`, the newest of several, or the folder that is named itself. */
export function archiveNameOf(id: string, archived: string[]): string | null {
  if (archived.includes(id)) return id;
  return (
    archived
      .filter((name) => name.replace(ARCHIVE_DATE, "") === id)
      .toSorted()
      .at(-1) ?? null
  );
}
