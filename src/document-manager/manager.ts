import { mkdir } from "node:fs/promises";
import type { Git, HistoryEntry } from "../adapters/git/index.ts";
import { MarkdownParser } from "../adapters/markdown/index.ts";
import { sealedHealth, type Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { toSpecloopError } from "../foundation/errors.ts";
import type { EventBus } from "../foundation/events.ts";
import type { HealthCheck } from "../foundation/health.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import type { Service } from "../foundation/service.ts";
import { Backups } from "./backup/backups.ts";
import { DocumentBackups } from "./backup/document-backups.ts";
import { ApprovedEdits, type DocumentApprovals } from "./approved.ts";
import { Committer, type EditStep } from "./committer.ts";
import { readDocument } from "./document.ts";
import { EditRows, type Edit } from "./edit-rows.ts";
import { Editor } from "./editor.ts";
import { blameOf, type BlamedPart } from "./look-back/blame.ts";
import { compare, type Comparison } from "./look-back/compare.ts";
import { sectionHistory, type SectionCommit } from "./look-back/section-history.ts";
import { undo, type UndoRequest } from "./look-back/undo.ts";
import { DocumentRollback } from "./rollback/document-rollback.ts";
import { Snapshots } from "./rollback/snapshots.ts";
import { guardUpdate, type PathGuard } from "./guard.ts";
import { checkRequest } from "./new-edit.ts";
import type { DocumentOptions } from "./options.ts";
import { PathPolicy } from "./policy.ts";
import { Preparer, type PreparedFile } from "./prepare.ts";
import { Recovery } from "./recover.ts";
import { sweepReplaced } from "./replaced-files.ts";
import type { DocumentTables } from "./tables.ts";
import type { DocumentView, RevertRequest, UpdateRequest, UpdateResult } from "./types.ts";
import { viewOf } from "./view.ts";
import type { Destination } from "./write/group.ts";
import { preview, type Preview } from "./write/preview.ts";
import { perEdit } from "./write/per-edit.ts";
import { Turns } from "./write/turns.ts";
import { Waiting } from "./write/waiting.ts";

export interface DocumentManagerDependencies {
  store: Store<DocumentTables>;
  git: Git;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  options: Live<DocumentOptions>;
  /** Asked before every write; without one everybody may write what the policy lets. */
  guard?: PathGuard;
  /** Where replaced files are kept: `.specloop/recovery`, on the file system of the worktree. */
  recovery: string;
  /** Who decides on sensitive edits; absent where nobody is asked and a merge is the approval. */
  approvals?: DocumentApprovals | undefined;
  /** Told at each point between which a process may die. */
  onStep?: (step: EditStep) => void;
}

const SWEEP_EVERY_MS = 600_000;
/** Less than an acknowledged edit should be without its commit when nothing tells that git is free again. */
const SOONEST_RETRY_MS = 1000;

/** Reads and edits documents under git. See `openspec/specs/documents/spec.md` for what it promises. */
export class DocumentManager implements Service {
  readonly name = "documents";
  /** Copies of documents beside the branch, made before risky edits. */
  readonly backups: DocumentBackups;
  /** What runs of workflows take back. */
  readonly rollback: DocumentRollback;
  readonly #deps: DocumentManagerDependencies;
  readonly #snapshots: Snapshots;
  readonly #parser = new MarkdownParser();
  readonly #policy: PathPolicy;
  readonly #rows: EditRows;
  readonly #editor: Editor;
  readonly #preparer: Preparer;
  readonly #waiting: Waiting;
  readonly #turns: Turns<UpdateRequest, UpdateResult>;
  readonly #approved: ApprovedEdits | null;
  readonly #stop = new AbortController();
  /** Aborted earlier than `#stop`: while calls that are under way are still answered. */
  #stopping: AbortSignal = this.#stop.signal;
  readonly #listeners = new DisposableStack();
  #background: Promise<void> = Promise.resolve();
  #lateSaves: string[] = [];

  constructor(dependencies: DocumentManagerDependencies) {
    this.#deps = dependencies;
    const { git, store, clock, options } = dependencies;
    const rows = new EditRows(store, clock);
    const { approvals } = dependencies;
    const policy = new PathPolicy(git.places.worktree, options, () => approvals?.sensitive ?? []);
    const preparer = new Preparer({ git, parser: this.#parser, options });
    const onStep = dependencies.onStep ?? (() => {});
    const committer = new Committer({
      ...dependencies,
      rows,
      onStep,
      stopping: () => this.#stopping,
      unfinished: () => this.#waiting.more(),
    });
    this.#rows = rows;
    this.#policy = policy;
    const ask = (edit: Edit) => this.#approved?.ask(edit) ?? Promise.resolve(null);
    const editor = new Editor({ ...dependencies, rows, policy, preparer, committer, ask });
    const write = (edit: Edit, files: PreparedFile[]) => editor.writeAlone(edit, files, clock.monotonic());
    this.#editor = editor;
    this.#preparer = preparer;
    this.#approved = approvals ? new ApprovedEdits({ ...dependencies, approvals, rows, policy, write }) : null;
    const update = (request: UpdateRequest) => this.update(request);
    this.backups = new DocumentBackups({ backups: new Backups(git, clock), policy, options, update });
    this.#snapshots = new Snapshots({ git, clock, policy, options });
    this.rollback = this.#makeRollback(update);
    const recovery = new Recovery({ ...dependencies, rows });
    this.#waiting = new Waiting({ ...dependencies, rows, recovery, editor: this.#editor });
    this.#turns = new Turns(async (requests) => {
      await this.#waiting.before(requests);
      return this.#editor.update(requests.map((request) => ({ request, edit: null })));
    });
  }

  /** Finishes what a crash left, then serves. */
  async start(signal: AbortSignal): Promise<void> {
    this.#stopping = AbortSignal.any([signal, this.#stop.signal]);
    await mkdir(this.#deps.recovery, { recursive: true, mode: 0o700 });
    signal.throwIfAborted();
    await this.retryPending();
    const again = () => {
      if (this.#waiting.count > 0) void this.retryPending().catch((error: unknown) => this.#report(error));
    };
    this.#listeners.use(this.#deps.events.on("git.refs_moved", again));
    this.#listeners.use(this.#deps.events.on("watch.settled", again));
    if (this.#approved) this.#listeners.use(await this.#approved.follow((work) => this.#turns.alone(work)));
    this.#background = this.#runBackground();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.dispose();
    this.#stop.abort();
    await Promise.all([this.#background, this.#turns.end()]);
    await this.#parser[Symbol.asyncDispose]();
  }

  /** The document as it is in the working tree. `unknown_document`, `path_*`, `document_*`. */
  async read(path: string): Promise<DocumentView> {
    return viewOf(this.#policy.locate(path), this.#deps.options.current.maxBytes);
  }

  /** Whether an edit of this document waits on a branch for a person. */
  waitsForPerson(path: string): boolean {
    return this.#policy.isSensitive(path);
  }

  /** Newest first; of a commit that holds several edits of the document, one entry per edit. */
  async history(path: string, limit: number): Promise<HistoryEntry[]> {
    const located = this.#policy.locate(path).path;
    const entries = await this.#deps.git.history({ path: located, limit });
    return entries.flatMap((entry) => perEdit(entry, located)).slice(0, limit);
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
      guardUpdate(this.#deps.guard, this.#policy, request);
      const { principal, idempotencyKey } = request;
      // A call that is made again changes nothing, so there is nothing to keep.
      if (!(await this.#rows.isKnown(principal, idempotencyKey))) await this.backups.takeBefore(request);
      const result = await this.#turns.request(request);
      if (result.status === "commit_pending") this.#waiting.more();
      return result;
    } catch (error) {
      const { code } = toSpecloopError(error);
      // Its row may say less than was done; the next try finds out.
      if (code.startsWith("store_")) this.#waiting.more();
      for (const { path } of request.files.slice(0, 50)) {
        this.#deps.events.emit("document.refused", { path, code, principal: request.principal });
      }
      throw error;
    }
  }

  /** What an update would change; writes nothing and refuses whatever the update would refuse. */
  async preview(request: UpdateRequest): Promise<Preview> {
    return preview({ ...this.#deps, policy: this.#policy, preparer: this.#preparer }, request);
  }

  /** A new commit that undoes one of ours, as long as its files are still as that commit left them. */
  async revert(request: RevertRequest): Promise<UpdateResult> {
    const result = await this.#turns.alone(() => this.#editor.revert(request));
    if (result.status === "commit_pending") this.#waiting.more();
    return result;
  }

  /** Takes one edit or one commit of ours back by a new commit; see `undo`. */
  async undo(request: UndoRequest): Promise<UpdateResult> {
    const update = (edits: UpdateRequest) => this.update(edits);
    return undo({ rows: this.#rows, update, revert: (commit) => this.revert(commit) }, request);
  }

  /** Does work during which no edit is written; waits for those that are under way. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.alone(work);
  }

  /** Tries again what waits for git. */
  async retryPending(): Promise<void> {
    await this.#turns.alone(() => this.#waiting.retry());
  }

  /** For `/ready` and `specloop doctor`. */
  healthChecks(): HealthCheck[] {
    const late: HealthCheck = {
      name: "replaced-documents",
      summary: "No program saved to a document after an edit replaced it.",
      run: async () => {
        const [first] = this.#lateSaves;
        if (first === undefined) return { status: "ok", message: "no late save" };
        return {
          status: "warning",
          message: `A program saved to a document after an edit replaced it; that save is in ${first}.`,
          fix: "Compare it with the document and keep what is missing.",
        };
      },
    };
    const rows = { ...sealedHealth(this.#deps.store.read, ["document_edits"]), name: "document-edits" };
    return [this.#waiting.healthCheck(), late, rows];
  }

  async #runBackground(): Promise<void> {
    const { clock, options, logger, recovery } = this.#deps;
    let sweptAt = -Infinity;
    let pause = SOONEST_RETRY_MS;
    while (!this.#stop.signal.aborted) {
      try {
        if (this.#waiting.count > 0) await this.retryPending();
        if (clock.monotonic() - sweptAt >= SWEEP_EVERY_MS) {
          sweptAt = clock.monotonic();
          await this.backups.expire();
          await this.#snapshots.expire(options.current.keepBackupDays);
          const keepMs = options.current.keepReplacedMs;
          this.#lateSaves = await sweepReplaced({ recovery, rows: this.#rows, logger, now: clock.now(), keepMs });
        }
      } catch (error) {
        this.#report(error);
      }
      // What waits for another process waits for moments only; what waits for a person may wait for days.
      pause = this.#waiting.count > 0 ? Math.min(pause * 2, options.current.commitRetryMs) : SOONEST_RETRY_MS;
      await clock.sleep(Math.min(pause, options.current.commitRetryMs), this.#stop.signal).catch(() => {});
    }
  }

  #makeRollback(update: (request: UpdateRequest) => Promise<UpdateResult>): DocumentRollback {
    const { git, clock, options, guard } = this.#deps;
    const [rows, policy, editor] = [this.#rows, this.#policy, this.#editor];
    const alone = <T>(work: () => Promise<T>) => this.#turns.alone(work);
    const putBack = {
      git,
      policy,
      options,
      guard,
      update,
      now: () => clock.now(),
      write: (edit: Edit, file: PreparedFile, to: Destination) =>
        alone(() => editor.writeAlone(edit, [file], clock.monotonic(), to)),
      propose: (edit: Edit, file: PreparedFile, why: string) => alone(() => editor.proposeAlone(edit, [file], why)),
    };
    return new DocumentRollback({ git, rows, snapshots: this.#snapshots, putBack });
  }

  #report(error: unknown): void {
    if (!this.#stop.signal.aborted) this.#deps.logger.error({ err: error }, "pending edits could not be tried again");
  }
}
