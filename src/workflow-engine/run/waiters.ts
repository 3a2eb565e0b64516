/** Who waits for something to happen to a run. */
export class Waiters {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Resolves at the next thing that changes the run's state; `cancel` when nobody waits any more. */
  next(runId: string): { promise: Promise<void>; cancel(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const set = this.#waiting.get(runId) ?? new Set();
    this.#waiting.set(runId, set.add(resolve));
    const cancel = () => {
      set.delete(resolve);
      if (set.size === 0 && this.#waiting.get(runId) === set) this.#waiting.delete(runId);
    };
    return { promise, cancel };
  }

  /** Something may have happened that nobody told. */
  tellAll(): void {
    for (const runId of this.#waiting.keys()) this.tell(runId);
  }

  tell(runId: string): void {
    const set = this.#waiting.get(runId);
    this.#waiting.delete(runId);
    for (const resolve of set ?? []) resolve();
  }
}
