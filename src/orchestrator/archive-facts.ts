import { join } from "node:path";
import { SPEC_DRIVEN } from "../adapters/openspec/index.ts";
import { readLock } from "./archive/lock.ts";
import { readArchivedTasks, type ArchivedTasks, type TrackedTasks } from "./archive-tasks.ts";
import type { Snapshot } from "./snapshot.ts";

/** Archived changes whose tasks are looked at, the newest first. */
const MAX_ARCHIVED = 2_000;
/** Files that are read at the same time. */
const PARALLEL = 16;

/** What the archive's folder says beside its names. */
export interface ArchiveFacts {
  /** By name of the archived folder; those without tasks are left out. */
  tasks: ReadonlyMap<string, ArchivedTasks>;
  /** A lock that nobody holds any more: the process that took it, null when the lock does not say. */
  deadLock: { pid: number | null } | null;
}

export const NO_ARCHIVE: ArchiveFacts = { tasks: new Map(), deadLock: null };

/** Where the schemas of a root say that tasks are; an unknown one leaves `tasks.md`. */
export function trackedTasks({ config, schemas }: Pick<Snapshot, "config" | "schemas">): TrackedTasks {
  return (named) => {
    const name = named ?? config.schema ?? SPEC_DRIVEN.name;
    const own = schemas.get(name);
    return (own && "artifacts" in own ? own.tasks : null) ?? "tasks.md";
  };
}

/** Reads the archive of a planning root; `last` saves reading what is as it was. Never throws. */
export async function readArchive(
  directory: string,
  names: string[],
  { trackedBy, last }: { trackedBy: TrackedTasks; last: ArchiveFacts },
): Promise<ArchiveFacts> {
  const archive = join(directory, "changes", "archive");
  const newest = names.toSorted().slice(-MAX_ARCHIVED);
  const tasks = new Map<string, ArchivedTasks>();
  for (let from = 0; from < newest.length; from += PARALLEL) {
    const some = newest.slice(from, from + PARALLEL);
    const read = some.map((name) => readArchivedTasks(join(archive, name), trackedBy, last.tasks.get(name)));
    for (const [index, found] of (await Promise.all(read)).entries()) if (found) tasks.set(some[index]!, found);
  }
  const lock = await readLock(archive);
  return { tasks, deadLock: lock && !lock.alive ? { pid: lock.pid } : null };
}
