import type { Kysely } from "kysely";
import type { Git } from "../../adapters/git/index.ts";
import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../../foundation/errors.ts";
import type { Emitter } from "../../foundation/events.ts";
import { principalLabel, principalSchema, type Principal } from "../../foundation/principal.ts";
import type { AuditEntry, AuditHead } from "../audit.ts";
import type { AccessTables } from "../tables.ts";
import { sameMail, type Approvers } from "./approvers.ts";
import { contentHashAt } from "./content.ts";
import { missing, type Evidence, type EvidenceChecker } from "./evidence.ts";
import { isAtLeast } from "./policy.ts";
import { policyHash, type PolicyKeeper } from "./policy-keeper.ts";
import type { ApprovalLevel, Decision } from "./port.ts";
import { moveApproval, pathsOf, WAITING, type ApprovalRows } from "./rows.ts";
import type { ApprovalRow, DecisionRow } from "./tables.ts";
import { named, Words } from "./words.ts";

export interface DecideRequest {
  id: string;
  decision: Decision["decision"];
  principal: Principal;
  /** What the person looked at; another content is refused. */
  contentHash?: string | undefined;
  /** How the yes is proved; `terminal` proves nothing and is level L0. */
  method?: "terminal" | "code" | "tag" | "commit" | "protected" | undefined;
  /** Of a code: its public key and its signature of the statement. */
  code?: { key: string; signature: string } | undefined;
  comment?: string | undefined;
  selection?: Decision["selection"] | undefined;
}

interface Dependencies {
  store: Store<AccessTables>;
  audit: { appendTo(tx: Kysely<AccessTables>, entry: AuditEntry): Promise<AuditHead> };
  git: Git;
  events: Emitter;
  clock: Clock;
  rows: ApprovalRows;
  evidence: EvidenceChecker;
  approvers: Approvers;
  keeper: PolicyKeeper;
  needs(row: ApprovalRow, at?: number): Needs;
}

/** What is asked of one request. */
export interface Needs {
  level: ApprovalLevel;
  count: number;
  /** Mail addresses; null for everybody who can prove it. */
  approvers: string[] | null;
}

/** Wrong codes for one approval before it has to wait, and for how long at first; doubled each further time. */
const FREE_REFUSALS = 5;
const LOCK_MS = 60_000;
const LONGEST_LOCK_MS = 3_600_000;

/** Takes people's words, weighs them against the policy and writes them with their audit entry in one transaction. */
export class Decider {
  readonly #deps: Dependencies;
  readonly #words: Words;
  readonly #told = new Set<string>();

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
    this.#words = new Words(dependencies);
  }

  async decide(request: DecideRequest): Promise<void> {
    const row = await this.#deps.rows.get(request.id);
    const by = principalLabel(request.principal);
    const method = request.method ?? "terminal";
    try {
      if (request.principal.kind !== "person")
        throw new SpecloopError("forbidden", "Only a person decides on approvals.", { target: row.id });
      if (request.decision !== "approve") return await this.#comment(row, request);
      this.#requireOpen(row);
      await this.#requireContent(row, request.contentHash);
      await this.take(row, await this.#evidenceOf(row, request));
    } catch (error) {
      await this.refuse(row, { error: toSpecloopError(error), by, method });
      throw error;
    }
  }

  /** Records a proven yes; grants when it was the last that was missing. */
  async take(row: ApprovalRow, evidence: Evidence): Promise<void> {
    await this.#requireEntitled(row, evidence);
    this.#deps.evidence.use(row, evidence);
    const { store, events } = this.#deps;
    const { count } = this.#deps.needs(row);
    const before = await this.#yeses(row);
    const enough = evidence.level === "L2" || before.length + 1 >= count;
    const late = row.bypassed === 1;
    await store.write(async (tx) => {
      await this.#words.write(tx, row, { decision: "approve", evidence });
      const stands = late ? { bypassed: 0, note: "approved after it was merged" } : {};
      const done = row.state === "carried_out" ? stands : { ...stands, state: "approved" as const };
      if (enough) await moveApproval(tx, { id: row.id }, done);
      await this.#words.audit(tx, row, { decision: "approve", evidence });
    });
    const { by, method, level } = evidence;
    const told = { approvalId: row.id, by: named(by), method, level };
    events.emit("approval.decided", { ...told, decision: "approve" });
    if (enough && (!late || row.operation === "proposal"))
      events.emit("approval.granted", { approvalId: row.id, operation: row.operation, ref: row.ref });
    await this.#words.noteSheets();
  }

  /** The content is on the person's branch: as approval where the policy takes a merge for one, else said loudly. */
  async arrived(
    row: ApprovalRow,
    { commit, evidence, counts }: { commit: string; evidence: Evidence; counts: boolean },
  ): Promise<void> {
    if (row.arrived_commit !== null) return;
    const { store, events } = this.#deps;
    const needs = this.#deps.needs(row);
    const yes =
      row.state === "approved" || (counts && WAITING.includes(row.state) && (await this.#isEnough(row, evidence)));
    const waits = row.operation === "proposal";
    const granted = waits ? ("approved" as const) : ("carried_out" as const);
    const state = yes ? granted : this.#afterBypass(row);
    const bypassed = yes ? 0 : 1;
    const note = yes
      ? row.note
      : `merged as ${commit.slice(0, 10)} by ${named(evidence.by)} (${evidence.level}); the policy asks for ${needs.level}`;
    await store.write(async (tx) => {
      await this.#words.write(tx, row, { decision: "approve", evidence });
      await moveApproval(tx, { id: row.id }, { state, arrived_commit: commit, bypassed, note });
      await this.#words.audit(tx, row, { decision: yes ? "approve" : "bypass", evidence });
    });
    const { by, method, level } = evidence;
    events.emit("approval.decided", { approvalId: row.id, decision: "approve", by: named(by), method, level });
    if (!yes)
      events.emit("approval.bypassed", { approvalId: row.id, by: named(by), level, required: needs.level, commit });
    else if (waits) events.emit("approval.granted", { approvalId: row.id, operation: row.operation, ref: row.ref });
    if (state === "carried_out") events.emit("approval.carried_out", { approvalId: row.id, commit });
  }

  /** Of a proposal only the merge is done: it goes on waiting. What was settled otherwise stays as it was. */
  #afterBypass({ state, operation }: ApprovalRow): ApprovalRow["state"] {
    return operation === "proposal" || !WAITING.includes(state) ? state : "carried_out";
  }

  /** For what is looked at again and again. */
  async refuseOnce(row: ApprovalRow, refusal: Parameters<Decider["refuse"]>[1]): Promise<void> {
    const key = `${row.id} ${refusal.method} ${refusal.error.code}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    await this.refuse(row, refusal);
  }

  /** An attempt that was turned away: counted, audited, told. */
  async refuse(
    row: ApprovalRow,
    { error, by, method }: { error: SpecloopError; by: string; method: string },
  ): Promise<void> {
    const { store, audit, events, clock } = this.#deps;
    await store.write(async (tx) => {
      await audit.appendTo(tx, {
        actor: by,
        action: "approval.refused",
        target: row.id,
        detail: { code: error.code, method },
      });
      if (method !== "code" || error.code === "rate_limited") return;
      const refusals = row.refusals + 1;
      const over = refusals - FREE_REFUSALS;
      const lock = over < 0 ? 0 : clock.now() + Math.min(LOCK_MS * 2 ** over, LONGEST_LOCK_MS);
      await moveApproval(tx, { id: row.id }, { refusals, locked_until: lock });
    });
    events.emit("approval.refused", { approvalId: row.id, code: error.code, by, method });
  }

  async #evidenceOf(row: ApprovalRow, { method, code, principal }: DecideRequest): Promise<Evidence> {
    const { evidence, keeper } = this.#deps;
    if (method === "tag") return evidence.tag(row);
    if (method === "commit") return evidence.commit(row, `refs/heads/${row.branch}`);
    if (method === "protected") return evidence.protectedBranch(row, keeper.accepted);
    if (method !== "code")
      return { by: { name: principal.name, email: "" }, level: "L0", method: "terminal", proof: null };
    const now = this.#deps.clock.now();
    if (now < row.locked_until) {
      const seconds = Math.ceil((row.locked_until - now) / 1000);
      throw new SpecloopError("rate_limited", `Too many wrong codes for ${row.id}: wait ${seconds} s.`, {
        target: row.id,
      });
    }
    if (!code) throw new SpecloopError("bad_input", "A code is missing.", { target: "code" });
    return evidence.code(row, code);
  }

  async #comment(row: ApprovalRow, request: DecideRequest): Promise<void> {
    const { decision, principal, comment = "", selection = null } = request;
    const evidence: Evidence = {
      by: { name: principal.name, email: "" },
      level: "L0",
      method: "terminal",
      proof: null,
    };
    if (decision !== "comment") this.#requireOpen(row);
    if (comment.trim() === "")
      throw new SpecloopError("bad_input", "Say why: a proposer can only mend what it is told.", { target: "comment" });
    const state = decision === "reject" ? ("rejected" as const) : ("changes_requested" as const);
    await this.#deps.store.write(async (tx) => {
      await this.#words.write(tx, row, { decision, evidence, comment, selection });
      if (decision !== "comment") await moveApproval(tx, { id: row.id }, { state, note: comment.slice(0, 500) });
      await this.#words.audit(tx, row, { decision, evidence });
    });
    const { events } = this.#deps;
    events.emit("approval.decided", {
      approvalId: row.id,
      decision,
      by: principal.name,
      method: "terminal",
      level: "L0",
    });
    if (decision === "reject") events.emit("approval.ended", { approvalId: row.id, state: "rejected", why: comment });
  }

  #requireOpen(row: ApprovalRow): void {
    if (WAITING.includes(row.state) || row.bypassed === 1) return;
    const code = row.state === "approved" || row.state === "carried_out" ? "approval_used" : "approval_void";
    const why = row.note === null ? "" : ` (${row.note})`;
    throw new SpecloopError(code, `${row.id} is ${row.state}${why}; nothing can be decided any more.`, {
      target: row.id,
    });
  }

  /** What the person saw, what was asked for and what is there now have to be one. */
  async #requireContent(row: ApprovalRow, seen: string | undefined): Promise<void> {
    const { git, keeper } = this.#deps;
    const tip = `refs/heads/${row.branch}`;
    const now =
      row.operation === "policy"
        ? policyHash(keeper.current)
        : await contentHashAt(git, row.bypassed === 1 ? row.commit_id : tip, pathsOf(row));
    if (now === row.content_hash && (seen === undefined || seen === now)) return;
    throw new SpecloopError("approval_void", `The content of ${row.id} is not what was looked at.`, { target: row.id });
  }

  async #requireEntitled(row: ApprovalRow, evidence: Evidence): Promise<void> {
    const why = await this.#whyNot(row, evidence);
    if (why !== null) throw missing(row, why.message, why.fix);
  }

  async #isEnough(row: ApprovalRow, evidence: Evidence): Promise<boolean> {
    if ((await this.#whyNot(row, evidence)) !== null) return false;
    return evidence.level === "L2" || (await this.#yeses(row)).length + 1 >= this.#deps.needs(row).count;
  }

  async #whyNot(row: ApprovalRow, { by, level }: Evidence): Promise<{ message: string; fix?: string } | null> {
    const needs = this.#deps.needs(row);
    if (!isAtLeast(level, needs.level)) {
      const message = `This says yes on level ${level}; the policy asks for ${needs.level}.`;
      return { message, fix: `Prove it: specloop approve ${row.id} --code, or --sign.` };
    }
    if (level === "L2") return null;
    const { approvers } = needs;
    if (approvers !== null && !approvers.some((mail) => sameMail(mail, by.email)))
      return { message: `${named(by)} is not among those who may approve this: ${approvers.join(", ") || "nobody"}.` };
    const yeses = await this.#yeses(row);
    if (yeses.some((other) => isSame(by, { name: other.by_name, email: other.by_email })))
      return { message: `${named(by)} has said yes already; another person has to.` };
    const proposer = principalSchema.parse(JSON.parse(row.proposer));
    const own = proposer.kind === "person" && isSame(by, { name: proposer.name, email: proposer.name });
    if (own && (needs.count > 1 || approvers !== null))
      return { message: `${named(by)} proposed it, and the policy wants another person's yes.` };
    return null;
  }

  async #yeses(row: ApprovalRow): Promise<DecisionRow[]> {
    const all = await this.#deps.rows.decisions(row.id);
    const { level } = this.#deps.needs(row);
    return all.filter(({ decision, level: given }) => decision === "approve" && isAtLeast(given, level));
  }
}

function isSame(one: Evidence["by"], other: Evidence["by"]): boolean {
  const mails = one.email !== "" && other.email !== "" && sameMail(one.email, other.email);
  return mails || one.name.toLowerCase() === other.name.toLowerCase();
}
