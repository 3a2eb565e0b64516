import { mergeBase, openGit, type Git } from "../../adapters/git/index.ts";
import { findRoots, readRoot, type PlanningRoot } from "../../adapters/openspec/index.ts";
import type { SettledBatch, Watcher } from "../../adapters/watcher/index.ts";
import type { ChangeFiles } from "../change-files.ts";
import type { Difference } from "../compare.ts";
import { filesAt, placeOf, type HeadFiles } from "../git-facts.ts";
import { RootKeeper } from "../keeper.ts";
import { extentOf, NOTHING_MOVED } from "../reader.ts";
import type { ElsewhereParts } from "./elsewhere.ts";
import { nameOf, type Place } from "./place.ts";

/** Where changes that concern the served worktree are found, and which they are. */
export interface Beside {
  /** HEAD of the served worktree. */
  head: string | null;
  /** Changes that lie elsewhere than in this place. */
  changesBeside(place: Place): ChangeFiles[];
  /** The served worktree's own version of a change. */
  ownVersion(root: string, id: string): ChangeFiles | undefined;
}

export type Tell = (keeper: RootKeeper, differences: Difference[]) => void;

/** Follows the planning of one place. Of a worktree only what was done there since it left the served branch is looked at. */
export class Follower implements AsyncDisposable {
  readonly place: Place;
  readonly #parts: ElsewhereParts;
  readonly #beside: Beside;
  #git: Git | null = null;
  #keepers: RootKeeper[] = [];
  #watcher: Watcher | null = null;
  #left: { served: string | null; own: string | null; commit: string | null } | null = null;
  #bases = new Map<string, HeadFiles>();

  constructor(place: Place, parts: ElsewhereParts, beside: Beside) {
    this.place = place;
    this.#parts = parts;
    this.#beside = beside;
  }

  get keepers(): readonly RootKeeper[] {
    return this.#keepers;
  }

  async start(onBatch: (batch: SettledBatch) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { env } = this.#parts;
    this.#git = await openGit(this.place.directory, { env });
    const { gitDirectory } = this.#git.places;
    const roots = await this.#findRoots();
    if (roots.length === 0) return;
    this.#keepers = roots.map(
      (root) => new RootKeeper(root, this.#parts.keeperParts(root.name, this.#git!, this.#filter(root))),
    );
    const directories = roots.map(({ directory }) => directory);
    this.#watcher = this.#parts.watcher({ directories, gitDirectories: [gitDirectory], onBatch });
    await this.#watcher.start(signal);
  }

  /** Looks at what moved; at everything when this place or the served one stands on another commit. */
  async look(batch: SettledBatch | null, refsMoved: boolean, tell: Tell): Promise<void> {
    const gitMoved = refsMoved && (await this.#noteHead());
    for (const keeper of this.#keepers) {
      const everything = gitMoved || batch?.everything;
      const extent = everything ? "all" : batch ? extentOf(keeper.root, batch.paths) : NOTHING_MOVED;
      const differences = await keeper.look(extent, gitMoved, true);
      tell(keeper, differences);
      await keeper.remember(differences);
    }
  }

  async settled(): Promise<void> {
    await this.#watcher?.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher?.[Symbol.asyncDispose]();
  }

  async #findRoots(): Promise<PlanningRoot[]> {
    const { directory } = this.place;
    const { roots } =
      this.place.kind === "store"
        ? { roots: [await readRoot(directory, `${directory}/openspec`)] }
        : await findRoots(directory, (path) => this.#git!.isIgnored(path));
    return roots.map((root) => ({ ...root, name: nameOf(this.place, root) }));
  }

  async #noteHead(): Promise<boolean> {
    const { commit: own } = await this.#git!.head();
    const served = this.place.kind === "worktree" ? this.#beside.head : null;
    if (this.#left && this.#left.own === own && this.#left.served === served) return false;
    const { directory } = this.place;
    const isComparable = served !== null && own !== null;
    const commit = isComparable ? await mergeBase(directory, [served, own], this.#parts.env) : null;
    this.#left = { served, own, commit };
    this.#bases.clear();
    return true;
  }

  #filter(root: PlanningRoot): { isWanted(files: ChangeFiles): Promise<boolean>; beside(): ChangeFiles[] } {
    return {
      isWanted: (files) => this.#isWanted(root, files),
      beside: () => this.#beside.changesBeside(this.place),
    };
  }

  /** Whether somebody works on the change here: it differs from where this worktree left, and from the served version. */
  async #isWanted(root: PlanningRoot, files: ChangeFiles): Promise<boolean> {
    if (this.place.kind !== "worktree") return true;
    if (this.#beside.ownVersion(root.path, files.id)?.contentHash === files.contentHash) return false;
    const commit = this.#left?.commit ?? null;
    if (commit === null) return true;
    const base = this.#bases.get(root.path) ?? (await filesAt(this.#git!, root.path, commit));
    this.#bases.set(root.path, base);
    return (
      (await placeOf(files.documents, `${root.path}/changes/${files.id}`, { git: this.#git!, head: base })) !==
      "committed"
    );
  }
}
