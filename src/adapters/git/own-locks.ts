import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { parseJson } from "../../foundation/json.ts";
import type { GitPlaces } from "./port.ts";

/** git takes index.lock at once; only in a very large index does it come later, and then it is left for a person. */
const LOCK_WITHIN_MS = 5000;
/** Clocks of the file system and of the process may differ by a tick. */
const TICK_MS = 20;

const entrySchema = z.object({
  pid: z.int().positive(),
  /** Start of the process in clock ticks since boot, which a later process of the same number does not share. */
  ticks: z.string().nullable(),
  startedAt: z.number(),
  endedAt: z.number().nullable(),
});
type Entry = z.output<typeof entrySchema>;
/** One entry alone was written by earlier versions. */
const journalSchema = z.union([z.array(entrySchema), entrySchema]);
/** More gits of ours than this never run at once or leave locks behind. */
const MOST = 50;

/**
 * Remembers which gits of ours are writing, so that the locks of one that was killed can be told from a lock that somebody
 * else holds. One small file in the worktree's git directory, written for every such command and gone when all ended in
 * order; one that was killed stays in it until its locks are gone or known to be somebody else's. It is not synced: after a power cut a lock counts as foreign and is left for a person.
 */
export class OwnLocks {
  readonly #places: GitPlaces;
  readonly #journal: string;

  constructor(places: GitPlaces) {
    this.#places = places;
    this.#journal = join(places.gitDirectory, "specloop-writing.json");
  }

  began(pid: number): void {
    const started = { pid, ticks: startTicks(pid), startedAt: Date.now(), endedAt: null };
    this.#write([...this.#read().filter((entry) => entry.pid !== pid), started]);
  }

  /** git that ends by itself has removed its locks; one that was killed has not. */
  ended(pid: number, killed: boolean): void {
    const entries = this.#read();
    const others = entries.filter((entry) => entry.pid !== pid);
    const own = killed ? entries.filter((entry) => entry.pid === pid) : [];
    this.#write([...others, ...own.map((entry) => ({ ...entry, endedAt: Date.now() }))]);
  }

  /** Removes what a killed git of ours left; returns the paths. Anything in doubt stays, and is looked at again next time. */
  remove(): string[] {
    const entries = this.#read();
    if (entries.length === 0) return [];
    const removed: string[] = [];
    const kept = entries.filter((entry) => isAlive(entry) || this.#clear(entry, removed) === "doubtful");
    this.#write(kept);
    return removed;
  }

  /** "doubtful" while there is a lock that may be this git's or that of another one which runs now. */
  #clear(entry: Entry, removed: string[]): "cleared" | "doubtful" {
    const found = this.#candidates(entry).filter((path) => existsSync(path));
    const judged = found.map((path) => ({ path, whose: this.#whose(path, entry) }));
    for (const { path, whose } of judged) {
      if (whose !== "ours") continue;
      rmSync(path, { force: true });
      removed.push(path);
    }
    return judged.some(({ whose }) => whose === "unclear") ? "doubtful" : "cleared";
  }

  #candidates({ pid }: Entry): string[] {
    const { gitDirectory, commonDirectory } = this.#places;
    const branch = /^ref: (refs\/heads\/\S+)$/m.exec(readOr(join(gitDirectory, "HEAD")))?.[1];
    return [
      join(gitDirectory, "index.lock"),
      join(gitDirectory, "HEAD.lock"),
      ...(branch === undefined ? [] : [join(commonDirectory, `${branch}.lock`)]),
      join(gitDirectory, falseIndex(pid)),
    ];
  }

  #whose(path: string, entry: Entry): "ours" | "foreign" | "unclear" {
    const proof = join(this.#places.gitDirectory, falseIndex(entry.pid));
    if (path === proof) return "ours";
    const made = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (made === undefined || made < entry.startedAt - TICK_MS) return "foreign";
    // git writes index.lock first and then this file, whose name holds its process number.
    const proven = path.endsWith("index.lock") && statSync(proof, { throwIfNoEntry: false })?.mtimeMs;
    if (typeof proven === "number") return made <= proven + TICK_MS ? "ours" : "foreign";
    const until = entry.endedAt ?? entry.startedAt + LOCK_WITHIN_MS;
    if (made > until + TICK_MS) return "foreign";
    return otherGitRuns(this.#places) ? "unclear" : "ours";
  }

  #read(): Entry[] {
    const text = readOr(this.#journal);
    const parsed = text === "" ? null : journalSchema.safeParse(parseJson(text));
    return parsed?.success ? [parsed.data].flat() : [];
  }

  #write(entries: Entry[]): void {
    if (entries.length === 0) return rmSync(this.#journal, { force: true });
    writeFileSync(this.#journal, JSON.stringify(entries.slice(-MOST)), { mode: 0o600 });
  }
}

/** `git commit --only` builds the commit in a second index of this name (builtin/commit.c). */
function falseIndex(pid: number): string {
  return `next-index-${pid}.lock`;
}

function isAlive({ pid, ticks }: Entry): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    // Gone; or the number belongs to another user's process by now (EPERM).
    return false;
  }
  return ticks === null ? startTicks(pid) !== null || !existsSync("/proc/self/stat") : startTicks(pid) === ticks;
}

/** Field 22 of /proc/<pid>/stat (proc_pid_stat(5)); null where there is no /proc. A dead child not waited for has none. */
function startTicks(pid: number): string | null {
  const stat = readOr(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return stat === "" || fields[0] === "Z" ? null : (fields[19] ?? null);
}

/** Whether any git works in this repository now; where that cannot be told, it might. */
function otherGitRuns({ worktree, gitDirectory, commonDirectory }: GitPlaces): boolean {
  if (!existsSync("/proc/self/cwd")) return true;
  const inside = [worktree, gitDirectory, commonDirectory];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      if (!readOr(`/proc/${pid}/comm`).startsWith("git") || startTicks(Number(pid)) === null) return false;
      const cwd = linkOr(`/proc/${pid}/cwd`);
      return cwd === "" || inside.some((folder) => cwd === folder || cwd.startsWith(`${folder}/`));
    });
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function linkOr(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
