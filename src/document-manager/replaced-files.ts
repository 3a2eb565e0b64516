import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../foundation/logger.ts";
import type { Edit, EditRows } from "./edit-rows.ts";
import { revisionOf } from "./place.ts";

/** Files that are in no commit are kept this long: somebody's late save, and what an edit replaced that git did not know. */
const KEEP_SAVES_MS = 30 * 24 * 3_600_000;

interface Sweep {
  recovery: string;
  rows: EditRows;
  logger: Logger;
  now: number;
  keepMs: number;
}

/**
 * Removes replaced files that are in git anyway. A program that had such a file open may have written to it since: what
 * it wrote is kept. Returns the files that hold such late saves.
 */
export async function sweepReplaced(sweep: Sweep): Promise<string[]> {
  const late: string[] = [];
  for (const id of await namesIn(sweep.recovery)) {
    const edits = await sweep.rows.writtenTogether(id);
    // What is still under way needs its files.
    if (edits.every(isSettled)) late.push(...(await sweepFolder(sweep, id, edits)));
  }
  if (late.length > 0) sweep.logger.warn({ files: late }, "programs saved to documents after an edit replaced them");
  return late;
}

async function sweepFolder({ recovery, now, keepMs }: Sweep, id: string, edits: Edit[]): Promise<string[]> {
  const folder = join(recovery, id);
  const known = new Set(edits.flatMap(({ files }) => files).flatMap(({ base, next }) => [base, next]));
  // What was replaced in a document that git did not know is in no commit.
  const unknown = edits.filter(({ state }) => state === "written").flatMap(({ files }) => files);
  const onlyHere = new Set(unknown.map(({ base }) => base));
  const names = await namesIn(folder);
  const late: string[] = [];
  let kept = 0;
  for (const name of names) {
    const file = join(folder, name);
    const isSave = !known.has(revisionOf(file));
    const isOnly = isSave || onlyHere.has(revisionOf(file));
    const age = now - (await stat(file)).ctimeMs;
    if (isSave && edits.some(({ state }) => state === "committed" || state === "written")) late.push(file);
    if (age >= (isOnly ? KEEP_SAVES_MS : keepMs)) await rm(file);
    else kept += 1;
  }
  if (kept === 0) await rm(folder, { recursive: true, force: true });
  return late;
}

function isSettled({ state }: Edit): boolean {
  return ["committed", "proposed", "written", "failed"].includes(state);
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
