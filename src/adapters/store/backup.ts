import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { backup as copyOnline, DatabaseSync } from "node:sqlite";
import { SpecloopError } from "../../foundation/errors.ts";
import { findDamage } from "./damage.ts";
import { translateError } from "./sqlite-errors.ts";

/** More pages than any database has: in one step, so that writers going on meanwhile cannot make the copy start over. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * Copies a database, also one in use, as it is at one moment to `destination`, which is replaced only by a copy that was
 * checked and synced. Runs beside the event loop. Throws `store_corrupt` when the copy is damaged, `store_full`.
 */
export async function backup(path: string, destination: string): Promise<void> {
  const draft = `${destination}.partial`;
  try {
    removeDatabase(draft);
    await copy(path, draft);
    const damage = findDamage(draft);
    if (damage.length > 0)
      throw new SpecloopError("store_corrupt", `${path} is damaged: ${damage[0]}`, { target: path });
    sync(draft);
    renameSync(draft, destination);
    sync(dirname(destination));
  } catch (error) {
    throw translateError(error, path);
  } finally {
    removeDatabase(draft);
  }
}

async function copy(path: string, draft: string): Promise<void> {
  const source = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
  try {
    closeSync(openSync(draft, "ax", 0o600));
    await copyOnline(source, draft, { rate: ALL_PAGES });
  } finally {
    source.close();
  }
}

function removeDatabase(path: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(path + suffix, { force: true });
}

function sync(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
