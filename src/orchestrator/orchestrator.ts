import type { Git } from "../adapters/git/index.ts";
import type { ChangeDraft, Validator, Verdict } from "../adapters/openspec/index.ts";
import type { Store } from "../adapters/store/index.ts";
import type { SettledBatch, Watcher, WatchRequest } from "../adapters/watcher/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import { toRepositoryPath } from "../foundation/paths.ts";
import type { Principal } from "../foundation/principal.ts";
import type { Service } from "../foundation/service.ts";
import { movedBases } from "./bases/index.ts";
import type { Difference } from "./compare.ts";
import type { RootKeeper } from "./keeper.ts";
import { listChanges, type ChangePage, type ListRequest } from "./listing.ts";
import type { OpenspecOptions } from "./options.ts";
import { OfficialVerdicts } from "./official-verdicts.ts";
import { mergeChange, type DeltaWriter, type MergeRequest, type MergeResult } from "./merge/index.ts";
import { propose, type Drafting, type ProposeContext, type ProposeResult } from "./propose.ts";
import { extentOf, NOTHING_MOVED, type Extent } from "./reader.ts";
import { RootSet } from "./root-set.ts";
import type { ChangeView, RootState } from "./state.ts";
import type { OrchestratorTables } from "./tables.ts";
import { VERDICTS_OFF } from "./verdicts.ts";

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
  /** Writes merged deltas; without one there are only dry runs. */
  writer?: DeltaWriter;
  /** Where stores are registered is looked up here; the process's own when absent. */
  env?: NodeJS.ProcessEnv;
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
  readonly #roots: RootSet;
  readonly #verdicts: OfficialVerdicts;
  readonly #stop = new AbortController();
  #watcher: Watcher | null = null;
  #watched = "";
  #head: { commit: string | null; branch: string | null } | null = null;
  #branch: string | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #missed = false;

  constructor(parts: OrchestratorParts) {
    this.#parts = parts;
    const keeper = (root: string) => this.#roots.all.find(({ root: { name } }) => name === root);
    this.#verdicts = new OfficialVerdicts({ ...parts, keeper });
    this.#roots = new RootSet(parts, this.#elsewhereParts());
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#roots.load();
    this.#branch = await this.#roots.memory.mark(BRANCH_MARK);
    await this.#inTurn(() => this.#look(null, true));
    signal.throwIfAborted();
    await this.#watch(signal);
    // What moved before the watcher was ready is found by a second look, which reads nothing that is as it was.
    await this.#inTurn(() => this.#look(null, true));
  }

  /** Waits until what was saved before this call shows in the state. Not to be called from a listener. */
  async settled(): Promise<void> {
    await Promise.all([this.#watcher?.settled(), this.#roots.elsewhere.settled()]);
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
    return listChanges(this.#roots.all, request);
  }

  /** Names of the planning roots that are watched: paths in the repository, and what lies elsewhere. */
  roots(): string[] {
    return this.#roots.all.map(({ root }) => root.name).sort();
  }

  /** What every planning root is like now. */
  states(): RootState[] {
    return this.#roots.all.map(({ state }) => state);
  }

  /**
   * One change; `root` is needed where several roots have the id, and `worktree` is the one whose version comes first.
   * Throws `unknown_change`, `ambiguous_target`.
   */
  async get(id: string, root?: string, worktree?: string): Promise<ChangeView> {
    const { keeper, state } = this.#roots.findChange(id, root, worktree);
    const view = keeper.detail(state);
    const isOff = this.#parts.options.current.validator === "off";
    const problem = isOff ? VERDICTS_OFF : this.#verdicts.problemOf(state.verdictHash);
    return view.validity.current ? view : { ...view, validity: { ...view.validity, problem } };
  }

  /** Asks OpenSpec now. Throws `unknown_change`, `no_validator`. */
  async check(id: string, root?: string): Promise<Verdict> {
    const { keeper, state } = this.#roots.findChange(id, root);
    return this.#verdicts.check(keeper, state, this.#stop.signal);
  }

  /**
   * Commits a change on the branch `specloop/<id>`, from where a person merges it. Throws `no_openspec`, `no_commits`,
   * `bad_input`, `change_exists`, `invalid_change`.
   */
  async propose(draft: ChangeDraft | Drafting, context: ProposeContext, root?: string): Promise<ProposeResult> {
    const keeper = this.#roots.keeperFor(root);
    const { git, clock, options, validator } = this.#parts;
    const judging = options.current.validator === "off" ? null : validator;
    const result = await propose(draft, context, keeper.state, { git, clock, validator: judging });
    await this.refresh();
    return result;
  }

  /** Brings the deltas of a change up to what the specs say now; `mergeChange` says what it throws. */
  async merge(request: MergeRequest, principal: Principal): Promise<MergeResult> {
    await this.refresh();
    const merged = await this.#inTurn(() => mergeChange(request, { ...this.#parts, roots: this.#roots, principal }));
    await this.refresh();
    return merged;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new SpecloopError("daemon_stopping", "The daemon is stopping."));
    await Promise.all([this.#watcher?.[Symbol.asyncDispose](), this.#roots.elsewhere[Symbol.asyncDispose]()]);
    await this.#verdicts[Symbol.asyncDispose]();
    await this.#turn;
  }

  /** One look at a time; a failed one does not stop the next. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { git, logger, options } = this.#parts;
    const { directories } = this.#roots;
    const { gitDirectory, commonDirectory } = git.places;
    this.#watched = directories.join("\0");
    this.#watcher = this.#parts.watcher({
      directories,
      gitDirectories: [...new Set([gitDirectory, commonDirectory])],
      onBatch: (batch) => this.#inTurn(() => this.#take(batch)),
      ...followed(options, logger),
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
    if (gitMoved || this.#roots.own.length === 0) await this.#findRoots();
    const branchSwitched = gitMoved ? await this.#noteHead(batch?.refsMoved ?? false) : false;
    for (const keeper of this.#roots.own) {
      const extent = !batch || batch.everything ? "all" : extentOf(keeper.root, batch.paths);
      await this.#lookAt(keeper, extent, { gitMoved, branchSwitched });
    }
    if (gitMoved) await this.#roots.lookElsewhere(this.#stop.signal);
    else await this.#roots.elsewhere.lookBeside();
    if (gitMoved && this.#head) await this.#markBranch(this.#head.branch ?? "");
  }

  async #lookAt(keeper: RootKeeper, extent: Extent, { gitMoved, branchSwitched }: Moved): Promise<void> {
    const differences = await keeper.look(extent, gitMoved, branchSwitched);
    this.#tell(keeper, differences);
    await keeper.remember(differences);
    await this.#verdicts.want(keeper, gitMoved);
  }

  async #findRoots(): Promise<void> {
    await this.#roots.find();
    const isOther = this.#watched !== this.#roots.directories.join("\0");
    if (this.#watcher && isOther) this.#watchAnew();
  }

  #elsewhereParts(): ConstructorParameters<typeof RootSet>[1] {
    const { env = process.env, logger, options } = this.#parts;
    return {
      env,
      logger,
      watcher: (request) => this.#parts.watcher({ ...request, ...followed(options, logger) }),
      inTurn: (work) => this.#inTurn(work),
      head: () => this.#head?.commit ?? null,
      tell: (keeper, differences) => this.#tell(keeper, differences),
      onMoved: async () => {
        for (const keeper of this.#roots.own) await this.#lookAt(keeper, NOTHING_MOVED, STAYED);
      },
    };
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
    await this.#roots.memory.setMark(BRANCH_MARK, branch);
  }

  #tell(keeper: RootKeeper, differences: Difference[]): void {
    const { events, clock } = this.#parts;
    const root = keeper.root.name;
    for (const { id, from, to, added, resolved, standing } of differences) {
      if (from !== to) events.emit("change.state_changed", { changeId: id, root, from, to, at: clock.now() });
      if (added.length > 0 || resolved.length > 0) {
        events.emit("change.findings_changed", { changeId: id, root, added, resolved, standing });
      }
    }
    const own = keeper.ownFindings();
    if (own) events.emit("planning.findings_changed", { root, ...own });
    for (const base of movedBases(differences, keeper.state)) events.emit("change.base_moved", base);
  }
}

interface Moved {
  gitMoved: boolean;
  branchSwitched: boolean;
}
const STAYED: Moved = { gitMoved: false, branchSwitched: false };

function followed(options: Live<OpenspecOptions>, logger: Logger): Pick<WatchRequest, "timing" | "onError"> {
  return {
    timing: () => ({ settleMs: options.current.settleMs, reconcileMs: options.current.reconcileSeconds * 1000 }),
    onError: (error) => logger.warn({ err: error }, "watching is incomplete"),
  };
}
