import type { Kysely } from "kysely";
import type { Arrivals, Git, Signatures } from "../../adapters/git/index.ts";
import { sealedHealth, type Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../../foundation/errors.ts";
import type { EventBus, EventMap } from "../../foundation/events.ts";
import type { HealthCheck } from "../../foundation/health.ts";
import type { Logger } from "../../foundation/logger.ts";
import { principalLabel } from "../../foundation/principal.ts";
import type { Service } from "../../foundation/service.ts";
import type { AuditEntry, AuditHead } from "../audit.ts";
import type { AccessTables } from "../tables.ts";
import { Approvers } from "./approvers.ts";
import { contentHashAt } from "./content.ts";
import { Decider, type DecideRequest } from "./decider.ts";
import { EvidenceChecker, missing } from "./evidence.ts";
import { Observer } from "./follower.ts";
import type { PersonFiles } from "./person-directory.ts";
import { isAtLeast, requirementOf, type Policy, type Requirement } from "./policy.ts";
import { PolicyKeeper, policyHash } from "./policy-keeper.ts";
import type { Approval, ApprovalState, Approvals, Grant, NewApproval } from "./port.ts";
import { ApprovalRows, insertApproval, moveApproval, pathsOf, subjectOf, toDecision, WAITING } from "./rows.ts";
import { statedBy, statementOf } from "./statement.ts";
import type { ApprovalRow } from "./tables.ts";

export interface ApprovalDependencies {
  store: Store<AccessTables>;
  /** Entries are written in the transaction of what they tell. */
  audit: { appendTo(tx: Kysely<AccessTables>, entry: AuditEntry): Promise<AuditHead> };
  git: Git;
  arrivals: Pick<Arrivals, "of">;
  signatures: Signatures;
  /** Commit of a branch of a remote. */
  remote(url: string, branch: string): Promise<string | null>;
  files: PersonFiles;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  /** The rules as the configuration has them now. */
  policy: () => Policy;
}

export interface Review {
  approval: Approval;
  /** What a proof signs. */
  statement: string;
  /** Unified diff of what would change. */
  diff: string;
}

/** How often time is looked at, and what git's events may have missed. */
const LOOK_EVERY_MS = 10_000;
const SETTLED_LOOKED_AT = 50;
const SYSTEM = "system:specloop";

/** Requests for a person's yes: bound to content, person and one use. See `openspec/specs/approvals/spec.md`. */
export class ApprovalService implements Approvals, Service {
  readonly name = "approvals";
  readonly #deps: ApprovalDependencies;
  readonly #rows: ApprovalRows;
  readonly #policy: PolicyKeeper;
  readonly #evidence: EvidenceChecker;
  readonly #observer: Observer;
  readonly #decider: Decider;
  readonly #stop = new AbortController();
  readonly #listeners = new DisposableStack();
  readonly #refused = new Set<string>();
  #queue: Promise<unknown> = Promise.resolve();
  #ticking: Promise<void> = Promise.resolve();

  constructor(dependencies: ApprovalDependencies) {
    this.#deps = dependencies;
    const { store, git, files, policy } = dependencies;
    const outside = [git.places.worktree, git.places.commonDirectory];
    const approvers = new Approvers({ files, outside });
    this.#rows = new ApprovalRows(store.as());
    this.#policy = new PolicyKeeper({ store: store.as(), current: policy });
    this.#evidence = new EvidenceChecker({ ...dependencies, approvers, outside });
    this.#observer = new Observer({ ...dependencies, evidence: this.#evidence });
    this.#decider = new Decider({
      ...dependencies,
      rows: this.#rows,
      evidence: this.#evidence,
      approvers,
      keeper: this.#policy,
      needs: (row) => this.#needs(row),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { clock, events } = this.#deps;
    if (await this.#policy.open(clock.now())) this.#tellPolicy(null, false);
    const look = () => void this.look().catch((error: unknown) => this.#report(error));
    this.#listeners.use(events.on("git.refs_moved", look));
    this.#listeners.use(events.on("document.updated", look));
    this.#listeners.use(
      events.on("proposal.closed", ({ proposalId, reason }) => void this.#closed(proposalId, reason)),
    );
    await this.look();
    this.#ticking = this.#tick();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.dispose();
    this.#stop.abort();
    await this.#ticking;
    await this.#queue;
  }

  /** Globs of sensitive documents beside those that the configuration names now. */
  get sensitive(): string[] {
    return this.#policy.effective.flatMap((policy) => policy.sensitive);
  }

  request(request: NewApproval): Promise<Approval> {
    return this.#inTurn(() => this.#request(request));
  }

  async get(id: string): Promise<Approval> {
    return this.#rows.view(await this.#rows.get(id), this.#deps.clock.now());
  }

  /** Resolves when the approval is decided, or after `waitMs`. */
  async waitFor(id: string, { waitMs, signal }: { waitMs: number; signal: AbortSignal }): Promise<Approval> {
    using settled = this.#change(id);
    const now = await this.get(id);
    if (!WAITING.includes(now.state) || waitMs <= 0) return now;
    const stop = new AbortController();
    const ending = AbortSignal.any([signal, this.#stop.signal, stop.signal]);
    await Promise.race([settled.promise, this.#deps.clock.sleep(waitMs, ending).catch(() => {})]);
    stop.abort();
    return this.get(id);
  }

  /** Newest first; `cursor` is what the page before gave. */
  async list({ states, limit, cursor }: { states: ApprovalState[]; limit: number; cursor?: string | undefined }) {
    const before = cursor === undefined ? null : Number(cursor);
    if (Number.isNaN(before)) throw new SpecloopError("bad_input", "This cursor was not given.", { target: "cursor" });
    const rows = await this.#rows.page({ states, limit: limit + 1, before });
    const shown = rows.slice(0, limit);
    const approvals = await Promise.all(shown.map((row) => this.#rows.view(row, this.#deps.clock.now())));
    return { approvals, nextCursor: rows.length > limit ? String(shown.at(-1)?.seq) : null };
  }

  /** All that a person looks at before deciding. */
  async review(id: string): Promise<Review> {
    const row = await this.#rows.get(id);
    const approval = await this.get(id);
    const statement = statementOf(statedBy(approval, row.nonce));
    return { approval, statement, diff: await this.#diff(row) };
  }

  /** A person's word. Throws `forbidden`, `approval_missing`, `approval_void`, `approval_used`, `rate_limited`. */
  decide(request: DecideRequest): Promise<Approval> {
    return this.#inTurn(async () => {
      await this.#decider.decide(request);
      await this.#takePolicy();
      return this.get(request.id);
    });
  }

  redeem(id: string, contentHash: string): Promise<Grant> {
    return this.#inTurn(() => this.#redeem(id, contentHash));
  }

  async unfinished(operation: ApprovalRow["operation"]): Promise<Grant[]> {
    const rows = (await this.#rows.inState(["approved"])).filter(
      (row) => row.operation === operation && row.redeemed_at !== null,
    );
    return Promise.all(rows.toReversed().map((row) => this.#grant(row)));
  }

  /** Granted and not yet redeemed, oldest first. */
  async granted(operation: ApprovalRow["operation"]): Promise<Approval[]> {
    const rows = (await this.#rows.inState(["approved"])).filter(
      (row) => row.operation === operation && row.redeemed_at === null,
    );
    return Promise.all(rows.toReversed().map((row) => this.#rows.view(row, this.#deps.clock.now())));
  }

  async about(operation: ApprovalRow["operation"], ref: string): Promise<Approval | null> {
    const known = await this.#rows.about(operation, ref);
    if (!known) return null;
    await this.#inTurn(() => this.#lookAt(known.id));
    return this.get(known.id);
  }

  async carriedOut(id: string, commit: string | null): Promise<void> {
    await this.#end(id, { state: "carried_out", set: { arrived_commit: commit }, why: "" });
    this.#deps.events.emit("approval.carried_out", { approvalId: id, commit });
  }

  async void(id: string, why: string): Promise<void> {
    await this.#end(id, { state: "void", set: {}, why });
    this.#deps.events.emit("approval.ended", { approvalId: id, state: "void", why });
  }

  /** Looks at git and the time for everything that is open. */
  look(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#followPolicy();
      const live = await this.#rows.inState([...WAITING, "approved"]);
      const settled = await this.#rows.inState(["rejected", "void", "expired", "superseded"], SETTLED_LOOKED_AT);
      for (const { id } of [...live, ...settled.filter((row) => row.arrived_commit === null)])
        await this.#lookAt(id).catch((error: unknown) => this.#report(error));
      await this.#takePolicy();
    });
  }

  /** What `status` says: how many wait, and what went past the policy. */
  async summary(): Promise<{ open: number; bypassed: number; policy: "same" | "as_strict" | "weaker" }> {
    const [open, bypassed] = await Promise.all([this.#rows.inState(WAITING), this.#rows.bypassed()]);
    return { open: open.length, bypassed: bypassed.length, policy: this.#policy.standing };
  }

  healthChecks(): HealthCheck[] {
    const past: HealthCheck = {
      name: "approvals",
      summary: "Nothing reached the branch past the approval that the policy asks for.",
      run: async () => {
        const [row] = await this.#rows.bypassed();
        if (row)
          return {
            status: "warning",
            message: `${row.id} (${row.title}) is on the branch without an approval of level ${row.level}.`,
            fix: `Look at it: \`specloop approvals show ${row.id}\`; approve it late or revert it.`,
          };
        if (this.#policy.standing !== "weaker") return { status: "ok", message: "nothing went past the policy" };
        const message = "specloop.yaml asks for less than the accepted policy; the stricter rules hold until approved.";
        return { status: "warning", message, fix: "See `specloop approvals`." };
      },
    };
    const tables = ["approvals", "approval_decisions", "approval_policy", "approval_sheets"] as const;
    return [
      past,
      { ...sealedHealth(this.#deps.store.as().read as never, [...tables] as never), name: "approval-rows" },
    ];
  }

  async #request(request: NewApproval): Promise<Approval> {
    const { git, clock } = this.#deps;
    const { subject, proposer, supersedes, touches = [] } = request;
    const { operation, paths, commit, contentHash } = subject;
    if (operation !== "policy" && (await contentHashAt(git, commit, paths)) !== contentHash)
      throw new SpecloopError("bad_input", "The content hash is not that of the content.", { target: subject.ref });
    const own = requirementOf(this.#policy.effective, { operation, paths });
    const requirement = touches.length === 0 ? own : this.#withTouched(own, touches);
    const old = supersedes === undefined ? null : await this.#rows.get(supersedes);
    const id = await this.#deps.store.as<AccessTables>().write(async (tx) => {
      const made = await insertApproval(tx as never, request, { requirement, now: clock.now() });
      const detail = { operation, ref: subject.ref, commit, contentHash, level: requirement.level };
      await this.#deps.audit.appendTo(tx, {
        actor: principalLabel(proposer),
        action: "approval.requested",
        target: made,
        detail,
      });
      return made;
    });
    const { events } = this.#deps;
    events.emit("approval.requested", {
      approvalId: id,
      operation,
      ref: subject.ref,
      level: requirement.level,
      principal: proposer,
    });
    if (old && WAITING.includes(old.state)) await this.#supersede(old, id);
    return this.get(id);
  }

  #withTouched(own: Requirement, touches: string[]): Requirement {
    const other = requirementOf(this.#policy.effective, { operation: "document", paths: touches });
    return isAtLeast(own.level, other.level) ? own : { ...other, expiresMs: own.expiresMs };
  }

  async #supersede(old: ApprovalRow, by: string): Promise<void> {
    await this.#end(old.id, { state: "superseded", set: { superseded_by: by }, why: `revised by ${by}` });
    this.#deps.events.emit("approval.ended", { approvalId: old.id, state: "superseded", why: `revised by ${by}` });
  }

  async #redeem(id: string, contentHash: string): Promise<Grant> {
    await this.#lookAt(id);
    const row = await this.#rows.get(id);
    try {
      if (row.redeemed_at !== null || row.state === "carried_out")
        throw new SpecloopError("approval_used", `${id} was carried out already.`, { target: id });
      if (row.content_hash !== contentHash || row.state === "void")
        throw new SpecloopError("approval_void", `${id} was given for another content.`, { target: id });
      if (row.state !== "approved") throw missing(row, `${id} is ${row.state}, not approved.`);
      await this.#decider.requireProven(row);
    } catch (error) {
      await this.#decider.refuse(row, { error: toSpecloopError(error), by: SYSTEM, method: "redeem" });
      throw error;
    }
    const { audit, store, clock } = this.#deps;
    const taken = await store.write(async (tx) => {
      const where = { id, state: "approved" as const, redeemed_at: null };
      if (!(await moveApproval(tx as never, where, { redeemed_at: clock.now() }))) return false;
      await audit.appendTo(tx, { actor: SYSTEM, action: "approval.redeemed", target: id, detail: { contentHash } });
      return true;
    });
    if (!taken) throw new SpecloopError("approval_used", `${id} was carried out already.`, { target: id });
    return this.#grant(row);
  }

  async #grant(row: ApprovalRow): Promise<Grant> {
    const yes = (await this.#rows.decisions(row.id)).filter(({ decision }) => decision === "approve");
    return {
      approvalId: row.id,
      level: row.level,
      approvedBy: yes.map((each) => toDecision(each).by),
      subject: subjectOf(row),
    };
  }

  /** What it needs under the rules of now, and never less than when it was asked for. */
  #needs(row: ApprovalRow): { level: ApprovalRow["level"]; count: number } {
    const now = requirementOf(this.#policy.effective, { operation: row.operation, paths: pathsOf(row) });
    return { level: isAtLeast(row.level, now.level) ? row.level : now.level, count: Math.max(row.count, now.count) };
  }

  async #lookAt(id: string): Promise<void> {
    const { clock } = this.#deps;
    const row = await this.#rows.get(id);
    if (row.state === "carried_out" || row.redeemed_at !== null) return;
    const late = WAITING.includes(row.state) && clock.now() >= row.expires_at;
    if (late && row.arrived_commit !== null) return this.#ended(row, "expired", "nobody approved it in time");
    const live = WAITING.includes(row.state) || row.state === "approved";
    const seen = live ? await this.#observer.look(row) : await this.#observer.hasArrived(row);
    if (seen.kind === "arrived") return this.#decider.arrived(row, seen);
    if (!live) return;
    if (clock.now() >= row.expires_at) return this.#ended(row, "expired", "nobody approved it in time");
    if (seen.kind === "moved") return this.#ended(row, "void", seen.why);
    if (row.state === "approved") return;
    if (seen.kind === "approved") await this.#decider.take(row, seen.evidence);
    if (seen.kind === "refused") await this.#refuseOnce(row, seen);
  }

  async #refuseOnce(row: ApprovalRow, { proof, why }: { proof: string; why: string }): Promise<void> {
    const key = `${row.id} ${proof}`;
    if (this.#refused.has(key)) return;
    this.#refused.add(key);
    await this.#decider.refuse(row, { error: missing(row, why), by: SYSTEM, method: "git" });
  }

  /** The loop gave a proposal up: nobody has to look at it any more. */
  async #closed(proposalId: string, reason: string): Promise<void> {
    const row = await this.#rows.about("proposal", proposalId).catch(() => undefined);
    if (row && WAITING.includes(row.state))
      await this.#ended(row, "void", reason).catch((error) => this.#report(error));
  }

  async #ended(row: ApprovalRow, state: "void" | "expired", why: string): Promise<void> {
    await this.#end(row.id, { state, set: {}, why });
    this.#deps.events.emit("approval.ended", { approvalId: row.id, state, why });
  }

  async #end(
    id: string,
    { state, set, why }: { state: ApprovalState; set: Partial<ApprovalRow>; why: string },
  ): Promise<void> {
    const { audit, store } = this.#deps;
    await store.write(async (tx) => {
      await moveApproval(tx as never, { id }, { ...set, state, ...(why === "" ? {} : { note: why }) });
      const commit = set.arrived_commit ?? null;
      await audit.appendTo(tx, { actor: SYSTEM, action: `approval.${state}`, target: id, detail: { why, commit } });
    });
  }

  /** Rules that ask for less wait as a request of their own. */
  async #followPolicy(): Promise<void> {
    const { current, standing } = this.#policy;
    const open = (await this.#rows.inState([...WAITING, "approved"])).filter((row) => row.operation === "policy");
    const hash = policyHash(current);
    for (const row of open) if (row.content_hash !== hash) await this.#ended(row, "void", "the rules changed again");
    if (standing === "same") return;
    if (standing === "as_strict") {
      await this.#policy.accept({ now: this.#deps.clock.now(), approvalId: null });
      return this.#tellPolicy(null, false);
    }
    if (open.some((row) => row.content_hash === hash)) return;
    const { commit } = await this.#deps.git.head();
    const at = commit ?? "";
    const last = await this.#rows.about("policy", hash);
    if (last && (last.state === "rejected" || last.state === "expired")) return;
    const subject = { operation: "policy" as const, ref: hash, branch: "", commit: at, base: at, contentHash: hash };
    const made = await this.#request({
      subject: { ...subject, paths: ["specloop.yaml"] },
      title: "Weaker rules for approvals in specloop.yaml",
      reason:
        "The file asks for less than the rules that were accepted; until this is approved the stricter ones hold.",
      proposer: { kind: "system", name: "specloop" },
    });
    this.#tellPolicy(made.id, true);
  }

  async #takePolicy(): Promise<void> {
    for (const { id, subject } of await this.granted("policy")) {
      if (subject.contentHash !== policyHash(this.#policy.current)) continue;
      await this.#redeem(id, subject.contentHash);
      await this.#policy.accept({ now: this.#deps.clock.now(), approvalId: id });
      await this.carriedOut(id, null);
      this.#tellPolicy(id, false);
    }
  }

  #tellPolicy(approvalId: string | null, weaker: boolean): void {
    const event = { hash: policyHash(this.#policy.current), weaker, approvalId };
    this.#deps.events.emit("approval.policy_changed", event);
  }

  async #diff(row: ApprovalRow): Promise<string> {
    if (row.operation === "policy") {
      const shown = (policy: Policy) => JSON.stringify(policy, null, 2);
      return `accepted:\n${shown(this.#policy.accepted)}\n\nasked for:\n${shown(this.#policy.current)}\n`;
    }
    const parts = await Promise.all(pathsOf(row).map((path) => this.#deps.git.diff(row.base_id, row.commit_id, path)));
    return parts.join("");
  }

  /** Calls wait for each other, so that no two of them see the same state before either has changed it. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stop.signal.aborted)
      return Promise.reject(new SpecloopError("daemon_stopping", "The daemon is stopping."));
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  #change(id: string): { promise: Promise<void> } & Disposable {
    const { promise, resolve } = Promise.withResolvers<void>();
    const listeners = new DisposableStack();
    const names = ["approval.granted", "approval.decided", "approval.ended", "approval.carried_out"] as const;
    const told = ({ approvalId }: EventMap[(typeof names)[number]]) => approvalId === id && resolve();
    for (const name of names) listeners.use(this.#deps.events.on(name, told));
    return { promise, [Symbol.dispose]: () => listeners.dispose() };
  }

  async #tick(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#deps.clock.sleep(LOOK_EVERY_MS, this.#stop.signal).catch(() => {});
      if (!this.#stop.signal.aborted) await this.look().catch((error: unknown) => this.#report(error));
    }
  }

  #report(error: unknown): void {
    if (!this.#stop.signal.aborted) this.#deps.logger.warn({ err: error }, "approvals could not be looked at");
  }
}
