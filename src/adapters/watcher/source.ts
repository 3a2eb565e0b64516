/** What moved at a path: a hint, to be looked at. */
export type Moved = "file" | "directory" | "gone" | "gone directory";

export interface SourceParts {
  isIgnored: (path: string) => boolean;
  onMoved: (moved: Moved, path: string) => void;
  /** A folder is not watched: limits of the system, or it may not be read. */
  onError: (error: unknown) => void;
}

/** Where events come from: the system's own watches, or chokidar where those do not report every name. */
export interface Source {
  /** Resolves when everything below these folders is watched. */
  start(tops: string[], signal: AbortSignal): Promise<void>;
  /** Waits until what was reported has been looked into: new folders are watched. */
  idle(): Promise<void>;
  close(): Promise<void>;
}
