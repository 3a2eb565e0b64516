/** Callers that wait for a question to close, woken in the process, without polling. */
export class Waiters {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Resolves at the next `wake` of this question; dispose it when nobody waits any more. */
  on(questionId: string): { closed: Promise<void> } & Disposable {
    const { promise, resolve } = Promise.withResolvers<void>();
    const set = this.#waiting.get(questionId) ?? new Set();
    this.#waiting.set(questionId, set.add(resolve));
    const leave = () => {
      set.delete(resolve);
      if (set.size === 0 && this.#waiting.get(questionId) === set) this.#waiting.delete(questionId);
    };
    return { closed: promise, [Symbol.dispose]: leave };
  }

  wake(questionId: string): void {
    const waiting = this.#waiting.get(questionId);
    this.#waiting.delete(questionId);
    for (const resolve of waiting ?? []) resolve();
  }

  wakeAll(): void {
    for (const questionId of Array.from(this.#waiting.keys())) this.wake(questionId);
  }
}
