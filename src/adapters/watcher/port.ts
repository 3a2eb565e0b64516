/** A batch of things that moved, handed over after they came to rest. */
export interface SettledBatch {
  /** Absolute paths of files and directories that were added, changed or removed; hints, not truth. */
  paths: Set<string>;
  /** HEAD, a branch or packed-refs moved in the same window. */
  refsMoved: boolean;
  /** So much moved, or events were lost, that everything below the roots must be looked at again. */
  everything: boolean;
  /** Milliseconds from the first event of the batch until it was handed over. */
  ms: number;
}

export interface WatchRequest {
  /** Directories to watch; symbolic links are not followed. */
  directories: string[];
  /** git directories whose HEAD, refs/heads and packed-refs tell of moved branches. */
  gitDirectories: string[];
  /** How long nothing must move, and how often everything is looked at anyway, milliseconds; asked at each use. */
  timing?(): { settleMs: number; reconcileMs: number };
  /** Called with each batch, never twice at the same time: the next batch waits until the promise settles. */
  onBatch(batch: SettledBatch): Promise<void>;
  /** Watching is degraded or lost (limits, removed root): the message says what to do. */
  onError(error: Error): void;
}

/** Watches from `start` until disposed. */
export interface Watcher extends AsyncDisposable {
  start(signal: AbortSignal): Promise<void>;
  /** Waits until what was saved before this call has been handed over. */
  settled(): Promise<void>;
}
