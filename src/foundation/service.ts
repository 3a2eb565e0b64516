/**
 * A part with a life of its own. Its constructor opens nothing; `start` does and returns when the part works; disposal
 * finishes what runs and closes what was opened, and may be called on a part that never started.
 */
export interface Service extends AsyncDisposable {
  readonly name: string;
  /** Rejects with the signal's reason if the daemon stops while this part is starting. */
  start(signal: AbortSignal): Promise<void>;
}
