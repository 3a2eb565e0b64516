import type { Approval } from "./port.ts";

/** What a proof is about: this approval, once, for this content. */
export interface Stated {
  id: string;
  /** Random, used up with the approval. */
  nonce: string;
  commit: string;
  contentHash: string;
}

/** The text that a person's key signs; every byte counts. */
export function statementOf({ id, nonce, commit, contentHash }: Stated): string {
  return `specloop approval\n\nid: ${id}\nnonce: ${nonce}\ncommit: ${commit}\ncontent: ${contentHash}\n`;
}

export function statedBy(approval: Pick<Approval, "id" | "subject">, nonce: string): Stated {
  const { commit, contentHash } = approval.subject;
  return { id: approval.id, nonce, commit, contentHash };
}

/** Name of the tag by which a person approves with a signature: `specloop/approve/<id>`. */
export function tagOf(id: string): string {
  return `specloop/approve/${id}`;
}
