import { sha256 } from "../../foundation/hash.ts";
import type { ApprovalSubject } from "./port.ts";

/** What a proof is about: this approval, once, for this content, in this repository. */
export interface Stated {
  id: string;
  /** Random, used up with the approval. */
  nonce: string;
  commit: string;
  contentHash: string;
  /** `repositoryName` of where it is approved: a copy or clone has the same commits. */
  repository: string;
}

/** The text that a person's key signs; every byte counts. */
export function statementOf({ id, nonce, commit, contentHash, repository }: Stated): string {
  const lines = [`id: ${id}`, `nonce: ${nonce}`, `repository: ${repository}`, `commit: ${commit}`];
  return `specloop approval\n\n${lines.join("\n")}\ncontent: ${contentHash}\n`;
}

/** Names a repository without telling where it lies; `commonDirectory` is git's, absolute. */
function repositoryName(commonDirectory: string): string {
  return sha256(commonDirectory);
}

export function statedBy(
  approval: { id: string; subject: Pick<ApprovalSubject, "commit" | "contentHash"> },
  { nonce, commonDirectory }: { nonce: string; commonDirectory: string },
): Stated {
  const { commit, contentHash } = approval.subject;
  return { id: approval.id, nonce, commit, contentHash, repository: repositoryName(commonDirectory) };
}

/** Name of the tag by which a person approves with a signature: `specloop/approve/<id>`. */
export function tagOf(id: string): string {
  return `specloop/approve/${id}`;
}
