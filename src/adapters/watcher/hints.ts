import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { FSWatcher } from "chokidar";

/** What moved at a path: a hint, to be looked at. */
export type Moved = "file" | "directory" | "gone" | "gone directory";

export interface HintsParts {
  isIgnored: (path: string) => boolean;
  onMoved: (moved: Moved, path: string) => void;
  /** A folder is not watched: limits of the system, or it may not be read. */
  onError: (error: unknown) => void;
}

const POLL_MS = 1000;
/** Where it polls it keeps an empty new file back for 10 ms, to tell of it when it is written. */
const EMPTY_HOLD_MS = 20;
/** A new folder is read when it is told of, and again when it is watched for sure: files may come in between. */
const WATCHED_MS = 50;

const MOVED: Partial<Record<string, Moved>> = { addDir: "directory", unlink: "gone", unlinkDir: "gone directory" };

/**
 * What moves below some folders, by chokidar. A batch of paths is a hint and every hint leads to a look, so what happens to each file need not be
 * known: folders are followed, and what moves in them is taken raw, as the system reports it. chokidar then keeps nothing
 * for a file. Where it polls (CHOKIDAR_USEPOLLING) there are no such reports, and it looks at every file itself.
 */
export class Hints {
  readonly #watcher: FSWatcher;
  readonly #parts: HintsParts;
  readonly #reading = new Set<Promise<void>>();

  constructor(parts: HintsParts, { isPolling }: { isPolling: boolean }) {
    const { isIgnored, onMoved, onError } = parts;
    this.#parts = parts;
    this.#watcher = new FSWatcher({
      ignoreInitial: true,
      followSymlinks: false,
      // It would keep removals back for 100 ms; to a batch of paths a removal and an addition are one thing anyway.
      atomic: false,
      awaitWriteFinish: false,
      // Only where it polls, for containers and network folders that report nothing.
      pollingInterval: POLL_MS,
      ignored: (path, stats) => isIgnored(path) || (!isPolling && stats?.isDirectory() === false),
    });
    this.#watcher.on("all", (event, path) => onMoved(MOVED[event] ?? "file", path));
    if (!isPolling) this.#watcher.on("addDir", (path) => this.#readNew(path));
    this.#watcher.on("raw", (_event, name, details) => {
      const path = pathOf(name, details);
      if (path !== null && !isIgnored(path)) onMoved("file", path);
    });
    this.#watcher.on("error", onError);
  }

  /** Resolves when everything below these folders is watched. */
  async start(tops: string[], signal: AbortSignal): Promise<void> {
    const ready = Promise.withResolvers<void>();
    const abort = () => ready.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#watcher.once("ready", () => ready.resolve());
    this.#watcher.add(tops);
    await ready.promise.finally(() => signal.removeEventListener("abort", abort));
  }

  /** Waits until what was reported has been looked into. */
  async idle(): Promise<void> {
    await wait(EMPTY_HOLD_MS);
    while (this.#reading.size > 0) await Promise.all(this.#reading);
  }

  async close(): Promise<void> {
    await this.#watcher.close();
    await Promise.all(this.#reading);
  }

  /** Tells what a new folder holds: its files may have come before it was watched. */
  #readNew(directory: string): void {
    const reading = this.#tellFiles(directory)
      .then(() => wait(WATCHED_MS))
      .then(() => this.#tellFiles(directory))
      .finally(() => this.#reading.delete(reading));
    this.#reading.add(reading);
  }

  async #tellFiles(directory: string): Promise<void> {
    const { isIgnored, onMoved } = this.#parts;
    // A folder that is gone again is told of by itself.
    const entries = this.#watcher.closed ? [] : await readdir(directory, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(directory, entry.name);
      if (!entry.isDirectory() && !isIgnored(path)) onMoved("file", path);
    }
  }
}

/** The name may be missing where the system does not tell it; the folder is then where to look. */
function pathOf(name: unknown, details: unknown): string | null {
  if (typeof details !== "object" || details === null || !("watchedPath" in details)) return null;
  const { watchedPath } = details;
  if (typeof watchedPath !== "string") return null;
  return typeof name === "string" && name !== "" ? join(watchedPath, name) : watchedPath;
}
