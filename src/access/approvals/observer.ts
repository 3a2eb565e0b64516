import type { Arrivals, Git, Signatures } from "../../adapters/git/index.ts";
import { toSpecloopError } from "../../foundation/errors.ts";
import type { Logger } from "../../foundation/logger.ts";
import { contentHashAt } from "./content.ts";
import type { Evidence, EvidenceChecker } from "./evidence.ts";
import { pathsOf } from "./rows.ts";
import { tagOf } from "./statement.ts";
import type { ApprovalRow } from "./tables.ts";

/** What git says about a request now. */
export type Observation =
  | { kind: "nothing" }
  | { kind: "moved"; why: string }
  /** `counts` is false where git does not tell that a person brought it. */
  | { kind: "arrived"; commit: string; evidence: Evidence; counts: boolean }
  | { kind: "approved"; evidence: Evidence }
  /** A proof is there and does not count; `proof` names it, so that it is reported once. */
  | { kind: "refused"; proof: string; why: string };

interface Dependencies {
  git: Git;
  arrivals: Pick<Arrivals, "of">;
  signatures: Signatures;
  evidence: EvidenceChecker;
  logger: Logger;
}

const TAGS = "refs/tags/specloop/approve/";

/** Looks at git for what became of a request: merged, moved, signed. Writes nothing. */
export class Observer {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  async look(row: ApprovalRow): Promise<Observation> {
    if (row.operation === "policy") return this.#tag(row);
    const { git } = this.#deps;
    const head = await git.head();
    const here = head.commit !== null && !head.branch?.startsWith("specloop/") ? head.commit : null;
    const arrived = here === null ? null : await this.#arrival(row, here);
    if (arrived) return arrived;
    // Written by hand on the person's own branch.
    if (row.branch === "") return this.#tag(row);
    const tip = await git.resolve(`refs/heads/${row.branch}`);
    if (tip === null) return { kind: "moved", why: `the branch ${row.branch} is gone` };
    if (tip !== row.commit_id) return this.#moved(row, tip);
    if (here !== null && (await this.#baseMoved(row, here)))
      return { kind: "moved", why: `${pathsOf(row).join(", ")} changed since it was proposed` };
    return this.#tag(row);
  }

  /** Whether the commit itself is on the person's branch: all that is asked about a request that is settled otherwise. */
  async hasArrived(row: ApprovalRow): Promise<Observation> {
    if (row.operation === "policy") return { kind: "nothing" };
    const head = await this.#deps.git.head();
    if (head.commit === null || head.branch?.startsWith("specloop/")) return { kind: "nothing" };
    const is = await this.#deps.git.isAncestor(row.commit_id, head.commit).catch(() => false);
    return is ? this.#arrivedBy(row) : { kind: "nothing" };
  }

  /** Merged, squashed or picked: the content is what counts. */
  async #arrival(row: ApprovalRow, head: string): Promise<Observation | null> {
    const { git } = this.#deps;
    const merged = await git.isAncestor(row.commit_id, head).catch(() => false);
    if (merged) return this.#arrivedBy(row);
    const paths = pathsOf(row);
    if ((await contentHashAt(git, head, paths)) !== row.content_hash) return null;
    const before = await contentHashAt(git, row.base_id, paths);
    if (before === row.content_hash) return null;
    const arrival = await this.#deps.arrivals.of(paths[0] ?? "").catch(() => null);
    // Another edit of ours may say the same, which nobody approved; a picked commit names the edit that it is.
    if (arrival?.ours && !(await this.#isPicked(row, arrival.commit))) return null;
    return this.#arrivedBy(row);
  }

  async #isPicked(row: ApprovalRow, commit: string): Promise<boolean> {
    const picked = await this.#deps.signatures.commit(commit);
    return picked?.message.split("\n").includes(`Specloop-Edit: ${row.ref}`) ?? false;
  }

  async #arrivedBy(row: ApprovalRow): Promise<Observation> {
    const { arrivals, evidence } = this.#deps;
    const arrival = await arrivals.of(pathsOf(row)[0] ?? "").catch(() => null);
    const commit = arrival?.commit ?? row.commit_id;
    const signed = await evidence.commit(row, commit).catch(() => null);
    if (signed) return { kind: "arrived", commit, evidence: signed, counts: true };
    const moved = { name: "somebody who moved the branch", email: "" };
    const author = arrival && !arrival.ours ? { name: arrival.author, email: arrival.authorEmail } : null;
    const picker =
      arrival && commit !== row.commit_id ? { name: arrival.committer, email: arrival.committerEmail } : null;
    const who = arrival?.forwardedBy ?? author ?? picker;
    const merge = { by: who ?? moved, level: "L0", method: "merge", proof: { commit } } as const;
    return { kind: "arrived", commit, evidence: merge, counts: who !== null };
  }

  /** The same content under a signature is a yes; another content is another request. */
  async #moved(row: ApprovalRow, tip: string): Promise<Observation> {
    const { git, evidence } = this.#deps;
    if ((await contentHashAt(git, tip, pathsOf(row))) !== row.content_hash)
      return { kind: "moved", why: `the branch ${row.branch} was changed after it was proposed` };
    try {
      return { kind: "approved", evidence: await evidence.commit(row, tip) };
    } catch (error) {
      return { kind: "refused", proof: tip, why: toSpecloopError(error).message };
    }
  }

  /** On the line that it was proposed on, the text is another one now; another branch may well differ. */
  async #baseMoved(row: ApprovalRow, head: string): Promise<boolean> {
    const { git } = this.#deps;
    if (head === row.base_id || !(await git.isAncestor(row.base_id, head).catch(() => false))) return false;
    const paths = pathsOf(row);
    return (await contentHashAt(git, head, paths)) !== (await contentHashAt(git, row.base_id, paths));
  }

  async #tag(row: ApprovalRow): Promise<Observation> {
    const tags = await this.#deps.git.branches(TAGS);
    const tag = tags.get(`refs/tags/${tagOf(row.id)}`);
    if (tag === undefined) return { kind: "nothing" };
    try {
      return { kind: "approved", evidence: await this.#deps.evidence.tag(row) };
    } catch (error) {
      return { kind: "refused", proof: tag, why: toSpecloopError(error).message };
    }
  }
}
