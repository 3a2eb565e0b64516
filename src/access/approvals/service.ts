import type { Kysely } from "kysely";
import type { Arrivals, Git, Signatures } from "../../adapters/git/index.ts";
import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { EventBus } from "../../foundation/events.ts";
import type { HealthCheck } from "../../foundation/health.ts";
import type { Logger } from "../../foundation/logger.ts";
import { principalLabel } from "../../foundation/principal.ts";
import type { Service } from "../../foundation/service.ts";
import type { AuditEntry, AuditHead } from "../audit.ts";
import type { AccessTables } from "../tables.ts";
import { Approvers } from "./approvers.ts";
import { contentHashAt } from "./content.ts";
import { Decider, type DecideRequest, type Needs } from "./decider.ts";
import { EvidenceChecker } from "./evidence.ts";
import { Lifecycle } from "./lifecycle.ts";
import { Observer } from "./observer.ts";
import type { PersonFiles } from "./person-directory.ts";
import { both, entitledBy, isAtLeast, requirementOf, type Policy, type Requirement } from "./policy.ts";
import { PolicyKeeper } from "./policy-keeper.ts";
import { PolicyRequests } from "./policy-requests.ts";
import type { Approval, Approvals, Grant, NewApproval } from "./port.ts";
import { ApprovalReader, type Review } from "./reader.ts";
import { Redemptions } from "./redemptions.ts";
import { ApprovalRows, approversOf, insertApproval, pathsOf, WAITING } from "./rows.ts";
import type { ApprovalRow } from "./tables.ts";

export interface ApprovalDependencies {
  store: Store<AccessTables>;
  /** Entries are written in the transaction of what they tell. */
  audit: { appendTo(tx: Kysely<AccessTables>, entry: AuditEntry): Promise<AuditHead> };
  git: Git;
  arrivals: Pick<Arrivals, "of">;
  signatures: Signatures;
  /** Commit of a branch of a remote. */
  remote: (url: string, branch: string) => Promise<string | null>;
  files: PersonFiles;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  /** The rules as the configuration has them now. */
  policy: () => Policy;
}

/** How often time is looked at, and what git's events may have missed. */
const LOOK_EVERY_MS = 10_000;
const SETTLED_LOOKED_AT = 50;

/** Requests for a person's yes: bound to content, person and one use. See the capability `approvals` in `openspec/`. */
export class ApprovalService implements Approvals, Service {
  readonly name = "approvals";
  readonly #deps: ApprovalDependencies;
  readonly #rows: ApprovalRows;
  readonly #keeper: PolicyKeeper;
  readonly #decider: Decider;
  readonly #lifecycle: Lifecycle;
  readonly #reader: ApprovalReader;
  readonly #redemptions: Redemptions;
  readonly #policy: PolicyRequests;
  readonly #stop = new AbortController();
  readonly #listeners = new DisposableStack();
  #queue: Promise<unknown> = Promise.resolve();
  #ticking: Promise<void> = Promise.resolve();

  constructor(dependencies: ApprovalDependencies) {
    this.#deps = dependencies;
    const { store, git, files, policy } = dependencies;
    const outside = [git.places.worktree, git.places.commonDirectory];
    const approvers = new Approvers({ files, outside });
    const rows = new ApprovalRows(store.as());
    const keeper = new PolicyKeeper({ store: store.as(), current: policy });
    const evidence = new EvidenceChecker({ ...dependencies, approvers, outside });
    const observer = new Observer({ ...dependencies, evidence });
    const needs = (row: ApprovalRow, at?: number) => this.#needs(row, at);
    const decider = new Decider({ ...dependencies, rows, evidence, approvers, keeper, needs });
    const lifecycle = new Lifecycle({ ...dependencies, rows, observer, decider });
    const reader = new ApprovalReader({ ...dependencies, store: store.as(), rows, keeper });
    const redemptions = new Redemptions({ ...dependencies, rows, evidence, lifecycle, decider, needs });
    this.#redemptions = redemptions;
    this.#rows = rows;
    this.#keeper = keeper;
    this.#decider = decider;
    this.#lifecycle = lifecycle;
    this.#reader = reader;
    this.#policy = new PolicyRequests({
      ...dependencies,
      rows,
      keeper,
      lifecycle,
      granted: () => reader.granted("policy"),
      request: (request) => this.#request(request),
      redeem: (id, hash) => redemptions.redeem(id, hash),
      carriedOut: (id) => this.carriedOut(id, null),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { events } = this.#deps;
    await this.#policy.open();
    const look = () => void this.look().catch((error: unknown) => this.#report(error));
    this.#listeners.use(events.on("git.refs_moved", look));
    this.#listeners.use(events.on("document.updated", look));
    this.#listeners.use(events.on("proposal.closed", (closed) => void this.#closed(closed)));
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
    return this.#keeper.effective.flatMap((policy) => policy.sensitive);
  }

  request(request: NewApproval): Promise<Approval> {
    return this.#inTurn(() => this.#request(request));
  }

  get(id: string): Promise<Approval> {
    return this.#reader.get(id);
  }

  /** Resolves when somebody decided, or after `waitMs`. */
  waitFor(id: string, { waitMs, signal }: { waitMs: number; signal: AbortSignal }): Promise<Approval> {
    return this.#reader.waitFor(id, { waitMs, signal: AbortSignal.any([signal, this.#stop.signal]) });
  }

  list(page: Parameters<ApprovalReader["list"]>[0]): ReturnType<ApprovalReader["list"]> {
    return this.#reader.list(page);
  }

  review(id: string): Promise<Review> {
    return this.#reader.review(id);
  }

  /** A person's word. Throws `forbidden`, `approval_missing`, `approval_void`, `approval_used`, `rate_limited`. */
  decide(request: DecideRequest): Promise<Approval> {
    return this.#inTurn(async () => {
      await this.#decider.decide(request);
      await this.#policy.take();
      return this.get(request.id);
    });
  }

  redeem(id: string, contentHash: string): Promise<Grant> {
    return this.#inTurn(() => this.#redemptions.redeem(id, contentHash));
  }

  unfinished(operation: ApprovalRow["operation"]): Promise<Grant[]> {
    return this.#redemptions.unfinished(operation);
  }

  /** Granted and not yet redeemed, oldest first. */
  granted(operation: ApprovalRow["operation"]): Promise<Approval[]> {
    return this.#reader.granted(operation);
  }

  async about(operation: ApprovalRow["operation"], ref: string): Promise<Approval | null> {
    const known = await this.#rows.about(operation, ref);
    if (!known) return null;
    await this.#inTurn(() => this.#lifecycle.lookAt(known.id));
    return this.get(known.id);
  }

  async carriedOut(id: string, commit: string | null): Promise<void> {
    await this.#lifecycle.move(id, { state: "carried_out", arrived_commit: commit });
    this.#deps.events.emit("approval.carried_out", { approvalId: id, commit });
  }

  async void(id: string, why: string): Promise<void> {
    await this.#lifecycle.ended(await this.#rows.get(id), { state: "void", why });
  }

  /** Looks at git, the clock and the rules for everything that is open. */
  look(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#policy.follow();
      const live = await this.#rows.inState([...WAITING, "approved"]);
      const settled = await this.#rows.inState(["rejected", "void", "expired", "superseded"], SETTLED_LOOKED_AT);
      for (const { id } of [...live, ...settled.filter((row) => row.arrived_commit === null)])
        await this.#lifecycle.lookAt(id).catch((error: unknown) => this.#report(error));
      await this.#policy.take();
    });
  }

  summary(): ReturnType<ApprovalReader["summary"]> {
    return this.#reader.summary();
  }

  healthChecks(): HealthCheck[] {
    return this.#reader.healthChecks();
  }

  async #request(request: NewApproval): Promise<Approval> {
    const { git, clock, store, audit, events } = this.#deps;
    const { subject, proposer } = request;
    const { operation, ref, paths, commit, contentHash } = subject;
    if (operation !== "policy" && (await contentHashAt(git, commit, paths)) !== contentHash)
      throw new SpecloopError("bad_input", "The content hash is not that of the content.", { target: ref });
    const requirement = this.#requirement(request);
    const { level } = requirement;
    const revised = await this.#revised(request);
    const id = await store.write(async (tx) => {
      const made = await insertApproval(tx, request, { requirement, now: clock.now() });
      const detail = { operation, ref, commit, contentHash, level };
      const entry = { actor: principalLabel(proposer), action: "approval.requested", target: made, detail };
      await audit.appendTo(tx, entry);
      return made;
    });
    events.emit("approval.requested", { approvalId: id, operation, ref, level, principal: proposer });
    const set = { superseded_by: id };
    if (revised) await this.#lifecycle.ended(revised, { state: "superseded", why: `revised by ${id}`, set });
    return this.get(id);
  }

  #requirement({ subject, touches = [] }: NewApproval): Requirement {
    const { operation, paths } = subject;
    const own = requirementOf(this.#keeper.effective, { operation, paths });
    if (touches.length === 0) return own;
    const other = requirementOf(this.#keeper.effective, { operation: "document", paths: touches });
    return isAtLeast(own.level, other.level) ? own : { ...other, expiresMs: own.expiresMs };
  }

  /** The request that this one takes the place of: the named one, or the proposer's own that was sent back. */
  async #revised({ supersedes, subject, proposer }: NewApproval): Promise<ApprovalRow | null> {
    const named = supersedes === undefined ? null : await this.#rows.get(supersedes);
    if (named) return WAITING.includes(named.state) ? named : null;
    const sentBack = await this.#rows.inState(["changes_requested"]);
    const own = sentBack.filter((row) => row.proposer === JSON.stringify(proposer));
    const paths = new Set(subject.paths);
    return (
      own.find((row) => row.operation === subject.operation && pathsOf(row).some((path) => paths.has(path))) ?? null
    );
  }

  /** What it needs under the rules of now, and never less than when it was asked for; `at`: when somebody said yes. */
  #needs(row: ApprovalRow, at = this.#deps.clock.now()): Needs {
    const now = requirementOf(this.#keeper.effective, { operation: row.operation, paths: pathsOf(row) });
    return {
      level: isAtLeast(row.level, now.level) ? row.level : now.level,
      count: Math.max(row.count, now.count),
      approvers: both(approversOf(row, at), entitledBy(now, { createdAt: row.created_at, at })),
    };
  }

  /** The loop gave a proposal up: nobody has to look at it any more. */
  async #closed({ proposalId, reason }: { proposalId: string; reason: string }): Promise<void> {
    try {
      const row = await this.#rows.about("proposal", proposalId);
      if (row && WAITING.includes(row.state)) await this.#lifecycle.ended(row, { state: "void", why: reason });
    } catch (error) {
      this.#report(error);
    }
  }

  /** Calls wait for each other, so that no two of them see the same state before either has changed it. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stop.signal.aborted)
      return Promise.reject(new SpecloopError("daemon_stopping", "The daemon is stopping."));
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
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
