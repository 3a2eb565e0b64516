import { FSWatcher } from "chokidar";
import type { Moved, Source, SourceParts } from "./source.ts";

const POLL_MS = 1000;
/** It keeps an empty new file back for 10 ms, to tell of it when it is written. */
const EMPTY_HOLD_MS = 20;

const MOVED: Partial<Record<string, Moved>> = { addDir: "directory", unlink: "gone", unlinkDir: "gone directory" };

/** Events by chokidar: on systems other than Linux, and where it polls (CHOKIDAR_USEPOLLING). */
export class ChokidarSource implements Source {
  readonly #watcher: FSWatcher;

  constructor({ isIgnored, onMoved, onError }: SourceParts) {
    this.#watcher = new FSWatcher({
      ignoreInitial: true,
      followSymlinks: false,
      // It would keep removals back for 100 ms; to a batch of paths a removal and an addition are one thing anyway.
      atomic: false,
      awaitWriteFinish: false,
      // Only where it polls, for containers and network folders that report nothing.
      pollingInterval: POLL_MS,
      ignored: isIgnored,
    });
    this.#watcher.on("all", (event, path) => onMoved(MOVED[event] ?? "file", path));
    this.#watcher.on("error", onError);
  }

  async start(tops: string[], signal: AbortSignal): Promise<void> {
    const ready = Promise.withResolvers<void>();
    const abort = () => ready.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#watcher.once("ready", () => ready.resolve());
    this.#watcher.add(tops);
    await ready.promise.finally(() => signal.removeEventListener("abort", abort));
  }

  async idle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, EMPTY_HOLD_MS));
  }

  close(): Promise<void> {
    return this.#watcher.close();
  }
}
