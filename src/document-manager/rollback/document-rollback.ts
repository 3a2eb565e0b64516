import type { Git } from "../../adapters/git/index.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { Edit, EditRows } from "../edit-rows.ts";
import { type PutBack, putBack, type PutBackRequest } from "./put-back.ts";
import type { Difference, Left, Snapshots } from "./snapshots.ts";

interface Dependencies {
  git: Git;
  rows: EditRows;
  snapshots: Snapshots;
  putBack: Parameters<typeof putBack>[0];
}

/** What an edit left behind; `waits`: it is a proposal that nobody has decided on. */
export type MadeWith = { kind: "left"; left: Left[]; commit: string | null } | { kind: "waits"; branch: string } | null;

/** Documents as others, who did several things, need them to take those back: runs of workflows. */
export class DocumentRollback {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** See `Snapshots.take`. */
  snapshot(name: string, about: { why: string; principal: Principal }): Promise<string | null> {
    return this.#deps.snapshots.take(name, about);
  }

  async hasSnapshot(name: string): Promise<boolean> {
    return (await this.#deps.snapshots.of(name)) !== null;
  }

  /** Null when one of the two is not kept (any more). */
  async between(from: string, to: string, mine: (commit: string) => boolean): Promise<Difference | null> {
    const { snapshots } = this.#deps;
    const [before, after] = await Promise.all([snapshots.of(from), snapshots.of(to)]);
    return before === null || after === null ? null : snapshots.between(before, after, mine);
  }

  /** Null when no edit was made with this key, or it changed nothing. */
  async madeWith(principal: Principal, key: string): Promise<MadeWith> {
    const edit = await this.#deps.rows.withKey(principal, key);
    if (!edit || edit.files.length === 0) return null;
    if (edit.state === "proposed") {
      const merged = edit.commit !== null && (await this.#deps.git.isAncestor(edit.commit, "HEAD"));
      if (!merged) return { kind: "waits", branch: edit.branch ?? "" };
    }
    return { kind: "left", left: await this.#leftBy(edit), commit: edit.commit };
  }

  putBack(request: PutBackRequest): Promise<PutBack[]> {
    return putBack(this.#deps.putBack, request);
  }

  /** From the blobs that the edit names; from its commit where git keeps other bytes than the working tree has. */
  async #leftBy({ files, commit }: Edit): Promise<Left[]> {
    const { git } = this.#deps;
    const blobs = await git.readBlobs(files.flatMap(({ base, next }) => [base ?? [], next ?? []].flat()));
    const text = async (path: string, blob: string | null, revision: string | null) => {
      if (blob === null) return null;
      const bytes = blobs.get(blob) ?? (revision === null ? null : await git.read(revision, path));
      return bytes?.toString("utf8") ?? null;
    };
    return Promise.all(
      files.map(async ({ path, base, next }) => ({
        path,
        before: await text(path, base, commit && `${commit}^`),
        after: await text(path, next, commit),
      })),
    );
  }
}
