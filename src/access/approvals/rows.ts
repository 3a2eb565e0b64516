import { randomBytes } from "node:crypto";
import type { Kysely } from "kysely";
import { z } from "zod";
import { insertSealed, updateSealed, type Store } from "../../adapters/store/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { newId } from "../../foundation/ids.ts";
import { principalSchema } from "../../foundation/principal.ts";
import type { Operation } from "./options.ts";
import type { Requirement } from "./policy.ts";
import type { Approval, ApprovalState, Decision, Grant, NewApproval } from "./port.ts";
import type { ApprovalRow, ApprovalTables, DecisionRow } from "./tables.ts";

export type Tx = Kysely<ApprovalTables>;
export const WAITING: ApprovalState[] = ["open", "changes_requested"];
const strings = z.array(z.string());
const selection = z.object({ path: z.string(), startLine: z.number(), endLine: z.number() });

/** The approvals in the core database, as rows. */
export class ApprovalRows {
  readonly #store: Store<ApprovalTables>;

  constructor(store: Store<ApprovalTables>) {
    this.#store = store;
  }

  /** Throws `unknown_approval`. */
  async get(id: string): Promise<ApprovalRow> {
    const row = await this.#store.read.selectFrom("approvals").selectAll().where("id", "=", id).executeTakeFirst();
    if (row) return row;
    throw new SpecloopError("unknown_approval", `No approval is called "${id.slice(0, 100)}".`, {
      target: id.slice(0, 100),
    });
  }

  decisions(id: string): Promise<DecisionRow[]> {
    const query = this.#store.read.selectFrom("approval_decisions").selectAll().where("approval_id", "=", id);
    return query.orderBy("seq").execute();
  }

  inState(states: ApprovalState[], limit = 500): Promise<ApprovalRow[]> {
    const query = this.#store.read.selectFrom("approvals").selectAll().where("state", "in", states);
    return query.orderBy("seq", "desc").limit(limit).execute();
  }

  page({ states, limit, before }: { states: ApprovalState[]; limit: number; before: number | null }) {
    let query = this.#store.read.selectFrom("approvals").selectAll();
    if (states.length > 0) query = query.where("state", "in", states);
    if (before !== null) query = query.where("seq", "<", before);
    return query.orderBy("seq", "desc").limit(limit).execute();
  }

  about(operation: Operation, ref: string): Promise<ApprovalRow | undefined> {
    const query = this.#store.read.selectFrom("approvals").selectAll();
    return query.where("operation", "=", operation).where("ref", "=", ref).orderBy("seq", "desc").executeTakeFirst();
  }

  bypassed(): Promise<ApprovalRow[]> {
    return this.#store.read.selectFrom("approvals").selectAll().where("bypassed", "=", 1).orderBy("seq").execute();
  }

  async view(row: ApprovalRow, now: number): Promise<Approval> {
    return toApproval(row, await this.decisions(row.id), now);
  }
}

export async function insertApproval(
  tx: Tx,
  { subject, title, reason, proposer }: NewApproval,
  { requirement, now }: { requirement: Requirement; now: number },
): Promise<string> {
  const last = await tx
    .selectFrom("approvals")
    .select((build) => build.fn.max("seq").as("seq"))
    .executeTakeFirst();
  const id = newId("ap");
  await insertSealed(tx, "approvals", {
    id,
    seq: (last?.seq ?? 0) + 1,
    state: "open",
    title: title.slice(0, 300),
    reason: reason.slice(0, 2000),
    operation: subject.operation,
    ref: subject.ref,
    branch: subject.branch,
    commit_id: subject.commit,
    base_id: subject.base,
    paths: JSON.stringify(subject.paths),
    content_hash: subject.contentHash,
    proposer: JSON.stringify(proposer),
    level: requirement.level,
    count: requirement.count,
    approvers: JSON.stringify(requirement.approvers),
    escalate_at: requirement.escalateMs === null ? null : now + requirement.escalateMs,
    escalate_to: JSON.stringify(requirement.escalateTo),
    created_at: now,
    expires_at: now + requirement.expiresMs,
    nonce: randomBytes(16).toString("hex"),
    note: null,
    superseded_by: null,
    redeemed_at: null,
    arrived_commit: null,
    bypassed: 0,
    refusals: 0,
    locked_until: 0,
  });
  return id;
}

/** Changes a row that is still as `where` says; false when it is not. */
export async function moveApproval(
  tx: Tx,
  where: Partial<Omit<ApprovalRow, "row_hash">> & { id: string },
  set: Partial<Omit<ApprovalRow, "row_hash">>,
): Promise<boolean> {
  return (await updateSealed(tx, "approvals", { where, set })) === 1;
}

export async function insertDecision(tx: Tx, decision: Omit<DecisionRow, "id" | "seq" | "row_hash">): Promise<void> {
  const last = await tx
    .selectFrom("approval_decisions")
    .select((build) => build.fn.max("seq").as("seq"))
    .executeTakeFirst();
  const id = `${decision.approval_id}/${randomBytes(6).toString("hex")}`;
  await insertSealed(tx, "approval_decisions", { ...decision, id, seq: (last?.seq ?? 0) + 1 });
}

/** Who may approve at a time, as it was asked for; null for everybody. */
export function approversOf(row: ApprovalRow, at: number): string[] | null {
  const named = strings.nullable().parse(JSON.parse(row.approvers));
  if (named === null) return null;
  const late = row.escalate_at !== null && at >= row.escalate_at;
  return late ? [...named, ...strings.parse(JSON.parse(row.escalate_to))] : named;
}

export function pathsOf(row: ApprovalRow): string[] {
  return strings.parse(JSON.parse(row.paths));
}

export function subjectOf(row: ApprovalRow): Approval["subject"] {
  const { operation, ref, branch, commit_id: commit, base_id: base, content_hash: contentHash } = row;
  return { operation, ref, branch, commit, base, paths: pathsOf(row), contentHash };
}

export function grantOf(row: ApprovalRow, approvedBy: string[]): Grant {
  return { approvalId: row.id, level: row.level, approvedBy, subject: subjectOf(row) };
}

function toDecision(row: DecisionRow): Decision {
  const { decision, by_name, by_email, at, level, method, comment } = row;
  const by = by_email === "" || by_email === by_name ? by_name : `${by_name} <${by_email}>`;
  const place = row.selection === null ? null : selection.parse(JSON.parse(row.selection));
  return { decision, by, at, level, method, comment, selection: place };
}

function toApproval(row: ApprovalRow, decisions: DecisionRow[], now: number): Approval {
  return {
    id: row.id,
    state: row.state,
    title: row.title,
    reason: row.reason,
    subject: subjectOf(row),
    proposer: principalSchema.parse(JSON.parse(row.proposer)),
    level: row.level,
    count: row.count,
    approvers: approversOf(row, now) ?? [],
    escalated: isEscalated(row, now),
    decisions: decisions.map(toDecision),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    note: row.note,
    supersededBy: row.superseded_by,
    bypassed: row.bypassed === 1,
  };
}

function isEscalated({ escalate_at: at, state }: ApprovalRow, now: number): boolean {
  return at !== null && now >= at && WAITING.includes(state);
}
