import { statSync } from "node:fs";
import type { Live } from "../../foundation/options.ts";
import type { Principal } from "../../foundation/principal.ts";
import { readDocument } from "../document.ts";
import type { DocumentOptions } from "../options.ts";
import type { PathPolicy } from "../policy.ts";
import type { UpdateRequest, UpdateResult } from "../types.ts";
import type { Backup, Backups } from "./backups.ts";
import { riskOf } from "./risky.ts";

interface Dependencies {
  backups: Backups;
  policy: PathPolicy;
  options: Live<DocumentOptions>;
  update: (request: UpdateRequest) => Promise<UpdateResult>;
}

export interface RestoreRequest {
  id: string;
  /** Some of the backup's paths; all of them when absent. */
  paths?: string[] | undefined;
  reason?: string | undefined;
  principal: Principal;
}

/** Backups of documents: made before risky edits and on request, restored as ordinary edits. */
export class DocumentBackups {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Newest first. */
  list(): Promise<Backup[]> {
    return this.#deps.backups.list();
  }

  /** Keeps these documents as they are in the working tree; null in a repository without a commit. */
  async take(paths: string[], { why, principal }: { why: string; principal: Principal }): Promise<Backup | null> {
    const { policy, options, backups } = this.#deps;
    const texts = new Map<string, string>();
    for (const given of paths) {
      const located = policy.locate(given);
      const content = await readDocument(located, options.current.maxBytes);
      if (content) texts.set(located.path, content.text);
    }
    return backups.take(texts, { why, principal });
  }

  /** Before an update that could lose much; null when it is an ordinary one. */
  async takeBefore(request: UpdateRequest): Promise<Backup | null> {
    const { policy } = this.#deps;
    const sizeOf = (path: string) => statSync(policy.locate(path).absolute, { throwIfNoEntry: false })?.size ?? 0;
    const risk = riskOf(request, sizeOf);
    if (risk === null) return null;
    const why = `${risk}: ${request.reason}`;
    return this.take(
      request.files.map(({ path }) => path),
      { why, principal: request.principal },
    );
  }

  /** Puts documents back as a backup has them, by an ordinary edit. Throws `not_found`, `unknown_document`. */
  async restore({ id, paths, reason, principal }: RestoreRequest): Promise<UpdateResult> {
    const { backups, policy, options, update } = this.#deps;
    const backup = await backups.get(id);
    const files: UpdateRequest["files"] = [];
    for (const path of paths ?? backup.paths) {
      const now = await readDocument(policy.locate(path), options.current.maxBytes);
      const content = await backups.textOf(backup, path);
      files.push({ path, edits: [{ kind: "write", content }], ...(now && { baseRevision: now.revision }) });
    }
    return update({ files, reason: reason ?? `Restore from backup ${id}`, principal });
  }

  expire(): Promise<string[]> {
    return this.#deps.backups.expire(this.#deps.options.current.keepBackupDays);
  }
}
