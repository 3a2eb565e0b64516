import type { Dirent } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gitBlobId } from "../foundation/hash.ts";
import type { Clock } from "../foundation/clock.ts";
import { documentOf, unreadDocument, type Document, type Role } from "./document.ts";

/** A file that changed this shortly before it was read may change again within the same time stamp. */
const RACY_MS = 100;
const MAX_DEPTH = 8;

interface Known {
  stamp: string;
  /** The stamp was old enough when it was taken to tell a later change from this one. */
  reliable: boolean;
  document: Document;
}

/** Reads files and remembers what each said: one with the same time stamp is not read, one with the same bytes not parsed. */
export class DocumentReader {
  readonly #known = new Map<string, Known>();
  readonly #clock: Clock;
  readonly #maxBytes: () => number;

  constructor(clock: Clock, maxBytes: () => number) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  /** The document in the file `absolute`; null when there is none. Links and devices are `unreadable`. Never throws. */
  async read(absolute: string, path: string, role: Role): Promise<Document | null> {
    try {
      const stats = await lstat(absolute);
      const limit = this.#maxBytes();
      const stamp = `${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}:${limit}`;
      const known = this.#known.get(absolute);
      if (known?.reliable && known.stamp === stamp) return known.document;
      const readable = stats.isFile() && stats.size <= limit;
      const document = readable
        ? parse(await readFile(absolute), { path, role, known: known?.document })
        : unread(path, role, stats);
      const reliable = this.#clock.now() - Math.max(stats.mtimeMs, stats.ctimeMs) > RACY_MS;
      this.#known.set(absolute, { stamp, reliable, document });
      return document;
    } catch (error) {
      this.#known.delete(absolute);
      return isMissing(error) ? null : unreadDocument(path, 0, "unreadable");
    }
  }

  /** Text of a small regular file, null when there is none. */
  async readText(absolute: string): Promise<string | null> {
    const document = await this.read(absolute, absolute, "other");
    if (document?.revision == null) return null;
    return readFile(absolute, "utf8").catch(() => null);
  }

  /** The document of content that lies in git. */
  parse(bytes: Uint8Array, path: string, role: Role): Document {
    return bytes.byteLength <= this.#maxBytes()
      ? documentOf(path, role, bytes)
      : unreadDocument(path, bytes.byteLength, "too_large");
  }

  /** Forgets files that are no longer there. */
  keepOnly(isAlive: (absolute: string) => boolean): void {
    for (const absolute of this.#known.keys()) if (!isAlive(absolute)) this.#known.delete(absolute);
  }
}

/** Known by its blob id, a document that was saved without a change is the one that it was. */
function parse(
  bytes: Uint8Array,
  { path, role, known }: { path: string; role: Role; known: Document | undefined },
): Document {
  const isSame = known !== undefined && known.path === path && known.revision === gitBlobId(bytes);
  return isSame ? known : documentOf(path, role, bytes);
}

/** Sizes of what is no document do not matter. */
function unread(path: string, role: Role, stats: { size: number; isFile(): boolean }): Document {
  if (role === "other") return unreadDocument(path, stats.size, null);
  return unreadDocument(path, stats.size, stats.isFile() ? "too_large" : "unreadable");
}

/**
 * Paths of files below a folder with forward slashes, in order, at most `limit` of them; folders that are hidden or
 * hold dependencies are left out, links are listed and not followed.
 */
export async function filesBelow(directory: string, limit: number): Promise<FilesBelow> {
  const paths: string[] = [];
  const closed: string[] = [];
  const visit = async (way: string[]): Promise<boolean> => {
    const entries = await entriesOf(join(directory, ...way), () => closed.push(way.join("/")));
    for (const entry of entries) {
      if (entry.isDirectory()) {
        const skip = entry.name.startsWith(".") || entry.name === "node_modules" || way.length + 1 >= MAX_DEPTH;
        if (!skip && (await visit([...way, entry.name]))) return true;
      } else if (isWanted(entry.name)) {
        if (paths.length >= limit) return true;
        paths.push([...way, entry.name].join("/"));
      }
    }
    return false;
  };
  const truncated = await visit([]);
  return { paths, truncated, closed };
}

export interface FilesBelow {
  paths: string[];
  /** There are more files than the limit. */
  truncated: boolean;
  /** Folders that may not be read; "" for the one itself. */
  closed: string[];
}

/** Entries in the order of their names; none when the folder is not there or cannot be read, which `onClosed` is told. */
export async function entriesOf(directory: string, onClosed?: () => void): Promise<Dirent[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (!isMissing(error)) onClosed?.();
    return [];
  }
}

/** Hidden files, editors' leavings and OpenSpec's own temporary files are no part of a change. */
function isWanted(name: string): boolean {
  if (name === ".openspec.yaml") return true;
  return !name.startsWith(".") && !name.endsWith("~") && !/\.openspec-(?:claim|retire)-|\.(?:swp|swx|tmp)$/.test(name);
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "ENOENT" || code === "ENOTDIR";
}
