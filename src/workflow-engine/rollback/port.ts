import type { Principal } from "../../foundation/principal.ts";

/** A document as a node left it, and as it was before; null where there was none. */
export interface Left {
  path: string;
  before: string | null;
  after: string | null;
}

/** What became of a document that was to be as before; `kept`: it stays, and `why` says who is in the way. */
export interface PutBack {
  path: string;
  became: "restored" | "merged" | "already" | "proposed" | "kept";
  why: string;
  diff: string;
  commit: string | null;
  branch: string | null;
}

/** Documents as undoing a run needs them; the document manager fills it. */
export interface RollbackDesk {
  /** Keeps all documents as they are; null in a repository without a commit. The same name again replaces it. */
  snapshot(name: string, about: { why: string; principal: Principal }): Promise<string | null>;
  hasSnapshot(name: string): Promise<boolean>;
  /**
   * What became different between two snapshots, without what others committed meanwhile; `mine` tells of a commit
   * that it is taken back by itself. Null when one of them is not kept.
   */
  between(
    from: string,
    to: string,
    mine: (commit: string) => boolean,
  ): Promise<{ left: Left[]; others: { path: string; why: string }[] } | null>;
  /** What an edit left behind that was made with this key; `waits`: nobody has decided on it yet. */
  madeWith(
    principal: Principal,
    key: string,
  ): Promise<{ kind: "left"; left: Left[]; commit: string | null } | { kind: "waits"; branch: string } | null>;
  /** Never overwrites what somebody wrote since: it is merged, or the document is `kept`. */
  putBack(request: {
    left: Left[];
    reason: string;
    principal: Principal;
    origin: { run: string };
    key: string;
  }): Promise<PutBack[]>;
}
