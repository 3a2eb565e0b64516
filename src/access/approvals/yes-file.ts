import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { sha256 } from "../../foundation/hash.ts";
import { isTrusted, personFiles } from "./person-directory.ts";
import { replaceLocked } from "./replace-locked.ts";

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

  rewrite(change: (content: z.output<Schema>) => z.output<Schema>): void {
    replaceLocked(this.path, "so no approval can be kept", () => change(this.content()));
  }
}
