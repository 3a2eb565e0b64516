import type { Principal } from "../../foundation/principal.ts";

/**
 * How sure it is that a person said yes. `L0`: a merge or commit by the configured author, which every program with a
 * shell can forge. `L1`: a signature that is checked against signers kept outside the repository, or a one-time code typed
 * on a terminal. `L2`: the content reached a protected branch of a remote.
 */
export const APPROVAL_LEVELS = ["L0", "L1", "L2"] as const;
export type ApprovalLevel = (typeof APPROVAL_LEVELS)[number];

export const APPROVAL_STATES = [
  "open",
  "changes_requested",
  "approved",
  "carried_out",
  "rejected",
  "void",
  "expired",
  "superseded",
] as const;
export type ApprovalState = (typeof APPROVAL_STATES)[number];

/** What waits for a yes. The room that asks carries it out after `approval.granted`, by `redeem`. */
export interface ApprovalSubject {
  /** Which operation of the policy it is, and with that which room carries it out. */
  operation: "document" | "archive" | "proposal" | "policy";
  /** What the asking room calls it: the id of an edit, of an archive, of a proposal. */
  ref: string;
  /** Short name of the branch that holds the content. */
  branch: string;
  commit: string;
  /** The commit that `commit` stands on. */
  base: string;
  /** Every path that it would change, relative to the repository. */
  paths: string[];
  /** `contentHash` of what these paths would be; a later byte voids the approval, a ticked task does not. */
  contentHash: string;
}

export interface NewApproval {
  subject: ApprovalSubject;
  title: string;
  reason: string;
  proposer: Principal;
  /** An earlier request that this one revises; it becomes `superseded`. */
  supersedes?: string;
  /** Documents that carrying it out would change besides: they count for the policy as if they were in it. */
  touches?: string[];
}

/** One person's word on a request. */
export interface Decision {
  decision: "approve" | "reject" | "request_changes" | "comment";
  /** Name and, where a proof names it, mail address. */
  by: string;
  at: number;
  level: ApprovalLevel;
  /** `terminal`, `code`, `signed-tag`, `signed-commit`, `merge`, `protected-branch`. */
  method: string;
  comment: string | null;
  /** Place that the comment is about. */
  selection: { path: string; startLine: number; endLine: number } | null;
}

export interface Approval {
  id: string;
  state: ApprovalState;
  title: string;
  reason: string;
  subject: ApprovalSubject;
  proposer: Principal;
  /** What the policy asks for. */
  level: ApprovalLevel;
  count: number;
  /** Mail addresses of those who may approve, empty for everybody who can prove it. */
  approvers: string[];
  /** It waits longer than the policy likes, so that those it names for that case may approve as well. */
  escalated: boolean;
  decisions: Decision[];
  createdAt: number;
  expiresAt: number;
  /** Why it is void, rejected or expired. */
  note: string | null;
  supersededBy: string | null;
  /** Its content is on the person's branch although nobody approved it on the level that the policy asks for. */
  bypassed: boolean;
}

/** Proof for the carrying room that the yes was given for exactly this content. Given once. */
export interface Grant {
  approvalId: string;
  level: ApprovalLevel;
  approvedBy: string[];
  subject: ApprovalSubject;
}

/** What rooms see of approvals. */
export interface Approvals {
  /** `subject.contentHash` is `contentHashAt` of its paths at its commit; `bad_input` when it is not. */
  request(request: NewApproval): Promise<Approval>;
  /** Throws `unknown_approval`. */
  get(id: string): Promise<Approval>;
  /** Uses the approval up. Throws `approval_void` when the content is another one, `approval_missing`, `approval_used`. */
  redeem(id: string, contentHash: string): Promise<Grant>;
  /** Redeemed and not yet carried out, oldest first: what a crash left to the room that asked. */
  unfinished(operation: ApprovalSubject["operation"]): Promise<Grant[]>;
  /** The newest request about something, after a look at git; null when there is none. */
  about(operation: ApprovalSubject["operation"], ref: string): Promise<Approval | null>;
  /** After the content is on the person's branch. */
  carriedOut(id: string, commit: string | null): Promise<void>;
  /** The content moved, or the asking room gave it up. */
  void(id: string, why: string): Promise<void>;
}
