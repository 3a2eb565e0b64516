import type { Git } from "../../adapters/git/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Live } from "../../foundation/options.ts";
import { principalLabel, type Principal } from "../../foundation/principal.ts";
import { readDocument } from "../document.ts";
import type { DocumentOptions } from "../options.ts";
import type { PathPolicy } from "../policy.ts";

/** A document as somebody left it, and as it was before; null where there was none. */
export interface Left {
  path: string;
  before: string | null;
  after: string | null;
}

/** What became different between two snapshots, and what of it somebody else committed meanwhile. */
export interface Difference {
  left: Left[];
  /** Why a document is not counted: who committed it between the two. */
  others: { path: string; why: string }[];
}

interface Dependencies {
  git: Git;
  clock: Clock;
  policy: PathPolicy;
  options: Live<DocumentOptions>;
}

const PREFIX = "refs/specloop/snapshot/";
/** More commits than this between two snapshots are nobody's single step. */
const MAX_COMMITS = 500;

/**
 * Every document at one moment: HEAD with those that were not as HEAD has them. Kept as commits under
 * `refs/specloop/snapshot/`, built from objects: working tree, index and branch are not touched.
 */
export class Snapshots {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /**
   * Keeps the documents under a name, which is taken over where it exists; the commit, or null in a repository that has
   * none. What is no text, or larger than a document may be, is left out.
   */
  async take(name: string, { why, principal }: { why: string; principal: Principal }): Promise<string | null> {
    const { git } = this.#deps;
    const { commit: parent } = await git.head();
    if (parent === null) return null;
    const ref = PREFIX + name;
    const files = await this.#changed();
    const trailers = { "Specloop-Snapshot": name, "Specloop-Principal": principalLabel(principal) };
    const message = `Snapshot ${why.split("\n")[0]}`;
    const expected = await git.resolve(ref);
    return git.commitToBranch({ ref, parent, expected, files, message, trailers });
  }

  /** The commit of a snapshot, null when there is none (any more). */
  of(name: string): Promise<string | null> {
    return this.#deps.git.resolve(PREFIX + name);
  }

  /** What became different from one snapshot to a later one, without what others committed between them. */
  async between(from: string, to: string, mine: (commit: string) => boolean): Promise<Difference> {
    const { git } = this.#deps;
    const [before, after] = await Promise.all([git.list(from, ""), git.list(to, "")]);
    const paths = [...new Set([...before.keys(), ...after.keys()])]
      .filter((path) => before.get(path) !== after.get(path) && this.#isDocument(path))
      .toSorted();
    const others = await this.#committed(paths, { from, to, mine });
    const texts = await git.readBlobs(paths.flatMap((path) => [before.get(path) ?? [], after.get(path) ?? []].flat()));
    const text = (id: string | undefined) => (id === undefined ? null : (texts.get(id)?.toString("utf8") ?? null));
    return {
      left: paths
        .filter((path) => !others.has(path))
        .map((path) => ({ path, before: text(before.get(path)), after: text(after.get(path)) })),
      others: [...others].flatMap(([path, why]) => (why === null ? [] : [{ path, why }])),
    };
  }

  /** Lets go of what is older than this many days. */
  async expire(keepDays: number): Promise<number> {
    const { git, clock } = this.#deps;
    const oldest = clock.now() - keepDays * 86_400_000;
    const gone = (await git.refEntries(PREFIX)).filter(({ at }) => at < oldest);
    for (const { ref, commit } of gone) await git.deleteBranch(ref, commit);
    return gone.length;
  }

  /** Documents that are not as HEAD has them. */
  async #changed(): Promise<Map<string, string | null>> {
    const { git, policy, options } = this.#deps;
    const files = new Map<string, string | null>();
    for (const path of await git.dirty("")) {
      if (!this.#isDocument(path)) continue;
      try {
        const content = await readDocument(policy.locate(path), options.current.maxBytes);
        files.set(path, content?.text ?? null);
      } catch (error) {
        if (!(error instanceof SpecloopError)) throw error;
      }
    }
    return files;
  }

  #isDocument(path: string): boolean {
    try {
      return this.#deps.policy.locate(path).path === path;
    } catch {
      return false;
    }
  }

  /** Of these paths, those that commits between two snapshots touched; null for what is taken back by itself. */
  async #committed(
    paths: string[],
    { from, to, mine }: { from: string; to: string; mine: (commit: string) => boolean },
  ): Promise<Map<string, string | null>> {
    const { git } = this.#deps;
    const [was, is] = await Promise.all([git.resolve(`${from}^`), git.resolve(`${to}^`)]);
    const found = new Map<string, string | null>();
    if (was === is || was === null || is === null || paths.length === 0) return found;
    if (!(await git.isAncestor(was, is)))
      return new Map(paths.map((path) => [path, "another branch was checked out meanwhile"]));
    for (const entry of await git.pathHistory({ under: paths, revision: is, limit: MAX_COMMITS })) {
      if (await git.isAncestor(entry.commit, was)) break;
      const own = mine(entry.commit);
      if (isAgents(entry) && !own) continue;
      const why = own ? null : `${entry.author} committed it meanwhile (${entry.commit.slice(0, 10)})`;
      for (const { path } of entry.changes) if (paths.includes(path) && !found.get(path)) found.set(path, why);
    }
    return found;
  }
}

/** Agents work for the step that is under way; a person's commit at the same time is the person's. */
function isAgents({ trailers }: { trailers: Record<string, string> }): boolean {
  return trailers["Specloop-Principal"]?.startsWith("agent:") === true;
}
