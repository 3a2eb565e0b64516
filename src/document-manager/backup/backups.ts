import type { Git, RefEntry } from "../../adapters/git/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { newId } from "../../foundation/ids.ts";
import { principalLabel, type Principal } from "../../foundation/principal.ts";

/** Documents as they were in the working tree at one moment, kept beside the branch. */
export interface Backup {
  id: string;
  commit: string;
  /** Epoch milliseconds. */
  at: number;
  /** What was about to happen. */
  why: string;
  by: string;
  paths: string[];
}

const PREFIX = "refs/specloop/backup/";
/** More are not kept, however young. */
const MAX_BACKUPS = 500;
const PATHS_BEGIN = "Documents:";

/**
 * Backups are commits under `refs/specloop/backup/`, built from objects: working tree, index and branch are not touched,
 * no push takes them along, and `git gc` keeps them until they expire.
 */
export class Backups {
  readonly #git: Git;
  readonly #clock: Clock;

  constructor(git: Git, clock: Clock) {
    this.#git = git;
    this.#clock = clock;
  }

  /** Keeps these texts; null where nothing can be kept because the repository has no commit yet. */
  async take(
    texts: Map<string, string>,
    { why, principal }: { why: string; principal: Principal },
  ): Promise<Backup | null> {
    const { commit: parent } = await this.#git.head();
    if (parent === null || texts.size === 0) return null;
    const id = newId("b");
    const paths = [...texts.keys()];
    const by = principalLabel(principal);
    const subject = `Backup before: ${why.split("\n")[0]}`;
    const message = `${subject}\n\n${PATHS_BEGIN}\n${paths.map((path) => `  ${JSON.stringify(path)}`).join("\n")}`;
    const trailers = { "Specloop-Backup": id, "Specloop-Principal": by };
    const ref = `${PREFIX}${id}`;
    const commit = await this.#git.commitToBranch({ ref, parent, expected: null, files: texts, message, trailers });
    return { id, commit, at: this.#clock.now(), why: subject, by, paths };
  }

  /** Newest first. */
  async list(): Promise<Backup[]> {
    const backups = (await this.#git.refEntries(PREFIX)).map(backupOf);
    return backups.toSorted((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1));
  }

  /** Throws `not_found`. */
  async get(id: string): Promise<Backup> {
    const found = (await this.list()).find((backup) => backup.id === id);
    if (found) return found;
    throw new SpecloopError("not_found", `No backup is called ${id}.`, {
      target: id,
      fix: "Run `specloop doc backups` for those that there are.",
    });
  }

  /** The text that a backup has of a path. Throws `unknown_document` when it has none. */
  async textOf({ id, commit, paths }: Backup, path: string): Promise<string> {
    const bytes = paths.includes(path) ? await this.#git.read(commit, path) : null;
    if (bytes) return bytes.toString("utf8");
    throw new SpecloopError("unknown_document", `The backup ${id} does not hold "${path}".`, {
      target: path,
      fix: `It holds: ${paths.join(", ")}.`,
    });
  }

  /** Lets go of what is older than this many days, and of the oldest where there are too many; returns their ids. */
  async expire(keepDays: number): Promise<string[]> {
    const oldest = this.#clock.now() - keepDays * 86_400_000;
    const gone = (await this.list()).filter(({ at }, index) => at < oldest || index >= MAX_BACKUPS);
    for (const { id, commit } of gone) await this.#git.deleteBranch(`${PREFIX}${id}`, commit);
    return gone.map(({ id }) => id);
  }
}

function backupOf({ ref, commit, at, subject, body, trailers }: RefEntry): Backup {
  const by = trailers["Specloop-Principal"] ?? "";
  return { id: ref.slice(PREFIX.length), commit, at, why: subject, by, paths: pathsIn(body) };
}

function pathsIn(body: string): string[] {
  const lines = body.slice(Math.max(0, body.indexOf(PATHS_BEGIN))).split("\n");
  return lines.flatMap((line) => {
    const quoted = /^ {2}(".*")$/.exec(line)?.[1];
    return quoted === undefined ? [] : [JSON.parse(quoted) as string];
  });
}
