import type { Diagnostic } from "./errors.ts";
import type { Logger } from "./logger.ts";
import type { Principal } from "./principal.ts";

/**
 * Every fact that one part tells the others, in the past tense. Payloads are small and plain; metrics, audit, doors and
 * caches hang on them. Times are epoch milliseconds, durations milliseconds.
 */
export interface EventMap {
  /** One settled batch of saves under a planning root or of ref movements; `paths` are relative to the repository. */
  "watch.settled": { paths: string[]; refsMoved: boolean; ms: number };
  /** HEAD or a branch points elsewhere than before. */
  "git.refs_moved": { head: string | null; branch: string | null };
  "change.state_changed": { changeId: string; root: string; from: string | null; to: string | null; at: number };
  "change.findings_changed": {
    changeId: string;
    root: string;
    added: Diagnostic[];
    resolved: Diagnostic[];
    standing: number;
  };
  /** The same of a planning folder itself: its configuration, schemas, specs and the archive's lock. */
  "planning.findings_changed": { root: string; added: Diagnostic[]; resolved: Diagnostic[]; standing: number };
  "change.validated": {
    changeId: string;
    root: string;
    valid: boolean;
    version: string;
    errors: number;
    warnings: number;
    ms: number;
  };
  /** The spec says something else than the text that a delta was written against. */
  "change.base_moved": { changeId: string; root: string; capability: string; requirement: string };
  "change.merged": { changeId: string; root: string; merged: number; conflicts: number; principal: Principal };
  "change.archived": {
    changeId: string;
    root: string;
    archivedAs: string;
    commit: string | null;
    /** Requirement texts that OpenSpec alone would have lost. */
    savedTexts: number;
    ms: number;
    principal: Principal;
  };
  "change.archive_refused": { changeId: string; root: string; code: string; principal: Principal };
  "approval.requested": { approvalId: string; operation: string; ref: string; level: string; principal: Principal };
  /** One person's word, which may not be enough yet. */
  "approval.decided": { approvalId: string; decision: string; by: string; method: string; level: string };
  /** Enough was said: the room that asked carries it out. */
  "approval.granted": { approvalId: string; operation: string; ref: string };
  "approval.carried_out": { approvalId: string; commit: string | null };
  "approval.ended": { approvalId: string; state: "rejected" | "void" | "expired" | "superseded"; why: string };
  /** The content reached the person's branch on a lower level than the policy asks for. */
  "approval.bypassed": { approvalId: string; by: string; level: string; required: string; commit: string };
  /** An attempt that was turned away. */
  "approval.refused": { approvalId: string; code: string; by: string; method: string };
  /** A sheet of one-time codes is used here for the first time; `lost` when no code of the one before vouched for it. */
  "approver.seen": { approver: string; sheet: string; lost: boolean };
  /** The rules in specloop.yaml are others than the accepted ones; `weaker` ones wait for an approval. */
  "approval.policy_changed": { hash: string; weaker: boolean; approvalId: string | null };
  "access.refused": { principal: Principal; code: string; what: string };
  "agent.added": { agent: string; by: string };
  "agent.revoked": { agent: string; by: string };
  "question.asked": { questionId: string; kind: string; principal: Principal; text: string };
  /** One rung of the ladder was tried. */
  "question.hop_finished": {
    questionId: string;
    responder: string;
    outcome: "answered" | "declined" | "failed" | "skipped" | "cancelled" | "held";
    ms: number;
  };
  "question.answered": { questionId: string; route: string; cached: boolean; ms: number; principal: Principal };
  "question.left_pending": { questionId: string; text: string; ms: number };
  "question.expired": { questionId: string };
  "answer.judged": {
    questionId: string;
    answerId: string;
    verdict: "useful" | "wrong" | "outdated";
    principal: Principal;
    /** Where the judged answer came from: a rung, `person`, `similar`. */
    route?: string;
  };
  /** Another daemon of the team opened, answered or judged it. */
  "question.changed_elsewhere": { questionId: string };
  /** Somebody was asked: an agent (leased until), a person (reminded, escalated to). */
  "question.offered": { questionId: string; to: string; until: number };
  /** An offer ended without an answer: silence, a decline, a lost agent. */
  "question.returned": { questionId: string; from: string; reason: string };
  "question.escalated": { questionId: string; to: string; step: number };
  /** An MCP client's connection or session ended; only its own, other ones of the same client go on. */
  "client.left": { principal: Principal };
  /** Reached agents: registered, heard of after silence, silent, gone. */
  "agent.presence_changed": { agent: string; state: "present" | "silent" | "gone"; capabilities: string[] };
  /** A downstream MCP server: what state it is in and why. */
  "server.state_changed": {
    server: string;
    state: "unapproved" | "starting" | "ready" | "failing" | "off";
    reason: string;
  };
  "server.approved": { server: string; hash: string; by: string };
  /** A tool's definition is not the approved one; it is off until a person looks. */
  "server.tool_changed": { server: string; tool: string };
  "server.tool_called": { server: string; tool: string; ok: boolean; code?: string; ms: number; principal: Principal };
  /** A person said yes to what a workflow of this content starts and contacts. */
  "workflow.approved": { workflow: string; hash: string; by: string };
  /** Another process of the team changed this run: read it again. */
  "run.changed_elsewhere": { runId: string };
  "run.started": { runId: string; workflow: string; hash: string; principal: Principal };
  "run.state_changed": { runId: string; workflow: string; from: string; to: string; reason: string };
  "run.ended": {
    runId: string;
    workflow: string;
    state: "succeeded" | "failed" | "cancelled";
    ms: number;
    /** Of `ms`, those in which something was under way. */
    workMs: number;
    usd: number | null;
    tokensIn: number;
    tokensOut: number;
  };
  /** Each step of a node: queued, running, waiting, done, failed, skipped, unknown, undone. */
  "node.state_changed": { runId: string; workflow: string; key: string; type: string; attempt: number; to: string };
  "node.progressed": { runId: string; key: string; share: number; what: string };
  "node.ended": {
    runId: string;
    workflow: string;
    key: string;
    type: string;
    ok: boolean;
    failure?: string;
    attempt: number;
    /** Attempts that failed and were made again. */
    retries: number;
    ms: number;
    usd: number | null;
    tokensIn: number;
    tokensOut: number;
  };
  /** 50, 80 or 100 percent of a budget are used; at 100 what would use more is stopped. `scope`: `run`, or whose and when. */
  "budget.reached": { scope: string; limit: string; percent: number; runId: string | null };
  "document.updated": {
    path: string;
    revision: string;
    commit: string | null;
    edits: number;
    ms: number;
    principal: Principal;
    /** Top of the worktree that `path` is relative to; the served one when absent. */
    worktree?: string;
  };
  "document.proposed": { path: string; branch: string; commit: string; principal: Principal; worktree?: string };
  "document.refused": { path: string; code: string; principal: Principal; worktree?: string };
  "llm.called": {
    backend: string;
    model: string;
    purpose: string;
    ok: boolean;
    code?: string;
    ms: number;
    tokensIn: number;
    tokensOut: number;
  };
  /** `changed` is false where the tool says so of its result. */
  "tool.called": { tool: string; ok: boolean; code?: string; changed?: boolean; ms: number; principal: Principal };
  "setting.changed": { key: string; from: unknown; to: unknown };
  "cycle.finished": { cycleId: string; problems: number; proposals: number; ms: number; modelMs: number };
  "proposal.created": { proposalId: string; changeId: string; branch: string; commit: string };
  "proposal.approved": { proposalId: string; changeId: string; by: string; commit: string };
  "proposal.closed": { proposalId: string; changeId: string; reason: string };
  "experiment.started": { experimentId: string; proposalId: string; metric: string };
  "experiment.decided": {
    experimentId: string;
    proposalId: string;
    changeId: string;
    verdict: "kept" | "reverted" | "inconclusive";
    commit: string | null;
  };
}

export type EventName = keyof EventMap;
type Listener<Name extends EventName> = (payload: EventMap[Name]) => void;

/** What rooms need to tell facts. */
export interface Emitter {
  emit<Name extends EventName>(name: Name, payload: EventMap[Name]): void;
}

/** Typed, synchronous, in-process. A listener that throws is logged and never fails the emitter or other listeners. */
export class EventBus implements Emitter {
  readonly #listeners = new Map<EventName, Set<(payload: never) => void>>();
  readonly #any = new Set<(name: EventName, payload: unknown) => void>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Calls `listener` for each such event until the returned handle is disposed. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): Disposable {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(listener));
    return { [Symbol.dispose]: () => void set.delete(listener) };
  }

  /** Calls `listener` for every event: the audit log and the live stream. */
  onAny(listener: (name: EventName, payload: unknown) => void): Disposable {
    this.#any.add(listener);
    return { [Symbol.dispose]: () => void this.#any.delete(listener) };
  }

  emit<Name extends EventName>(name: Name, payload: EventMap[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) this.#call(name, () => listener(payload as never));
    for (const listener of this.#any) this.#call(name, () => listener(name, payload));
  }

  #call(name: EventName, listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#logger.error({ err: error, event: name }, "a listener failed");
    }
  }
}
