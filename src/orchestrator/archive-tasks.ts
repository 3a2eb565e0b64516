import type { Stats } from "node:fs";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { matcher, parseTasks, readMetadata } from "../adapters/openspec/index.ts";
import { filesBelow } from "./document-reader.ts";

/** Files of one archived change that are looked at. */
const MAX_FILES = 500;
const MAX_BYTES = 1024 * 1024;
const TASKS = "tasks.md";

/** Ticks of one archived change. */
export interface ArchivedTasks {
  done: number;
  total: number;
  /** The first open one, `tasks.md:4`, inside the change's folder. */
  firstOpen: string | null;
  /** Tells whether the files are as they were. */
  stamp: string;
}

/** Where the tasks of a change of this schema are, null for the configuration's own; a path or a glob. */
export type TrackedTasks = (schema: string | null) => string;

/** The tasks of an archived change as `openspec validate --archived` counts them; null where none can be read. */
export async function readArchivedTasks(
  directory: string,
  trackedBy: TrackedTasks,
  last: ArchivedTasks | undefined,
): Promise<ArchivedTasks | null> {
  const tracked = trackedBy(await schemaOf(directory));
  const found = await existing(directory, /[*?[\]{}()!]/.test(tracked) ? await fitting(directory, tracked) : [tracked]);
  const files = found.length > 0 || tracked === TASKS ? found : await existing(directory, [TASKS]);
  const stamp = files.map(({ name, stats }) => `${name}:${stats.ino}:${stats.size}:${stats.mtimeMs}`).join("\n");
  if (last?.stamp === stamp) return last;
  const counted: ArchivedTasks = { done: 0, total: 0, firstOpen: null, stamp };
  for (const { name } of files) {
    const text = await readFile(join(directory, name), "utf8").catch(() => "");
    for (const { done, line } of parseTasks(text)) {
      counted.total += 1;
      if (done) counted.done += 1;
      else counted.firstOpen ??= `${name}:${line}`;
    }
  }
  return files.length === 0 ? null : counted;
}

async function schemaOf(directory: string): Promise<string | null> {
  const [found] = await existing(directory, [".openspec.yaml"]);
  if (!found) return null;
  const text = await readFile(join(directory, found.name), "utf8").catch(() => null);
  return text === null ? null : readMetadata(text, found.name).schema;
}

async function fitting(directory: string, pattern: string): Promise<string[]> {
  const { paths } = await filesBelow(directory, MAX_FILES);
  return paths.filter(matcher(pattern));
}

/** Regular files of a bearable size; links are not followed. */
async function existing(directory: string, names: string[]): Promise<{ name: string; stats: Stats }[]> {
  const found = [];
  for (const name of names) {
    const stats = await lstat(join(directory, name)).catch(() => null);
    if (stats?.isFile() && stats.size <= MAX_BYTES) found.push({ name, stats });
  }
  return found;
}
