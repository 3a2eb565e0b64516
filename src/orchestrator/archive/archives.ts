import { join } from "node:path";
import type { Approvals } from "../../access/approvals/index.ts";
import type { Git } from "../../adapters/git/index.ts";
import type { ArchiveReport } from "../../adapters/openspec/index.ts";
import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../../foundation/errors.ts";
import type { EventBus } from "../../foundation/events.ts";
import { newId } from "../../foundation/ids.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Live } from "../../foundation/options.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { Service } from "../../foundation/service.ts";
import type { OpenspecOptions } from "../options.ts";
import type { Orchestrator } from "../orchestrator.ts";
import type { ChangeState } from "../state.ts";
import { BranchArchives } from "./branches.ts";
import { Carrier } from "./carrier.ts";
import { readFacts, reasonsAgainst, reasonsAgainstReturn } from "./gate.ts";
import { Journal, type Entry } from "./journal.ts";
import { Mover, type MoveStep } from "./mover.ts";
import { planArchive, summaryOf, type Plan } from "./plan.ts";
import { refusalOf, refusedWith, reasonsOf, savedBy } from "./refusal.ts";
import { mergeInScratch } from "./scratch.ts";
import type { ArchiveTables } from "./tables.ts";
import type { ArchiveRequest, ArchiveResult, UnarchiveRequest } from "./types.ts";
import { planUnarchive } from "./undo-plan.ts";

export interface ArchivesParts {
  changes: Pick<Orchestrator, "get" | "check" | "refresh">;
  git: Git;
  store: Store<ArchiveTables>;
  events: Pick<EventBus, "emit" | "on">;
  clock: Clock;
  logger: Logger;
  options: Live<OpenspecOptions>;
  /** OpenSpec's own archive command. */
  validator: { archive(project: string, change: string, signal: AbortSignal): Promise<ArchiveReport> };
  /** Folder of ours on the repository's file system. */
  directory: string;
  /** Without it a branch waits for a merge alone. */
  approvals?: Approvals | undefined;
  /** Does work during which nobody's edit of a document is written; without one nobody edits. */
  exclusively?: (<T>(work: () => Promise<T>) => Promise<T>) | undefined;
  /** For tests that stop at a step. */
  onStep?: ((step: MoveStep) => void) | undefined;
}

/** Archives changes and takes them back, one at a time, so that no requirement text is ever lost. */
export class Archives implements Service {
  readonly name = "archives";
  readonly #parts: ArchivesParts;
  readonly #journal: Journal;
  readonly #mover: Mover;
  readonly #carrier: Carrier;
  readonly #branches: BranchArchives;
  readonly #stop = new AbortController();
  readonly #stack = new DisposableStack();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: ArchivesParts) {
    this.#parts = parts;
    const { git, logger, directory, onStep = () => {} } = parts;
    this.#journal = new Journal(parts.store);
    this.#mover = new Mover({ worktree: git.places.worktree, directory, onStep });
    const { exclusively = (work) => work() } = parts;
    this.#carrier = new Carrier({ git, journal: this.#journal, mover: this.#mover, logger, onStep, exclusively });
    this.#branches = new BranchArchives({ ...parts, journal: this.#journal });
  }

  /** Finishes or takes back what a crash cut short, and carries out what was approved meanwhile. */
  async start(signal: AbortSignal): Promise<void> {
    const { events } = this.#parts;
    await this.#inTurn(async () => {
      await this.#recover();
      await this.#mover.sweep(async (id) => (await this.#journal.byId(id))?.state ?? null);
      await this.#branches.settleMerged();
    });
    signal.throwIfAborted();
    const later = (work: () => Promise<void>) => void this.#inTurn(work).catch((error: unknown) => this.#tell(error));
    this.#stack.use(events.on("git.refs_moved", () => later(() => this.#afterRefsMoved())));
    this.#stack.use(
      events.on("approval.granted", ({ operation, ref }) => operation === "archive" && later(() => this.#granted(ref))),
    );
    this.#stack.use(events.on("approval.ended", ({ approvalId }) => later(() => this.#branches.ended(approvalId))));
    for (const entry of await this.#branches.approvedMeanwhile()) later(() => this.#granted(entry.id));
  }

  /**
   * Archives changes in this order and stops at the first doubt. A person's archive is committed on the branch that is
   * checked out; anybody else's on `specloop/archive-<id>`, where it waits for a person. Throws `archive_refused` with
   * `Refusal` in its details, `unknown_change`, `ambiguous_target`, `no_validator`.
   */
  archive(request: ArchiveRequest): Promise<ArchiveResult[]> {
    return this.#inTurn(async () => {
      const done: ArchiveResult[] = [];
      for (const [index, id] of request.ids.entries()) {
        try {
          done.push(await this.#archiveOne(id, request));
        } catch (error) {
          throw refusedWith(error, { done, left: request.ids.slice(index + 1) });
        }
      }
      return done;
    });
  }

  /**
   * Moves a change back out of the archive and takes its edits of the specs back. Throws `archive_refused` when a spec says
   * something else since, `change_exists`, `unknown_change`.
   */
  unarchive(request: UnarchiveRequest): Promise<ArchiveResult> {
    return this.#inTurn(() => this.#takeBack(request));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new SpecloopError("daemon_stopping", "The daemon is stopping."));
    this.#stack.dispose();
    await this.#turn;
  }

  async #archiveOne(id: string, request: ArchiveRequest): Promise<ArchiveResult> {
    const { changes, clock } = this.#parts;
    const started = clock.monotonic();
    await changes.refresh();
    const state = await changes.get(id, request.root);
    const entry = this.#entryFor("archive", state, request.principal);
    try {
      const { plan, warnings, version } = await this.#prepare(state, entry, request);
      const base = { change: id, path: plan.move.to, specs: summaryOf(plan.move), warnings, openspec: version };
      const nothing = { commit: null, branch: null, approval: null, savedTexts: 0 };
      if (request.dryRun) return { ...base, ...nothing, status: "would_archive" };
      if (request.principal.kind !== "person") {
        const waiting = await this.#branches.propose(entry, plan, state.title);
        return { ...base, ...nothing, ...waiting, status: "proposed" };
      }
      const savedTexts = (await this.#journal.savedTexts(state.root, id)).size;
      const commit = await this.#carrier.carryOut(entry, plan);
      await this.#archived(entry, plan, { commit, savedTexts, ms: Math.round(clock.monotonic() - started) });
      return { ...base, ...nothing, status: "archived", commit, savedTexts };
    } catch (error) {
      if (!request.dryRun) await this.#refused(entry, error);
      throw error;
    }
  }

  /** The gate, OpenSpec's merge in a copy, and the account of it. */
  async #prepare(state: ChangeState, entry: Entry, request: ArchiveRequest, approvedTo?: string) {
    const { git, options } = this.#parts;
    const policy = options.current.archive;
    const openTasks = request.allowOpenTasks ? "allow" : policy.openTasks;
    const active = state.stage !== "archived" && state.stage !== "abandoned" && state.git !== "branch";
    const verdict = active ? await this.#parts.changes.check(state.id, state.root) : null;
    const facts = { ...(await readFacts(state, git)), state, verdict, policy: { ...policy, openTasks } };
    const reasons = reasonsAgainst(facts);
    if (reasons.length > 0) throw refusalOf(state.id, reasons);
    const directory = join(git.places.worktree, state.root);
    const merged = await mergeInScratch({ directory }, state.id, this.#parts, this.#stop.signal);
    if (merged.doubts.length > 0) throw refusalOf(state.id, merged.doubts);
    const context = { git, id: entry.id, principal: request.principal };
    const plan = await planArchive(state, merged, context, approvedTo);
    return { plan, warnings: merged.report.warnings, version: merged.report.version };
  }

  async #takeBack({ id, root, principal }: UnarchiveRequest): Promise<ArchiveResult> {
    const { changes, git } = this.#parts;
    await changes.refresh();
    const state = await changes.get(id, root);
    const entry = this.#entryFor("unarchive", state, principal);
    try {
      const blocking = reasonsAgainstReturn({ ...(await readFacts(state, git)), state });
      if (blocking.length > 0) throw refusalOf(id, blocking);
      const plan = await planUnarchive(state, { git, id: entry.id, principal });
      const change = plan.move.to.slice(plan.move.to.lastIndexOf("/") + 1);
      const result = { change, path: plan.move.to, specs: summaryOf(plan.move), warnings: [], openspec: null };
      const nothing = { commit: null, branch: null, approval: null, savedTexts: 0 };
      if (principal.kind !== "person") {
        return { ...result, ...nothing, ...(await this.#branches.propose(entry, plan, null)), status: "proposed" };
      }
      const commit = await this.#carrier.carryOut(entry, plan);
      await changes.refresh();
      return { ...result, ...nothing, status: "unarchived", commit };
    } catch (error) {
      await this.#refused(entry, error);
      throw error;
    }
  }

  /** A person said yes: the archive is made anew from what is there now, and must be what was approved. */
  async #granted(id: string): Promise<void> {
    const entry = await this.#journal.byId(id);
    if (entry?.state !== "proposed" && entry?.state !== "granted") return;
    const { changes, clock } = this.#parts;
    const started = clock.monotonic();
    try {
      await changes.refresh();
      const state = await changes.get(entry.change, entry.root);
      const request = { ids: [entry.change], principal: entry.principal, allowOpenTasks: true };
      const again =
        entry.kind === "archive"
          ? (await this.#prepare(state, entry, request, entry.move?.to)).plan
          : await planUnarchive(state, { git: this.#parts.git, id, principal: entry.principal });
      const trailers = await this.#branches.redeem(entry, again);
      const plan: Plan = { ...again, move: { ...again.move, trailers: { ...again.move.trailers, ...trailers } } };
      const savedTexts = (await this.#journal.savedTexts(entry.root, entry.change)).size;
      const commit = await this.#carrier.carryOut({ ...entry, state: "granted" }, plan);
      if (entry.approvalId !== null) await this.#parts.approvals?.carriedOut(entry.approvalId, commit);
      const ms = Math.round(clock.monotonic() - started);
      if (entry.kind === "archive") await this.#archived(entry, plan, { commit, savedTexts, ms });
    } catch (error) {
      await this.#branches.notCarriedOut(entry, error);
      await this.#refused({ ...entry, id: newId("ar"), branch: null, approvalId: null }, error);
      throw error;
    }
  }

  async #recover(): Promise<void> {
    for (const entry of await this.#journal.inState("intent", "written")) {
      const { move } = entry;
      if (move === null) continue;
      const commit = await this.#carrier.recover({ ...entry, move });
      if (commit === undefined) continue;
      // What was approved and taken back by a crash is still to be carried out.
      if (commit === null && entry.approvalId !== null) await this.#journal.save({ ...entry, state: "granted" });
      if (commit !== null && entry.approvalId !== null) {
        await this.#parts.approvals?.carriedOut(entry.approvalId, commit);
      }
      if (commit !== null && entry.kind === "archive") {
        const savedTexts = entry.saved.length;
        const ms = Math.max(0, this.#parts.clock.now() - entry.createdAt);
        await this.#archived(entry, { move, contents: [] }, { commit, savedTexts, ms });
      }
    }
  }

  async #afterRefsMoved(): Promise<void> {
    await this.#recover();
    await this.#branches.settleMerged();
  }

  async #archived(
    { change, root, principal }: Entry,
    { move }: Plan,
    { commit, savedTexts, ms }: { commit: string; savedTexts: number; ms: number },
  ): Promise<void> {
    const archivedAs = move.to.slice(move.to.lastIndexOf("/") + 1);
    this.#parts.events.emit("change.archived", {
      changeId: change,
      root,
      archivedAs,
      commit,
      savedTexts,
      ms,
      principal,
    });
    await this.#parts.changes.refresh();
  }

  async #refused(entry: Entry, error: unknown): Promise<void> {
    const reasons = reasonsOf(error);
    const known = await this.#journal.byId(entry.id);
    if (!known) {
      const note = toSpecloopError(error).message;
      await this.#journal.save({ ...entry, state: "refused", saved: savedBy(reasons), note });
    }
    const code = reasons[0]?.code ?? toSpecloopError(error).code;
    const { change: changeId, root, principal } = entry;
    this.#parts.events.emit("change.archive_refused", { changeId, root, code, principal });
  }

  #entryFor(kind: Entry["kind"], { id, root }: ChangeState, principal: Principal): Entry {
    const nothing = { move: null, commit: null, branch: null, approvalId: null, saved: [], note: null };
    const createdAt = this.#parts.clock.now();
    return { id: newId("ar"), kind, state: "intent", createdAt, root, change: id, principal, ...nothing };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #tell(error: unknown): void {
    if (!this.#stop.signal.aborted) this.#parts.logger.warn({ err: error }, "an archive could not be carried out");
  }
}
