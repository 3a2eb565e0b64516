import type { Git } from "../../adapters/git/index.ts";
import type { SettledBatch, Watcher, WatchRequest } from "../../adapters/watcher/index.ts";
import type { Diagnostic } from "../../foundation/errors.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { ChangeFiles } from "../change-files.ts";
import type { KeeperParts, RootKeeper } from "../keeper.ts";
import { findPlaces, type Surroundings } from "./find-places.ts";
import { Follower, type Beside, type Tell } from "./follower.ts";
import type { Place } from "./place.ts";

export interface ElsewhereParts {
  env: NodeJS.ProcessEnv;
  logger: Logger;
  watcher(request: Omit<WatchRequest, "onError">): Watcher;
  /** What a keeper of a place needs; `name` is how its root is called. */
  keeperParts(name: string, git: Git, filter: Pick<KeeperParts, "isWanted" | "beside">): KeeperParts;
  /** One look at a time, with the served worktree's. */
  inTurn(work: () => Promise<void>): Promise<void>;
  /** The served worktree's keepers. */
  own: () => Iterable<RootKeeper>;
  /** HEAD of the served worktree. */
  head: () => string | null;
  tell: Tell;
  /** What is planned elsewhere is another than before: overlaps with it are, too. */
  onMoved(): Promise<void>;
}

/** Follows the planning of other worktrees, of submodules and of stores: read-only, and named in what is shown. */
export class Elsewhere implements AsyncDisposable {
  readonly #parts: ElsewhereParts;
  readonly #followers = new Map<string, Follower>();
  readonly #failed = new Set<string>();
  #problems = new Map<string, Diagnostic>();
  #signature = "";

  constructor(parts: ElsewhereParts) {
    this.#parts = parts;
  }

  get keepers(): RootKeeper[] {
    return [...this.#followers.values()].flatMap(({ keepers }) => [...keepers]);
  }

  /** Keepers of the worktree whose top this is. */
  keepersIn(worktree: string): RootKeeper[] {
    const there = [...this.#followers.values()].find(({ place }) => place.directory === worktree);
    return [...(there?.keepers ?? [])];
  }

  /** Why a `store:` of a served root leads nowhere. */
  problem(root: string): Diagnostic | null {
    return this.#problems.get(root) ?? null;
  }

  /** Changes that others work on, under names that say where, for what overlaps with them. */
  changes(except?: Place): ChangeFiles[] {
    const others = [...this.#followers.values()].filter(({ place }) => place !== except);
    return others.flatMap(({ place, keepers }) =>
      keepers.flatMap((keeper) => keeper.files().map((files) => named(files, place))),
    );
  }

  /** Finds places that came or went and looks at those that moved. In turn only. */
  async look(surroundings: Omit<Surroundings, "env">, signal: AbortSignal): Promise<void> {
    const { places, problems } = await findPlaces({ ...surroundings, env: this.#parts.env });
    this.#noteProblems(problems);
    for (const [key, follower] of this.#followers) if (!places.has(key)) await this.#leave(key, follower);
    for (const [key, place] of places) if (!this.#followers.has(key)) await this.#follow(key, place, signal);
    await this.lookBeside(true);
  }

  /** What is served here has moved: what overlaps with it elsewhere may have, too. In turn only. */
  async lookBeside(refsMoved = false): Promise<void> {
    for (const follower of this.#followers.values()) await this.#lookAt(follower, null, refsMoved);
    await this.#compare();
  }

  /** Waits until what was saved before this call has been handed over. */
  async settled(): Promise<void> {
    await Promise.all([...this.#followers.values()].map((follower) => follower.settled()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#followers.values()].map((follower) => follower[Symbol.asyncDispose]()));
  }

  async #follow(key: string, place: Place, signal: AbortSignal): Promise<void> {
    const follower = new Follower(place, this.#parts, this.#beside());
    try {
      const onBatch = (batch: SettledBatch) => this.#parts.inTurn(() => this.#take(follower, batch));
      await follower.start(onBatch, signal);
      this.#followers.set(key, follower);
      this.#failed.delete(key);
    } catch (error) {
      await follower[Symbol.asyncDispose]();
      if (!this.#failed.has(key) && !signal.aborted)
        this.#parts.logger.warn({ err: error, ...place }, "a place is not followed");
      this.#failed.add(key);
    }
  }

  async #leave(key: string, follower: Follower): Promise<void> {
    this.#followers.delete(key);
    for (const keeper of follower.keepers) this.#parts.tell(keeper, await keeper.forget());
    // It may be handing over a batch that waits for this turn.
    void follower[Symbol.asyncDispose]();
  }

  async #take(follower: Follower, batch: SettledBatch): Promise<void> {
    if (![...this.#followers.values()].includes(follower)) return;
    await this.#lookAt(follower, batch, batch.refsMoved || batch.everything);
    await this.#compare();
  }

  /** A place that cannot be read now, because it is being made or removed, is looked at again with the next movement. */
  async #lookAt(follower: Follower, batch: SettledBatch | null, refsMoved: boolean): Promise<void> {
    try {
      await follower.look(batch, refsMoved, this.#parts.tell);
    } catch (error) {
      this.#parts.logger.debug({ err: error, ...follower.place }, "a place could not be looked at");
    }
  }

  async #compare(): Promise<void> {
    const signature = this.changes()
      .map(({ id, contentHash }) => `${id} ${contentHash}`)
      .join("\n");
    if (signature === this.#signature) return;
    this.#signature = signature;
    await this.#parts.onMoved();
  }

  #beside(): Beside {
    const { own, head } = this.#parts;
    return {
      get head() {
        return head();
      },
      changesBeside: (place) => [...[...own()].flatMap((keeper) => keeper.files()), ...this.changes(place)],
      ownVersion: (root, id) => [...own()].find((keeper) => keeper.root.path === root)?.file(id),
    };
  }

  #noteProblems(problems: Map<string, Diagnostic>): void {
    for (const [root, problem] of problems) {
      if (this.#problems.get(root)?.message !== problem.message)
        this.#parts.logger.warn({ root, ...problem }, "a planning store is not followed");
    }
    this.#problems = problems;
  }
}

function named(files: ChangeFiles, { kind, name }: Place): ChangeFiles {
  return { ...files, id: `${files.id} (${kind} ${name})` };
}
