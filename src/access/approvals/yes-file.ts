import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { sha256 } from "../../foundation/hash.ts";
import { isTrusted, personFiles } from "./person-directory.ts";

interface Place<Schema extends z.ZodType> {
  /** Top of the worktree; a clone in another place has a file of its own. */
  repository: string;
  env: Record<string, string | undefined>;
  /** Folder below the person's own, such as `servers`. */
  folder: string;
  /** Of the whole file. */
  schema: Schema;
  empty: z.output<Schema>;
  /** What does not count when the file cannot be read: `so no server counts as approved`. */
  consequence: string;
}

const STALE_LOCK_MS = 10_000;

/**
 * What a person said yes to, outside the repository: `$XDG_CONFIG_HOME/specloop/<folder>/<repository>.json`, 0600. Nothing
 * that a repository contains can write it.
 */
export class YesFile<Schema extends z.ZodType> {
  readonly path: string;
  readonly #place: Place<Schema>;
  #read: { stamp: string; content: z.output<Schema> } | null = null;

  constructor(place: Place<Schema>) {
    this.#place = place;
    const { env, folder, repository } = place;
    this.path = join(personFiles(env).directory, folder, `${sha256(repository).slice(0, 24)}.json`);
  }

  /** Read anew when the file is another one. Throws `forbidden` for a file that others may write or that cannot be read. */
  content(): z.output<Schema> {
    const { repository, empty, schema, consequence } = this.#place;
    if (!isTrusted(this.path, [repository], true)) return empty;
    const { ino, size, mtimeMs, ctimeMs } = lstatSync(this.path);
    const stamp = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    if (this.#read?.stamp === stamp) return this.#read.content;
    try {
      const content = schema.parse(JSON.parse(readFileSync(this.path, "utf8")));
      this.#read = { stamp, content };
      return content;
    } catch (cause) {
      throw new SpecloopError("forbidden", `${this.path} cannot be read, ${consequence}.`, {
        target: this.path,
        fix: "Move it away, then approve again.",
        cause,
      });
    }
  }

  /** Takes the file's lock, as git does: what is written in full under its name replaces the file. */
  rewrite(change: (content: z.output<Schema>) => z.output<Schema>): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const lock = `${this.path}.lock`;
    const handle = openLock(lock);
    let done = false;
    try {
      writeSync(handle, `${JSON.stringify(change(this.content()), null, 2)}\n`);
      fsyncSync(handle);
      renameSync(lock, this.path);
      done = true;
    } finally {
      closeSync(handle);
      if (!done) rmSync(lock, { force: true });
    }
  }
}

/** Writing takes milliseconds, so an old lock is one that a crash left. */
function openLock(lock: string): number {
  const held = lstatSync(lock, { throwIfNoEntry: false });
  if (held && Date.now() - held.mtimeMs > STALE_LOCK_MS) rmSync(lock, { force: true });
  try {
    return openSync(lock, "wx", 0o600);
  } catch (cause) {
    throw new SpecloopError("forbidden", `${lock} cannot be made, so no approval can be kept.`, {
      target: lock,
      fix: "Try again in a moment; make the folder writable for you if it stays.",
      cause,
    });
  }
}
