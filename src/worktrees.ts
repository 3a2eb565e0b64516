import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { createStateDirectory } from "./access/index.ts";
import { listWorktrees, openGit, type Git } from "./adapters/git/index.ts";
import { migrate, openSqliteStore, type Store } from "./adapters/store/index.ts";
import { migrations, type DocumentManager } from "./document-manager/index.ts";
import type { Clock } from "./foundation/clock.ts";
import { SpecloopError } from "./foundation/errors.ts";
import { EventBus } from "./foundation/events.ts";
import type { Logger } from "./foundation/logger.ts";
import type { StatePaths } from "./foundation/paths.ts";
import { placesOf } from "./foundation/rendezvous.ts";
import type { Service } from "./foundation/service.ts";

/** What a document manager of one worktree stands on. */
export interface DocumentPlace {
  git: Git;
  store: Store<unknown>;
  events: EventBus;
  /** On the file system of the worktree. */
  recovery: string;
}

export interface WorktreeParts {
  /** The worktree that is served first. */
  git: Git;
  events: EventBus;
  env: NodeJS.ProcessEnv;
  clock: Clock;
  logger: Logger;
  /** Builds a document manager without starting it. */
  build(place: DocumentPlace): DocumentManager;
}

interface Open {
  documents: DocumentManager;
  stack: AsyncDisposableStack;
}

/**
 * The document managers of the other worktrees of the repository, each with the edits that are under way in its own
 * `.specloop/`, so that they go with it. Opened when a client comes from there, and at the start where one was open before.
 */
export class WorktreeDocuments implements Service {
  readonly name = "worktrees";
  readonly #parts: WorktreeParts;
  readonly #open = new Map<string, Promise<Open>>();
  readonly #stop = new AbortController();
  readonly #listening = new DisposableStack();

  constructor(parts: WorktreeParts) {
    this.#parts = parts;
  }

  /** Takes up what waits in the worktrees; one that cannot be opened is logged and does not hinder the others. */
  async start(signal: AbortSignal): Promise<void> {
    const { git, env, events, logger } = this.#parts;
    for (const { path } of await listWorktrees(git.places.worktree, env)) {
      signal.throwIfAborted();
      if (path === git.places.worktree || !existsSync(placesOf(path).coreDb)) continue;
      await this.of(path).catch((error: unknown) =>
        logger.warn({ err: error, worktree: path }, "a worktree is left out"),
      );
    }
    this.#listening.use(events.on("git.refs_moved", () => void this.#closeGone()));
  }

  /**
   * The document manager for the worktree whose top this is; null for the one that is served first. Throws
   * `not_a_repository` for a folder that is no worktree of this repository, `path_protected` where `.specloop/` is not ours.
   */
  async of(worktree: string): Promise<DocumentManager | null> {
    if (worktree === this.#parts.git.places.worktree) return null;
    if (!existsSync(join(worktree, ".git"))) await this.#close(worktree);
    const opening = this.#open.get(worktree) ?? this.#openAt(worktree);
    this.#open.set(worktree, opening);
    try {
      return (await opening).documents;
    } catch (error) {
      this.#open.delete(worktree);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening.dispose();
    this.#stop.abort(new SpecloopError("daemon_stopping", "The daemon is stopping."));
    await Promise.all([...this.#open.keys()].map((worktree) => this.#close(worktree)));
  }

  async #openAt(worktree: string): Promise<Open> {
    const { git: served, env, clock, logger } = this.#parts;
    this.#stop.signal.throwIfAborted();
    const known = await listWorktrees(served.places.worktree, env);
    if (!known.some(({ path }) => path === worktree)) throw this.#noWorktree(worktree);
    const git = await openGit(worktree, { env, logger });
    const paths = placesOf(worktree);
    await refuseCommittedState(git, paths);
    createStateDirectory(paths);
    await using stack = new AsyncDisposableStack();
    const store = stack.use(openSqliteStore(paths.coreDb, "full"));
    await migrate(store, [migrations], clock.now());
    const events = stack.use(relay(this.#parts.events, worktree, logger)).bus;
    const documents = stack.use(this.#parts.build({ git, store, events, recovery: paths.recovery }));
    await documents.start(this.#stop.signal);
    return { documents, stack: stack.move() };
  }

  /** Worktrees that were removed leave nothing open. */
  async #closeGone(): Promise<void> {
    const gone = [...this.#open.keys()].filter((worktree) => !existsSync(join(worktree, ".git")));
    await Promise.all(gone.map((worktree) => this.#close(worktree)));
  }

  async #close(worktree: string): Promise<void> {
    const opening = this.#open.get(worktree);
    this.#open.delete(worktree);
    const open = await opening?.catch(() => null);
    await open?.stack
      .disposeAsync()
      .catch((error: unknown) =>
        this.#parts.logger.warn({ err: error, worktree }, "a worktree was not closed in order"),
      );
  }

  #noWorktree(worktree: string): SpecloopError {
    const { worktree: served } = this.#parts.git.places;
    return new SpecloopError("not_a_repository", `${worktree} is no worktree of the repository of ${served}.`, {
      target: worktree,
      fix: "See `git worktree list`; a worktree that was moved by hand needs `git worktree repair`.",
    });
  }
}

/** State that came with the repository is known to whoever committed it: token, databases, links to anywhere. */
export async function refuseCommittedState(git: Git, { directory }: StatePaths): Promise<void> {
  const [first] = await git.tracked(basename(directory));
  if (first === undefined) return;
  throw new SpecloopError(
    "path_protected",
    `The repository has specloop's state committed (${first}), so it is not yours.`,
    {
      target: first,
      fix: `Look at it, then remove it: git rm -r --cached "${dirname(first)}" && rm -r "${directory}", commit, start again.`,
    },
  );
}

/** A bus of one worktree: what it tells is told outside with the worktree named; moved branches and what people approved is told inside. */
function relay(outside: EventBus, worktree: string, logger: Logger): { bus: EventBus; [Symbol.dispose](): void } {
  const bus = new EventBus(logger);
  const stack = new DisposableStack();
  for (const name of ["document.updated", "document.proposed", "document.refused"] as const) {
    stack.use(bus.on(name, (payload) => outside.emit(name, { ...payload, worktree })));
  }
  stack.use(outside.on("git.refs_moved", (payload) => bus.emit("git.refs_moved", payload)));
  stack.use(outside.on("watch.settled", (payload) => bus.emit("watch.settled", payload)));
  stack.use(outside.on("approval.granted", (payload) => bus.emit("approval.granted", payload)));
  return { bus, [Symbol.dispose]: () => stack.dispose() };
}
