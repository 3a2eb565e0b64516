import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
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

/**
 * Remembers which git of ours is writing, so that the locks of one that was killed can be told from a lock that somebody
 * else holds. One small file in the worktree's git directory, written for every such command and gone when it ended in
 * order. It is not synced: after a power cut a lock counts as foreign and is left for a person.
 */
export class OwnLocks {
  readonly #places: GitPlaces;
  readonly #journal: string;

  constructor(places: GitPlaces) {
    this.#places = places;
    this.#journal = join(places.gitDirectory, "specloop-writing.json");
  }

  began(pid: number): void {
    this.#write({ pid, ticks: startTicks(pid), startedAt: Date.now(), endedAt: null });
  }

  /** git that ends by itself has removed its locks; one that was killed has not. */
  ended(killed: boolean): void {
    if (!killed) return rmSync(this.#journal, { force: true });
    const entry = this.#read();
    if (entry) this.#write({ ...entry, endedAt: Date.now() });
  }

  /** Removes what a killed git of ours left; returns the paths. Anything in doubt stays. */
  remove(): string[] {
    const entry = this.#read();
    if (!entry || isAlive(entry)) return [];
    const own = this.#candidates(entry).filter((path) => existsSync(path) && this.#isOurs(path, entry));
    for (const path of own) rmSync(path, { force: true });
    rmSync(this.#journal, { force: true });
    return own;
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

  #isOurs(path: string, entry: Entry): boolean {
    const proof = join(this.#places.gitDirectory, falseIndex(entry.pid));
    if (path === proof) return true;
    const made = statSync(path).mtimeMs;
    if (made < entry.startedAt - TICK_MS) return false;
    // git writes index.lock first and then this file, whose name holds its process number.
    if (path.endsWith("index.lock") && existsSync(proof)) return made <= statSync(proof).mtimeMs + TICK_MS;
    const until = entry.endedAt ?? entry.startedAt + LOCK_WITHIN_MS;
    return made <= until + TICK_MS && !otherGitRuns(this.#places);
  }

  #read(): Entry | null {
    const text = readOr(this.#journal);
    const parsed = text === "" ? null : entrySchema.safeParse(jsonOr(text));
    return parsed?.success ? parsed.data : null;
  }

  #write(entry: Entry): void {
    writeFileSync(this.#journal, JSON.stringify(entry), { mode: 0o600 });
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

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
