import { join } from "node:path";
import type { Git } from "../adapters/git/index.ts";
import { dataFolder, type FoundRoots, type PlanningRoot, type Validator } from "../adapters/openspec/index.ts";
import type { Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Live } from "../foundation/options.ts";
import { BaseKeeper, BaseRows } from "./bases/index.ts";
import type { Remembered } from "./compare.ts";
import { DocumentReader } from "./document-reader.ts";
import { Elsewhere, type ElsewhereParts } from "./elsewhere/elsewhere.ts";
import { elsewhereError } from "./elsewhere/place.ts";
import { RootKeeper, type KeeperParts } from "./keeper.ts";
import { findChange, type FoundChange } from "./listing.ts";
import { Memory } from "./memory.ts";
import type { OpenspecOptions } from "./options.ts";
import { NO_PROPOSALS, ProposalReader } from "./proposals.ts";
import { planningRoots, watchedDirectories } from "./roots.ts";
import type { OrchestratorTables } from "./tables.ts";

interface RootSetParts {
  git: Git;
  store: Store<OrchestratorTables>;
  clock: Clock;
  options: Live<OpenspecOptions>;
  validator: Pick<Validator, "installation">;
  env?: NodeJS.ProcessEnv;
}

/** The planning roots that there are, each with its keeper: the repository's own, and those that are followed elsewhere. */
export class RootSet {
  readonly memory: Memory;
  readonly elsewhere: Elsewhere;
  readonly #parts: RootSetParts;
  readonly #reader: DocumentReader;
  readonly #baseRows: BaseRows;
  readonly #proposals: ProposalReader;
  #keepers = new Map<string, RootKeeper>();
  #remembered = new Map<string, Map<string, Remembered>>();
  #approvals = new Map<string, Map<string, Set<string>>>();
  #found: FoundRoots = { roots: [], repositories: [] };

  constructor(parts: RootSetParts, elsewhere: Omit<ElsewhereParts, "keeperParts" | "own">) {
    this.#parts = parts;
    this.memory = new Memory(parts.store, parts.clock);
    this.#baseRows = new BaseRows(parts.store);
    this.#reader = new DocumentReader(parts.clock, () => parts.options.current.maxFileBytes);
    this.#proposals = new ProposalReader(parts.git, this.#reader);
    this.elsewhere = new Elsewhere({
      ...elsewhere,
      keeperParts: (name, git, filter) => ({ ...this.#keeperParts(name, git), proposals: NO_PROPOSALS, ...filter }),
      own: () => this.#keepers.values(),
    });
  }

  /** Keepers of the repository's own roots. */
  get own(): RootKeeper[] {
    return [...this.#keepers.values()];
  }

  get all(): RootKeeper[] {
    return [...this.own, ...this.elsewhere.keepers];
  }

  /** Folders to watch. */
  get directories(): string[] {
    return watchedDirectories(this.#parts.git, this.#found.roots);
  }

  async load(): Promise<void> {
    this.#remembered = await this.memory.changes();
    this.#approvals = await this.memory.approvals();
  }

  /** Finds own roots that came or went. */
  async find(): Promise<void> {
    const { git, options } = this.#parts;
    this.#found = await planningRoots(git, options.current.watchPath);
    const keepers = new Map<string, RootKeeper>();
    for (const root of this.#found.roots) {
      keepers.set(root.path, this.#keepers.get(root.path) ?? this.#ownKeeper(root, git));
    }
    this.#keepers = keepers;
  }

  /** Finds places elsewhere that came or went, and looks at those that moved. */
  lookElsewhere(signal: AbortSignal): Promise<void> {
    return this.elsewhere.look({ git: this.#parts.git, ...this.#found }, signal);
  }

  keeper(root: string): RootKeeper | undefined {
    return this.#keepers.get(root);
  }

  /** The keeper of a root that is written to, the first one when none is named. Throws `no_openspec`, `root_elsewhere`. */
  keeperFor(root: string | undefined): RootKeeper {
    const keeper = this.#keepers.get(root ?? "openspec") ?? (root === undefined ? this.own[0] : undefined);
    if (keeper) return keeper;
    if (root === undefined) throw new SpecloopError("no_openspec", "The repository has no openspec/ folder.");
    const place = this.elsewhere.keepers.find((other) => other.root.name === root)?.root;
    throw place
      ? elsewhereError(place)
      : new SpecloopError("bad_input", `"${root}" is no planning root.`, { target: "root" });
  }

  /** A change; that of the named worktree comes first, then the repository's own. */
  findChange(id: string, root: string | undefined, worktree?: string): FoundChange {
    const there = worktree === undefined ? [] : this.elsewhere.keepersIn(worktree);
    return findChange([there, this.own, this.elsewhere.keepers], id, root);
  }

  #ownKeeper(root: PlanningRoot, git: Git): RootKeeper {
    return new RootKeeper(root, { ...this.#keeperParts(root.name, git), beside: () => this.elsewhere.changes() });
  }

  #keeperParts(name: string, git: Git): KeeperParts {
    const [remembered, approvals] = [entry(this.#remembered, name), entry(this.#approvals, name)];
    const bases = new BaseKeeper({ root: name, git, rows: this.#baseRows, clock: this.#parts.clock });
    const [reader, proposals, memory] = [this.#reader, this.#proposals, this.memory];
    const schemaFolders = () => this.#schemaFolders();
    return { git, reader, proposals, memory, bases, remembered, approvals, schemaFolders };
  }

  /** Where OpenSpec looks for schemas besides the project: the person's own data, and its own package. */
  async #schemaFolders(): Promise<string[]> {
    const { env = process.env, validator } = this.#parts;
    const found = await validator.installation().catch(() => null);
    const own = join(dataFolder(env), "openspec", "schemas");
    return found?.kind === "package" ? [own, join(found.directory, "schemas")] : [own];
  }
}

function entry<Value>(maps: Map<string, Map<string, Value>>, name: string): Map<string, Value> {
  const map = maps.get(name) ?? new Map<string, Value>();
  maps.set(name, map);
  return map;
}
