import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Git, HistoryEntry } from "../adapters/git/index.ts";
import { MarkdownParser } from "../adapters/markdown/index.ts";
import { sealedHealth, type Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../foundation/errors.ts";
import type { EventBus } from "../foundation/events.ts";
import type { HealthCheck } from "../foundation/health.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import type { Service } from "../foundation/service.ts";
import { Committer, type EditStep } from "./committer.ts";
import { readDocument } from "./document.ts";
import { EditRows, heldRequest, type Edit } from "./edit-rows.ts";
import { Editor } from "./editor.ts";
import { blameOf, type BlamedPart } from "./look-back/blame.ts";
import { compare, type Comparison } from "./look-back/compare.ts";
import { sectionHistory, type SectionCommit } from "./look-back/section-history.ts";
import { checkRequest } from "./new-edit.ts";
import type { DocumentOptions } from "./options.ts";
import { PathPolicy } from "./policy.ts";
import { Preparer } from "./prepare.ts";
import { Recovery } from "./recover.ts";
import { sweepReplaced } from "./replaced-files.ts";
import type { DocumentTables } from "./tables.ts";
import type { DocumentView, RevertRequest, UpdateRequest, UpdateResult } from "./types.ts";
import { viewOf } from "./view.ts";

export interface DocumentManagerDependencies {
  store: Store<DocumentTables>;
  git: Git;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  options: Live<DocumentOptions>;
  /** Where replaced files are kept: `.specloop/recovery`, on the file system of the worktree. */
  recovery: string;
  /** Told at each point between which a process may die. */
  onStep?: (step: EditStep) => void;
}

const SWEEP_EVERY_MS = 600_000;

/** Reads and edits documents under git. See `openspec/specs/documents/spec.md` for what it promises. */
export class DocumentManager implements Service {
  readonly name = "documents";
  readonly #deps: DocumentManagerDependencies;
  readonly #parser = new MarkdownParser();
  readonly #policy: PathPolicy;
  readonly #rows: EditRows;
  readonly #editor: Editor;
  readonly #recovery: Recovery;
  readonly #stop = new AbortController();
  /** Aborted earlier than `#stop`: while calls that are under way are still answered. */
  #stopping: AbortSignal = this.#stop.signal;
  readonly #listeners = new DisposableStack();
  #queue: Promise<unknown> = Promise.resolve();
  #background: Promise<void> = Promise.resolve();
  #waiting = 0;
  #lateSaves: string[] = [];

  constructor(dependencies: DocumentManagerDependencies) {
    this.#deps = dependencies;
    const { git, store, clock, options } = dependencies;
    const rows = new EditRows(store, clock);
    const policy = new PathPolicy(git.places.worktree, options);
    const preparer = new Preparer({ git, parser: this.#parser, options });
    const onStep = dependencies.onStep ?? (() => {});
    const committer = new Committer({ ...dependencies, rows, onStep, stopping: () => this.#stopping });
    this.#rows = rows;
    this.#policy = policy;
    this.#editor = new Editor({ ...dependencies, rows, policy, preparer, committer });
    this.#recovery = new Recovery({ ...dependencies, rows });
  }

  /** Finishes what a crash left, then serves. */
  async start(signal: AbortSignal): Promise<void> {
    this.#stopping = AbortSignal.any([signal, this.#stop.signal]);
    await mkdir(this.#deps.recovery, { recursive: true, mode: 0o700 });
    signal.throwIfAborted();
    await this.#inTurn(() => this.#retry());
    const again = () => {
      if (this.#waiting > 0) void this.retryPending().catch((error: unknown) => this.#report(error));
    };
    this.#listeners.use(this.#deps.events.on("git.refs_moved", again));
    this.#listeners.use(this.#deps.events.on("watch.settled", again));
    this.#background = this.#runBackground();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.dispose();
    this.#stop.abort();
    await Promise.all([this.#background, this.#queue]);
    await this.#parser[Symbol.asyncDispose]();
  }

  /** The document as it is in the working tree. `unknown_document`, `path_*`, `document_*`. */
  async read(path: string): Promise<DocumentView> {
    return viewOf(this.#policy.locate(path), this.#deps.options.current.maxBytes);
  }

  /** Newest first. */
  async history(path: string, limit: number): Promise<HistoryEntry[]> {
    return this.#deps.git.history({ path: this.#policy.locate(path).path, limit });
  }

  /** Commits that made one section what it is, newest first. `unknown_section`, `ambiguous_target`. */
  async sectionHistory(path: string, section: string, limit: number): Promise<SectionCommit[]> {
    return sectionHistory(this.#deps.git, { path: this.#policy.locate(path).path, section, limit });
  }

  /** Who wrote a text that occurs once, or lines, of the document as it is in the working tree. */
  async blame(path: string, wanted: { text: string } | { startLine: number; endLine: number }): Promise<BlamedPart[]> {
    return blameOf(this.#deps.git, await this.read(path), wanted);
  }

  /** The difference between two of its states; see `compare`. */
  async compare(path: string, from: string, to: string): Promise<Comparison> {
    const located = this.#policy.locate(path);
    const now = await readDocument(located, this.#deps.options.current.maxBytes);
    return compare(this.#deps.git, { path: located.path, from, to, now: now?.text ?? null });
  }

  /** Applies edits to documents and commits them alone; the error table says how it can be refused. */
  async update(request: UpdateRequest): Promise<UpdateResult> {
    try {
      checkRequest(request);
      const result = await this.#inTurn(() => this.#editor.update(request));
      if (result.status === "commit_pending") this.#waiting += 1;
      return result;
    } catch (error) {
      const { code } = toSpecloopError(error);
      // Its row may say less than was done; the next try finds out.
      if (code.startsWith("store_")) this.#waiting += 1;
      for (const { path } of request.files.slice(0, 50)) {
        this.#deps.events.emit("document.refused", { path, code, principal: request.principal });
      }
      throw error;
    }
  }

  /** A new commit that undoes one of ours, as long as its files are still as that commit left them. */
  async revert(request: RevertRequest): Promise<UpdateResult> {
    const result = await this.#inTurn(() => this.#editor.revert(request));
    if (result.status === "commit_pending") this.#waiting += 1;
    return result;
  }

  /** Tries again what waits for git. */
  async retryPending(): Promise<void> {
    await this.#inTurn(() => this.#retry());
  }

  /** For `/ready` and `specloop doctor`. */
  healthChecks(): HealthCheck[] {
    const pending: HealthCheck = {
      name: "documents",
      summary: "No edit waits for its commit.",
      run: async () => {
        const waiting = await this.#rows.inState("pending", "held");
        const [first] = waiting;
        if (first)
          return {
            status: "warning",
            message: `${waiting.length} edits wait for their commit: ${first.note ?? first.id}`,
            fix: first.note?.includes(".lock")
              ? "If no git runs there, remove that lock by hand; specloop never removes one."
              : "Finish what git is in the middle of, or commit the named document.",
          };
        const [late] = this.#lateSaves;
        if (late)
          return {
            status: "warning",
            message: `A program saved to a document after an edit replaced it; that save is in ${late}.`,
            fix: "Compare it with the document and keep what is missing.",
          };
        return { status: "ok", message: "no edit waits" };
      },
    };
    return [pending, { ...sealedHealth(this.#deps.store.read, ["document_edits"]), name: "document-edits" }];
  }

  /** Edits run one after the other: two commits at once would only contend for git's lock. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stop.signal.aborted)
      return Promise.reject(new SpecloopError("daemon_stopping", "The daemon is stopping."));
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** Edits are done one at a time, so that an intent which is met here was left by a crash or by a full disk. */
  async #retry(): Promise<void> {
    for (const edit of await this.#rows.inState("intent")) await this.#recovery.interrupted(edit);
    for (const edit of await this.#rows.inState("pending")) await this.#recovery.pending(edit);
    for (const edit of await this.#rows.inState("held")) await this.#takeUp(edit);
    const counts = await Promise.all((["intent", "pending", "held"] as const).map((state) => this.#rows.count(state)));
    this.#waiting = counts.reduce((sum, count) => sum + count, 0);
  }

  /** Does a held edit as if it were asked for now. */
  async #takeUp(edit: Edit): Promise<void> {
    const { git } = this.#deps;
    const { kind } = await git.state();
    if ((kind !== "clean" && kind !== "unborn") || existsSync(join(git.places.gitDirectory, "index.lock"))) return;
    try {
      await this.#editor.perform(heldRequest(edit), edit);
    } catch (thrown) {
      const { code, message } = toSpecloopError(thrown);
      await this.#rows.save({ ...edit, state: "failed", note: `${code}: ${message}`, result: null });
      for (const { path } of edit.files)
        this.#deps.events.emit("document.refused", { path, code, principal: edit.principal });
    }
  }

  async #runBackground(): Promise<void> {
    const { clock, options, logger, recovery } = this.#deps;
    let sweptAt = -Infinity;
    while (!this.#stop.signal.aborted) {
      try {
        if (this.#waiting > 0) await this.retryPending();
        if (clock.monotonic() - sweptAt >= SWEEP_EVERY_MS) {
          sweptAt = clock.monotonic();
          const keepMs = options.current.keepReplacedMs;
          this.#lateSaves = await sweepReplaced({ recovery, rows: this.#rows, logger, now: clock.now(), keepMs });
        }
      } catch (error) {
        this.#report(error);
      }
      await clock.sleep(options.current.commitRetryMs, this.#stop.signal).catch(() => {});
    }
  }

  #report(error: unknown): void {
    if (!this.#stop.signal.aborted) this.#deps.logger.error({ err: error }, "pending edits could not be tried again");
  }
}
