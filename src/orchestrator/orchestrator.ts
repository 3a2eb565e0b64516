import type { Git } from "../adapters/git/port.ts";
import type { ChangeDraft, Validator, Verdict } from "../adapters/openspec/index.ts";
import type { Store } from "../adapters/store/index.ts";
import type { SettledBatch, Watcher, WatchRequest } from "../adapters/watcher/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import { toRepositoryPath } from "../foundation/paths.ts";
import type { Service } from "../foundation/service.ts";
import type { Difference, Remembered } from "./compare.ts";
import { DocumentReader } from "./document-reader.ts";
import { RootKeeper } from "./keeper.ts";
import { findChange, listChanges, type ChangePage, type ListRequest } from "./listing.ts";
import { Memory } from "./memory.ts";
import type { OpenspecOptions } from "./options.ts";
import { judgeChange } from "./judge.ts";
import { ProposalReader } from "./proposals.ts";
import { propose, type ProposeContext, type ProposeResult } from "./propose.ts";
import { extentOf } from "./reader.ts";
import { planningRoots, watchedDirectories } from "./roots.ts";
import type { ChangeState, ChangeView } from "./state.ts";
import type { OrchestratorTables } from "./tables.ts";
import { VerdictQueue, type VerdictJob } from "./verdicts.ts";

export interface OrchestratorParts {
  git: Git;
  store: Store<OrchestratorTables>;
  events: Emitter;
  clock: Clock;
  logger: Logger;
  options: Live<OpenspecOptions>;
  validator: Validator;
  /** Makes the watcher; it is started and closed here. */
  watcher(request: WatchRequest): Watcher;
}

/** Paths of a batch that its event names. */
const SHOWN_PATHS = 200;
const BRANCH_MARK = "branch";

/**
 * A change's life: sees what moves, derives the state of every change, says what happened, and proposes new ones. All
 * state follows from files and git; the store holds only what was last seen, verdicts and approvals.
 */
export class Orchestrator implements Service {
  readonly name = "orchestrator";
  readonly #parts: OrchestratorParts;
  readonly #memory: Memory;
  readonly #reader: DocumentReader;
  readonly #proposals: ProposalReader;
  readonly #verdicts: VerdictQueue;
  readonly #stop = new AbortController();
  #keepers = new Map<string, RootKeeper>();
  #remembered = new Map<string, Map<string, Remembered>>();
  #approvals = new Map<string, Map<string, Set<string>>>();
  #watcher: Watcher | null = null;
  #watched = "";
  #head: { commit: string | null; branch: string | null } | null = null;
  #branch: string | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #missed = false;

  constructor(parts: OrchestratorParts) {
    this.#parts = parts;
    this.#memory = new Memory(parts.store, parts.clock);
    this.#reader = new DocumentReader(parts.clock, () => parts.options.current.maxFileBytes);
    this.#proposals = new ProposalReader(parts.git, this.#reader);
    this.#verdicts = new VerdictQueue(parts.logger, (job, verdict) => this.#keepVerdict(job, verdict));
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#remembered = await this.#memory.changes();
    this.#approvals = await this.#memory.approvals();
    this.#branch = await this.#memory.mark(BRANCH_MARK);
    await this.#inTurn(() => this.#look(null, true));
    signal.throwIfAborted();
    await this.#watch(signal);
    // What moved before the watcher was ready is found by a second look, which reads nothing that is as it was.
    await this.#inTurn(() => this.#look(null, true));
  }

  /** Waits until what was saved before this call shows in the state. Not to be called from a listener. */
  async settled(): Promise<void> {
    await this.#watcher?.settled();
    await this.#turn;
  }

  /** Waits until every change has a verdict for what it is, as far as there is an OpenSpec to give one. */
  async validated(): Promise<void> {
    await this.#turn;
    await this.#verdicts.idle();
  }

  /** Looks at everything again. */
  async refresh(): Promise<void> {
    await this.#inTurn(() => this.#look(null, true));
  }

  /** Changes in the order of root and id, a page at a time. Throws `bad_input` for a cursor that is none. */
  async list(request: ListRequest = {}): Promise<ChangePage> {
    return listChanges([...this.#keepers.values()], request);
  }

  /** Planning roots that are watched, relative to the repository. */
  roots(): string[] {
    return [...this.#keepers.keys()].sort();
  }

  /** One change; `root` is needed where several roots have the id. Throws `unknown_change`, `ambiguous_target`. */
  async get(id: string, root?: string): Promise<ChangeView> {
    const { keeper, state } = findChange([...this.#keepers.values()], id, root);
    return keeper.view(state);
  }

  /** Asks OpenSpec now. Throws `unknown_change`, `no_validator`. */
  async check(id: string, root?: string): Promise<Verdict> {
    const { keeper, state } = findChange([...this.#keepers.values()], id, root);
    if (state.stage === "archived" || state.stage === "abandoned") {
      throw new SpecloopError("unsupported", `${id} is ${state.stage}; OpenSpec judges changes that are under way.`, {
        target: id,
      });
    }
    const job = this.#job(keeper, state);
    const verdict = await job.judge(this.#stop.signal);
    await this.#keepVerdict(job, verdict);
    return verdict;
  }

  /**
   * Commits a change on the branch `specloop/<id>`, from where a person merges it. Throws `no_openspec`, `no_commits`,
   * `bad_input`, `change_exists`, `invalid_change`.
   */
  async propose(draft: ChangeDraft, context: ProposeContext, root?: string): Promise<ProposeResult> {
    const keeper = this.#keeperFor(root);
    const { git, clock, options, validator } = this.#parts;
    const judging = options.current.validator === "off" ? null : validator;
    const result = await propose(draft, context, keeper.state, { git, clock, validator: judging });
    await this.refresh();
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new SpecloopError("daemon_stopping", "The daemon is stopping."));
    await this.#watcher?.[Symbol.asyncDispose]();
    await this.#verdicts[Symbol.asyncDispose]();
    await this.#turn;
  }

  #keeperFor(root: string | undefined): RootKeeper {
    const keeper =
      this.#keepers.get(root ?? "openspec") ?? (root === undefined ? [...this.#keepers.values()][0] : undefined);
    if (keeper) return keeper;
    if (root === undefined) throw new SpecloopError("no_openspec", "The repository has no openspec/ folder.");
    throw new SpecloopError("bad_input", `"${root}" is no planning root.`, { target: "root" });
  }

  /** One look at a time; a failed one does not stop the next. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { git, logger, options } = this.#parts;
    const directories = watchedDirectories(
      git,
      [...this.#keepers.values()].map(({ root }) => root),
    );
    const { gitDirectory, commonDirectory } = git.places;
    this.#watched = directories.join("\0");
    this.#watcher = this.#parts.watcher({
      directories,
      gitDirectories: [...new Set([gitDirectory, commonDirectory])],
      timing: () => ({ settleMs: options.current.settleMs, reconcileMs: options.current.reconcileSeconds * 1000 }),
      onBatch: (batch) => this.#inTurn(() => this.#take(batch)),
      onError: (error) => logger.warn({ err: error }, "watching is incomplete"),
    });
    await this.#watcher.start(signal);
  }

  async #take(batch: SettledBatch): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const { git, events } = this.#parts;
    const started = this.#parts.clock.monotonic();
    await this.#lookAtBatch(batch);
    if (batch.paths.size === 0 && !batch.refsMoved) return;
    const paths = [...batch.paths].slice(0, SHOWN_PATHS).map((path) => toRepositoryPath(git.places.worktree, path));
    const ms = Math.round(batch.ms + this.#parts.clock.monotonic() - started);
    events.emit("watch.settled", { paths, refsMoved: batch.refsMoved, ms });
  }

  /** After a look that failed what it should have seen is unknown, so the next one is at everything. */
  async #lookAtBatch(batch: SettledBatch): Promise<void> {
    const wasMissed = this.#missed;
    this.#missed = true;
    await this.#look(wasMissed ? null : batch, wasMissed || batch.refsMoved || batch.everything);
    this.#missed = false;
  }

  /** Looks at what a batch names, or at everything. */
  async #look(batch: SettledBatch | null, gitMoved: boolean): Promise<void> {
    if (gitMoved || this.#keepers.size === 0) await this.#findRoots();
    const branchSwitched = gitMoved ? await this.#noteHead(batch?.refsMoved ?? false) : false;
    for (const keeper of this.#keepers.values()) {
      const extent = !batch || batch.everything ? "all" : extentOf(keeper.root, batch.paths);
      const differences = await keeper.look(extent, gitMoved, branchSwitched);
      this.#tell(keeper, differences);
      await keeper.remember(differences);
      await this.#wantVerdicts(keeper, gitMoved);
    }
    if (gitMoved && this.#head) await this.#markBranch(this.#head.branch ?? "");
  }

  async #findRoots(): Promise<void> {
    const { git, options } = this.#parts;
    const roots = await planningRoots(git, options.current.watchPath);
    const keepers = new Map<string, RootKeeper>();
    for (const root of roots) {
      const parts = { git, reader: this.#reader, proposals: this.#proposals, memory: this.#memory };
      const remembered = entry(this.#remembered, root.path);
      const approvals = entry(this.#approvals, root.path);
      keepers.set(root.path, this.#keepers.get(root.path) ?? new RootKeeper(root, { ...parts, remembered, approvals }));
    }
    this.#keepers = keepers;
    const isOther = this.#watched !== watchedDirectories(git, roots).join("\0");
    if (this.#watcher && isOther) this.#watchAnew();
  }

  /** The old watcher may be the one that is handing over right now, so it is closed behind its back. */
  #watchAnew(): void {
    const old = this.#watcher;
    this.#watcher = null;
    const anew = async () => {
      await old?.[Symbol.asyncDispose]();
      await this.#watch(this.#stop.signal);
      await this.refresh();
    };
    void anew().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#parts.logger.error({ err: error }, "watching could not go on");
    });
  }

  /** Tells of a moved HEAD; returns whether another branch is checked out than at the last look, also before a restart. */
  async #noteHead(refsMoved: boolean): Promise<boolean> {
    const { commit, branch } = await this.#parts.git.head();
    const moved = this.#head !== null && (this.#head.commit !== commit || this.#head.branch !== branch);
    this.#head = { commit, branch };
    if (moved || refsMoved) this.#parts.events.emit("git.refs_moved", { head: commit, branch });
    return this.#branch !== null && this.#branch !== (branch ?? "");
  }

  async #markBranch(branch: string): Promise<void> {
    if (this.#branch === branch) return;
    this.#branch = branch;
    await this.#memory.setMark(BRANCH_MARK, branch);
  }

  #tell(keeper: RootKeeper, differences: Difference[]): void {
    const { events, clock } = this.#parts;
    for (const { id, from, to, added, resolved, standing } of differences) {
      if (from !== to)
        events.emit("change.state_changed", { changeId: id, root: keeper.root.path, from, to, at: clock.now() });
      if (added.length > 0 || resolved.length > 0) {
        events.emit("change.findings_changed", { changeId: id, added, resolved, standing });
      }
    }
  }

  /** A look at everything also asks whether another OpenSpec judges by now. */
  async #wantVerdicts(keeper: RootKeeper, everything: boolean): Promise<void> {
    if (this.#parts.options.current.validator === "off") return;
    const found = everything ? await this.#parts.validator.installation() : null;
    const wanting = keeper.withoutVerdict(found?.kind === "package" ? found.version : null);
    for (const state of wanting) this.#verdicts.add(this.#job(keeper, state));
  }

  #job(keeper: RootKeeper, state: ChangeState): VerdictJob {
    const { validator, git } = this.#parts;
    const judge = (signal: AbortSignal) => judgeChange(state, keeper.root, { validator, git }, signal);
    return { root: keeper.root.path, change: state.id, hash: state.verdictHash, judge };
  }

  async #keepVerdict(job: VerdictJob, verdict: Verdict): Promise<void> {
    const kept = await this.#keepers.get(job.root)?.keepVerdict(job.change, job.hash, verdict);
    if (!kept) return;
    const count = (level: string) => verdict.issues.filter((issue) => issue.level === level).length;
    const { valid, version, ms } = verdict;
    const counts = { errors: count("ERROR"), warnings: count("WARNING") };
    this.#parts.events.emit("change.validated", { changeId: job.change, valid, version, ...counts, ms });
  }
}

function entry<Value>(maps: Map<string, Map<string, Value>>, name: string): Map<string, Value> {
  const map = maps.get(name) ?? new Map<string, Value>();
  maps.set(name, map);
  return map;
}
