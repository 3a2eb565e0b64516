import type { Git, PathCommit } from "../../adapters/git/index.ts";
import { parseDelta, parseSpec, type ParsedDelta, type ParsedSpec } from "../../adapters/openspec/index.ts";
import { baseKey, type Base } from "./base.ts";
import { inDelta, type Modification } from "./modifications.ts";
import { isCurrent } from "./states.ts";

/** A block whose base is looked for. */
export interface Sought {
  modification: Modification;
  /** Path of the main spec. */
  specPath: string;
  /** HEAD, or the branch that proposes it. */
  revision: string;
}

/**
 * `uncommitted`: git has no such block. `unknown`: it was written behind the end of a shallow clone, or the spec did not
 * have the requirement then.
 */
export type Found = Pick<Base, "text" | "commit" | "source"> | "uncommitted" | "unknown";

/** Commits of one delta that are looked at, newest first. */
const MAX_COMMITS = 200;
/** Deltas of other changes that are looked into for a requirement that no spec had yet. */
const MAX_SISTERS = 50;

/**
 * The texts that committed blocks were written against: the spec at the commit that first wrote the block, followed
 * through the commits that edited it, as if the daemon had been watching. One log for all of a revision.
 */
export async function basesFromGit(git: Git, sought: Sought[]): Promise<Map<Sought, Found>> {
  const found = new Map<Sought, Found>();
  const shallow = await git.shallowCommits();
  for (const revision of new Set(sought.map((one) => one.revision))) {
    const here = sought.filter((one) => one.revision === revision);
    const reader = await GitReader.open(git, here, revision);
    for (const one of here) found.set(one, await reader.baseOf(one, shallow));
  }
  return found;
}

/** What one revision's history says about some deltas and specs. */
class GitReader {
  readonly #git: Git;
  readonly #commits: PathCommit[];
  readonly #blobs: Map<string, Buffer>;
  readonly #deltas = new Map<string, ParsedDelta>();
  readonly #specs = new Map<string, Promise<ParsedSpec | null>>();

  private constructor(git: Git, commits: PathCommit[], blobs: Map<string, Buffer>) {
    this.#git = git;
    this.#commits = commits;
    this.#blobs = blobs;
  }

  static async open(git: Git, sought: Sought[], revision: string): Promise<GitReader> {
    const deltas = new Set(sought.map(({ modification }) => modification.path));
    const under = [...deltas, ...new Set(sought.map(({ specPath }) => specPath))];
    const commits = await git.pathHistory({ under, revision });
    const blobs = commits.flatMap(({ changes }) =>
      changes.flatMap(({ path, after }) => (deltas.has(path) && after !== null ? [after] : [])),
    );
    return new GitReader(git, commits, await git.readBlobs(blobs));
  }

  async baseOf({ modification, specPath }: Sought, shallow: ReadonlySet<string>): Promise<Found> {
    const versions = this.#versionsOf(modification);
    const first = versions.at(-1);
    if (!first) return "uncommitted";
    if (shallow.has(first.commit) || versions.length === MAX_COMMITS) return "unknown";
    const before = this.#touches(first.commit, specPath)
      ? await this.#textAt(`${first.commit}^`, specPath, modification)
      : null;
    const there = await this.#textAt(first.commit, specPath, modification);
    const text = writtenAgainst(first.modification, before, there);
    const begun = text === null ? await this.#sisterAt(first.commit, { modification, specPath }) : text;
    if (begun === null) return "unknown";
    let found: Exclude<Found, string> = {
      text: begun,
      commit: first.commit,
      source: text === null ? "sister" : "git",
    };
    for (const version of versions.toReversed()) {
      const main = await this.#textAt(version.commit, specPath, modification);
      if (main === null || main === found.text || !isCurrent(version.modification, found, main)) continue;
      found = { text: main, commit: version.commit, source: "contained" };
    }
    return found;
  }

  /** The block in every commit that wrote its delta, newest first, as far back as it was there without a gap. */
  #versionsOf(wanted: Modification): { commit: string; modification: Modification }[] {
    const versions: { commit: string; modification: Modification }[] = [];
    for (const { commit, changes } of this.#commits) {
      const change = changes.find(({ path }) => path === wanted.path);
      if (!change) continue;
      const delta = change.after === null ? null : this.#delta(change.after);
      const all = delta ? inDelta(delta, wanted) : [];
      const modification = all.find((one) => baseKey(one) === baseKey(wanted) && one.operation === wanted.operation);
      if (!modification || versions.length === MAX_COMMITS) break;
      versions.push({ commit, modification });
    }
    return versions;
  }

  #touches(commit: string, path: string): boolean {
    return this.#commits.some((one) => one.commit === commit && one.changes.some((change) => change.path === path));
  }

  async #textAt(revision: string, specPath: string, { requirement, to }: Modification): Promise<string | null> {
    const spec = await this.#spec(revision, specPath);
    const of = (name: string | null) => spec?.requirements.find((one) => one.name === name)?.raw;
    return of(requirement) ?? of(to) ?? null;
  }

  /** What one other change added at that commit: the requirement was in no spec when the block was written. */
  async #sisterAt(commit: string, { modification, specPath }: Pick<Sought, "modification" | "specPath">) {
    const end = `/specs/${modification.capability}/spec.md`;
    const changes = `${specPath.slice(0, -end.length)}/changes`;
    const isSister = (path: string) =>
      path.endsWith(end) && path !== modification.path && !path.startsWith(`${changes}/archive/`);
    const texts = new Set<string>();
    for (const path of [...(await this.#git.list(commit, changes)).keys()].filter(isSister).slice(0, MAX_SISTERS)) {
      const bytes = await this.#git.read(commit, path);
      for (const { name, raw } of bytes ? parseDelta(bytes.toString("utf8")).added : [])
        if (name === modification.requirement) texts.add(raw);
    }
    return texts.size === 1 ? [...texts][0]! : null;
  }

  #delta(blob: string): ParsedDelta {
    const known = this.#deltas.get(blob) ?? parseDelta(this.#blobs.get(blob)?.toString("utf8") ?? "");
    this.#deltas.set(blob, known);
    return known;
  }

  #spec(revision: string, path: string): Promise<ParsedSpec | null> {
    const key = `${revision}:${path}`;
    const reading =
      this.#specs.get(key) ??
      this.#git.read(revision, path).then((bytes) => (bytes ? parseSpec(bytes.toString("utf8")) : null));
    this.#specs.set(key, reading);
    return reading;
  }
}

/**
 * Where one commit wrote both the block and the spec, the block was written against the spec before, unless it has what
 * the commit did to the spec, or the commit took back what the block itself had done to it.
 */
function writtenAgainst(modification: Modification, before: string | null, there: string | null): string | null {
  if (before === null || there === null || before === there) return there ?? before;
  if (modification.block?.raw === before) return there;
  const base = { text: before, source: "git" as const };
  return isCurrent(modification, base, there) ? there : before;
}
