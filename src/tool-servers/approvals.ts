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
import { z } from "zod";
import { isTrusted, personFiles } from "../access/approvals/index.ts";
import type { DownstreamTool } from "../adapters/mcp-client/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { sha256 } from "../foundation/hash.ts";

const schemaShape = z.record(z.string(), z.unknown());
const definition = z.object({
  name: z.string(),
  title: z.string(),
  description: z.string(),
  inputSchema: schemaShape,
  outputSchema: schemaShape.nullable(),
  annotations: schemaShape,
});
const approval = z.object({
  /** Hash of the launch. */
  launch: z.string(),
  /** What it was, to show what changed. */
  launched: z.unknown(),
  by: z.string(),
  /** Epoch milliseconds. */
  at: z.number(),
  /** Hash of the launch with which the tools were looked at: those of another program are not approved. */
  toolsOf: z.string().nullable(),
  tools: z.record(z.string(), z.object({ pin: z.string(), definition })),
  /** Who may call the tools: every local agent, or only those with a grant. */
  agents: z.enum(["all", "granted"]),
});
const file = z.object({ version: z.literal(1), repository: z.string(), servers: z.record(z.string(), approval) });

/** What a person said yes to, of one server. */
export type ServerApproval = Omit<z.output<typeof approval>, "tools"> & {
  tools: Record<string, { pin: string; definition: DownstreamTool }>;
};
type Stored = z.output<typeof file>;

const STALE_LOCK_MS = 10_000;

/**
 * The person's yes to servers, outside the repository: `$XDG_CONFIG_HOME/specloop/servers/<repository>.json`, 0600. Nothing
 * that a repository contains can write it; a clone in another place has a file of its own.
 */
export class ServerApprovals {
  readonly path: string;
  readonly #repository: string;
  #read: { stamp: string; content: Stored } | null = null;

  constructor({ repository, env }: { repository: string; env: Record<string, string | undefined> }) {
    this.#repository = repository;
    this.path = join(personFiles(env).directory, "servers", `${sha256(repository).slice(0, 24)}.json`);
  }

  /** Null when nobody approved it. Throws `forbidden` for a file that others may write or that cannot be read. */
  of(server: string): ServerApproval | null {
    const { servers } = this.#content();
    return Object.hasOwn(servers, server) ? servers[server]! : null;
  }

  set(server: string, given: ServerApproval | null): void {
    this.#rewrite(({ [server]: _before, ...others }) => (given ? { ...others, [server]: given } : others));
  }

  /** Read anew when the file is another one. */
  #content(): Stored {
    const empty: Stored = { version: 1, repository: this.#repository, servers: {} };
    if (!isTrusted(this.path, [this.#repository], true)) return empty;
    const { ino, size, mtimeMs, ctimeMs } = lstatSync(this.path);
    const stamp = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    if (this.#read?.stamp === stamp) return this.#read.content;
    try {
      const content = file.parse(JSON.parse(readFileSync(this.path, "utf8")));
      this.#read = { stamp, content };
      return content;
    } catch (cause) {
      throw new SpecloopError("forbidden", `${this.path} cannot be read, so no server counts as approved.`, {
        target: this.path,
        fix: "Move it away, then approve the servers again.",
        cause,
      });
    }
  }

  /** Takes the file's lock, as git does: what is written in full under its name replaces the file. */
  #rewrite(change: (servers: Stored["servers"]) => Stored["servers"]): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const lock = `${this.path}.lock`;
    const handle = openLock(lock);
    let done = false;
    try {
      const servers = change(this.#content().servers);
      writeSync(handle, `${JSON.stringify({ version: 1, repository: this.#repository, servers }, null, 2)}\n`);
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
