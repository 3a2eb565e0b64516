import type { Git } from "../../adapters/git/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { ChangeFiles } from "../change-files.ts";
import type { Snapshot } from "../snapshot.ts";
import { baseKey, type Base, type KnownBases } from "./base.ts";
import { modificationsOf, targetOf, type Modification } from "./modifications.ts";
import type { BaseRows } from "./rows.ts";
import { isCurrent } from "./states.ts";
import { hasTarget, takeBases, type Placed, type Taken } from "./take.ts";

export interface BaseKeeperParts {
  /** Path of the planning root. */
  root: string;
  git: Git;
  rows: BaseRows;
  clock: Clock;
}

export interface BaseEntry {
  change: string;
  base: Base;
}

/**
 * Keeps the text that every delta was written against: takes it when a block is first seen, keeps it while the block is
 * edited, and moves it on when the delta has what the spec got since.
 */
export class BaseKeeper {
  readonly #parts: BaseKeeperParts;
  #bases: Map<string, Map<string, Base>> | null = null;
  #last: Snapshot | null = null;
  readonly #modifications = new WeakMap<ChangeFiles, Modification[]>();
  /** Blocks that have no target and no base; they are looked at again when there is something to find. */
  #withoutTarget = new Set<string>();
  #wasShallow: boolean | null = null;

  constructor(parts: BaseKeeperParts) {
    this.#parts = parts;
  }

  get known(): KnownBases {
    return this.#bases ?? new Map<string, Map<string, Base>>();
  }

  /** Brings the bases up to a snapshot; what changed is stored before this returns. */
  async follow(snapshot: Snapshot): Promise<void> {
    await this.#load();
    const all = [...snapshot.changes.values()].flatMap((change) =>
      this.#of(change).map((modification) => ({ change, modification })),
    );
    await this.set(this.#gone(snapshot));
    await this.set(all.flatMap((one) => [...this.#back(one), ...this.#inherited(one, snapshot)]));
    const fresh = all.filter((one) => this.#isFresh(one, snapshot));
    const taken = await takeBases(await this.#withUnknown(fresh, all), {
      git: this.#parts.git,
      snapshot,
      last: this.#last,
    });
    await this.set([...taken].map(([one, found]) => this.#entry(one, found)));
    this.#withoutTarget = new Set(all.filter((one) => !this.#baseOf(one)).map(nameOf));
    await this.set(all.flatMap((one) => this.#advanced(one, snapshot)));
    this.#last = snapshot;
  }

  /** The delta of this change is up to date with this text of the spec. */
  async settle(placed: Placed, text: string, source: "merged" | "resolved"): Promise<void> {
    await this.#load();
    await this.set([this.#entry(placed, { text, commit: null, source })]);
  }

  /** Replaces single bases. */
  async set(entries: BaseEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const bases = await this.#load();
    for (const { change, base } of entries) {
      bases.set(change, (bases.get(change) ?? new Map<string, Base>()).set(baseKey(base), base));
    }
    await this.#parts.rows.save(this.#parts.root, entries, this.#parts.clock.now());
  }

  async #load(): Promise<Map<string, Map<string, Base>>> {
    return (this.#bases ??= await this.#parts.rows.load(this.#parts.root));
  }

  #of(change: ChangeFiles): Modification[] {
    const known = this.#modifications.get(change) ?? modificationsOf(change);
    this.#modifications.set(change, known);
    return known;
  }

  #baseOf({ change, modification }: Placed): Base | undefined {
    return this.#bases?.get(change.id)?.get(baseKey(modification));
  }

  /** A base lives as long as its change; what a change that went away had said is noted with it. */
  #gone(snapshot: Snapshot): BaseEntry[] {
    const goneAt = this.#parts.clock.now();
    return [...this.known].flatMap(([change, bases]) => {
      if (snapshot.changes.has(change)) return [];
      const before = this.#last?.changes.get(change);
      const said = new Map(before ? this.#of(before).map((one) => [baseKey(one), one.hash]) : []);
      const alive = [...bases.values()].filter((base) => base.goneAt === null);
      return alive.map((base) => {
        return { change, base: { ...base, goneAt, blockHash: said.get(baseKey(base)) ?? base.blockHash } };
      });
    });
  }

  /** A change that comes back (another branch, a stash, an archive undone) has the bases of the blocks that it had. */
  #back(one: Placed): BaseEntry[] {
    const base = this.#baseOf(one);
    if (!base || base.goneAt === null || base.blockHash !== one.modification.hash) return [];
    return [{ change: one.change.id, base: { ...base, goneAt: null } }];
  }

  /** A change that was renamed has the bases that it had: the same block, of a change that is gone. */
  #inherited(one: Placed, { changes }: Snapshot): BaseEntry[] {
    if (this.#baseOf(one)) return [];
    const { change, modification } = one;
    for (const [id, bases] of this.known) {
      const base = changes.has(id) ? undefined : bases.get(baseKey(modification));
      if (base && base.blockHash === modification.hash) return [{ change: change.id, base: { ...base, goneAt: null } }];
    }
    return [];
  }

  #isFresh(one: Placed, snapshot: Snapshot): boolean {
    const base = this.#baseOf(one);
    if (base && base.goneAt === null) return false;
    if (snapshot.specs.get(one.modification.capability)?.problem != null) return false;
    return !this.#withoutTarget.has(nameOf(one)) || hasTarget(one, snapshot);
  }

  /** What was unknown for want of history is looked for again when the history has been fetched. */
  async #withUnknown(fresh: Placed[], all: Placed[]): Promise<Placed[]> {
    const unknown = all.filter((one) => this.#baseOf(one)?.source === "unknown" && one.change.git !== "untracked");
    if (unknown.length === 0) return fresh;
    const isShallow = (await this.#parts.git.shallowCommits()).size > 0;
    const isNews = !isShallow && this.#wasShallow !== false;
    this.#wasShallow = isShallow;
    return isNews ? [...fresh, ...unknown] : fresh;
  }

  /** The rule by which a base moves: nothing that the spec got or lost since is missing from the delta. */
  #advanced(one: Placed, { specs }: Snapshot): BaseEntry[] {
    const base = this.#baseOf(one);
    const main = targetOf(one.modification, specs.get(one.modification.capability))?.raw;
    if (!base || main === undefined || main === base.text || !isCurrent(one.modification, base, main)) return [];
    return [this.#entry(one, { text: main, commit: null, source: "contained" })];
  }

  #entry({ change, modification }: Placed, found: Taken): BaseEntry {
    const { capability, requirement, hash } = modification;
    const takenAt = this.#parts.clock.now();
    return { change: change.id, base: { capability, requirement, ...found, takenAt, blockHash: hash, goneAt: null } };
  }
}

function nameOf({ change, modification }: Placed): string {
  return [change.id, modification.path, modification.requirement, modification.hash].join("\0");
}
