import { type BigIntStats, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { EventBus } from "../foundation/events.ts";
import { globMatcher } from "../foundation/glob.ts";
import { gitBlobId } from "../foundation/hash.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import { resolveDocument } from "../foundation/paths.ts";
import type { QuestionOptions } from "./options.ts";
import type { DocumentSearch } from "./search/port.ts";
import { isCode, isPrivate, isReadable } from "./sources/index.ts";

/** What the corpus asks of git. */
export interface FileList {
  /** Tracked and untracked, not ignored files below `under`, relative to the worktree. */
  files(under: string): Promise<string[]>;
}

interface Dependencies {
  index: DocumentSearch;
  git: FileList;
  /** Top of the worktree, absolute. */
  root: string;
  options: Live<QuestionOptions>;
  clock: Clock;
  logger: Logger;
}

/** A file as it was when it was read; while this stays the same its content is taken for unchanged. */
interface Signature {
  print: string;
  revision: string;
  /** Monotonic milliseconds at which the print was first seen. */
  seenAt: number;
  /** Read again later than a file system's clock can be wrong, with the same result (git's "racy" entries). */
  trusted: boolean;
}

/** Two writes within this time may leave the same times on a file. */
const RACY_MS = 50;
/** Documents put into the index in one transaction; between two, other work gets its turn. */
const BATCH = 50;
const ARCHIVE = globMatcher(["**/openspec/changes/archive/**"]);

/** The documents that questions are answered from, in the index by the blob id of what is in the working tree. */
export class Corpus {
  readonly #deps: Dependencies;
  readonly #signatures = new Map<string, Signature>();
  #work: Promise<void> = Promise.resolve();
  #lastScan = Number.NEGATIVE_INFINITY;
  #failure: unknown = null;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Takes up what the watcher and the document manager tell, until it is disposed. */
  follow(events: EventBus): Disposable {
    const told = new DisposableStack();
    told.use(events.on("watch.settled", ({ paths, refsMoved }) => void (refsMoved ? this.scan() : this.take(paths))));
    told.use(events.on("document.updated", ({ path }) => void this.take([path])));
    return told;
  }

  /** Compares every file with the index and takes in what differs. Calls are done one after another. */
  scan(): Promise<void> {
    return this.#queue(() => this.#scan());
  }

  /** Takes in these paths (relative to the repository) after they were changed, made or removed. */
  take(paths: string[]): Promise<void> {
    const known = this.#deps.index.documents();
    // A new file has to pass git's ignore rules, and a folder may stand for many files: both need the whole list.
    const plain = paths.every((path) => known.has(path) || (isReadable(path) && !this.belongs()(path)));
    if (!plain) return this.scan();
    return this.#queue(() => this.#refresh(paths.filter((path) => known.has(path))));
  }

  /** Resolves when everything that was handed in is in the index. */
  async settled(): Promise<void> {
    await this.#work;
  }

  /** Why the last attempt to take documents in failed; null when it did not. */
  failure(): unknown {
    return this.#failure;
  }

  /** Compares every file with the index when that was not done for `ms` milliseconds; whether it was done. */
  async scanIfOlderThan(ms: number): Promise<boolean> {
    const now = this.#deps.clock.monotonic();
    if (now - this.#lastScan <= ms) return false;
    // Taken before the scan begins, so that a burst of questions looks once.
    this.#lastScan = now;
    await this.scan();
    return true;
  }

  /**
   * The revision of a file now: by its times and size when it was read before, else by its content. Null when there is
   * no such file inside the repository. A document that turns out to have changed is taken in on the way.
   */
  async revision(path: string): Promise<string | null> {
    const known = this.#signatures.get(path);
    if (known?.trusted && known.print === this.#print(path)) return known.revision;
    const content = await this.#read(path);
    if (!content) {
      if (this.#deps.index.documents().has(path)) await this.take([path]);
      return null;
    }
    const indexed = this.#deps.index.documents().get(path);
    if (indexed !== undefined && indexed !== content.revision) await this.take([path]);
    return content.revision;
  }

  /** Content of a file of the repository, and its revision; null when it is absent, too large or not text. */
  async content(path: string): Promise<{ text: string; revision: string } | null> {
    const read = await this.#read(path);
    const text = read && decode(read.bytes);
    return read && text !== null ? { text, revision: read.revision } : null;
  }

  /** Which paths belong to the corpus under these options. */
  belongs(options: QuestionOptions = this.#deps.options.current): (path: string) => boolean {
    const { globs, exclude, archived } = options.documents;
    const isDocument = globMatcher(globs);
    const isSource = globMatcher(options.code.globs);
    const isExcluded = globMatcher(exclude);
    return (path) =>
      (isCode(path) ? isSource(path) : isDocument(path) && isReadable(path)) &&
      !isExcluded(path) &&
      !isPrivate(path) &&
      (archived || !ARCHIVE(path));
  }

  /** Makes another index hold what the corpus would be under other options; this one stays as it is. */
  async fill(index: DocumentSearch, options: QuestionOptions): Promise<void> {
    const wanted = (await this.#deps.git.files(".")).filter(this.belongs(options));
    const present = new Set(wanted);
    await index.removeDocuments([...index.documents().keys()].filter((path) => !present.has(path)));
    for (const path of wanted) {
      if (index.documents().has(path)) continue;
      const content = await this.content(path);
      if (content) await index.replaceDocuments([{ path, ...content }]);
    }
  }

  #queue(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work
      .then(() => this.#attempt(work))
      .catch((error: unknown) => {
        this.#failure = error;
        this.#deps.logger.error({ err: error }, "documents could not be taken into the index");
      });
    return this.#work;
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // A damaged index has emptied itself; everything is taken in anew, once.
      if (!(error instanceof SpecloopError) || error.code !== "store_corrupt") throw error;
      this.#deps.logger.warn({ err: error }, "the search index was damaged and is built anew");
      await this.#scan();
    }
    this.#failure = null;
  }

  async #scan(): Promise<void> {
    await this.#deps.index.opened();
    this.#lastScan = this.#deps.clock.monotonic();
    const files = (await this.#deps.git.files(".")).filter(this.belongs());
    const present = new Set(files);
    const gone = [...this.#deps.index.documents().keys()].filter((path) => !present.has(path));
    if (gone.length > 0) await this.#deps.index.removeDocuments(gone);
    await this.#refresh(files);
  }

  async #refresh(paths: string[]): Promise<void> {
    for (let at = 0; at < paths.length; at += BATCH) {
      const batch = paths.slice(at, at + BATCH);
      const changed = await Promise.all(batch.map((path) => this.#changed(path)));
      await this.#replace(changed.filter((entry) => entry !== null));
      await setImmediate();
    }
  }

  /** Null when the index is right about the path. */
  async #changed(path: string): Promise<{ path: string; bytes: Buffer | null; revision: string } | null> {
    const indexed = this.#deps.index.documents().get(path);
    const known = this.#signatures.get(path);
    if (indexed !== undefined && known?.trusted && known.revision === indexed && known.print === this.#print(path))
      return null;
    const read = await this.#read(path);
    if (!read) return indexed === undefined ? null : { path, bytes: null, revision: "" };
    return read.revision === indexed ? null : { path, ...read };
  }

  async #replace(changed: { path: string; bytes: Buffer | null; revision: string }[]): Promise<void> {
    const documents = changed.map(({ path, bytes, revision }) => ({ path, revision, text: bytes && decode(bytes) }));
    const { index } = this.#deps;
    const gone = documents.filter(({ text }) => text === null);
    if (gone.length > 0) await index.removeDocuments(gone.map(({ path }) => path));
    const present = documents.flatMap(({ text, ...document }) => (text === null ? [] : [{ ...document, text }]));
    if (present.length > 0) await index.replaceDocuments(present);
  }

  async #read(path: string): Promise<{ bytes: Buffer; revision: string } | null> {
    try {
      const file = resolveDocument(this.#deps.root, path);
      const before = await stat(file, { bigint: true });
      if (!before.isFile() || before.size > BigInt(this.#maxBytes(path))) return null;
      const bytes = await readFile(file);
      const revision = gitBlobId(bytes);
      this.#remember(path, printOf(before), revision);
      return { bytes, revision };
    } catch (error) {
      if (isAbsence(error)) return null;
      throw error;
    }
  }

  #maxBytes(path: string): number {
    const { documents, code } = this.#deps.options.current;
    return isCode(path) ? code.maxBytes : documents.maxBytes;
  }

  #remember(path: string, print: string, revision: string): void {
    const now = this.#deps.clock.monotonic();
    const known = this.#signatures.get(path);
    const same = known?.print === print && known.revision === revision;
    const seenAt = same ? known.seenAt : now;
    this.#signatures.set(path, { print, revision, seenAt, trusted: now - seenAt > RACY_MS });
  }

  /** Synchronous on purpose: it is asked for every cached answer, and costs 5 µs against 100 µs. */
  #print(path: string): string | null {
    try {
      return printOf(statSync(resolveDocument(this.#deps.root, path), { bigint: true }));
    } catch (error) {
      if (isAbsence(error)) return null;
      throw error;
    }
  }
}

function printOf({ mtimeNs, ctimeNs, size, ino }: BigIntStats): string {
  return `${mtimeNs} ${ctimeNs} ${size} ${ino}`;
}

function isAbsence(error: unknown): boolean {
  if (error instanceof SpecloopError) return error.code === "path_outside_root" || error.code === "path_protected";
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR" || code === "EACCES" || code === "ELOOP";
}

/** Text without BOM, or null when it is not UTF-8. */
function decode(bytes: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
