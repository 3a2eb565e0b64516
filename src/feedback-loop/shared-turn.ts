interface Turn<Result> {
  result: Promise<Result>;
  /** Resolves when it is over, whatever came of it. */
  over: Promise<void>;
  callers: number;
  abandoned: AbortController;
}

/** Work of which one turn is under way at a time: whoever asks meanwhile shares it. */
export class SharedTurn<Result> {
  readonly #work: (signal: AbortSignal) => Promise<Result>;
  #turn: Turn<Result> | null = null;

  constructor(work: (signal: AbortSignal) => Promise<Result>) {
    this.#work = work;
  }

  /**
   * The result of the turn that is under way, or of a new one. Rejects with the signal's reason when this caller goes
   * away; the turn is given up when the last one did, and a later caller then gets a turn of its own.
   */
  async join(signal: AbortSignal): Promise<Result> {
    while (this.#turn?.abandoned.signal.aborted) await this.#turn.over;
    signal.throwIfAborted();
    const turn = (this.#turn ??= this.#begin());
    const gone = Promise.withResolvers<never>();
    const leave = () => {
      turn.callers -= 1;
      if (turn.callers === 0) turn.abandoned.abort(signal.reason);
      gone.reject(signal.reason);
    };
    turn.callers += 1;
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([turn.result, gone.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Resolves when no turn is under way. */
  async idle(): Promise<void> {
    while (this.#turn) await this.#turn.over;
  }

  #begin(): Turn<Result> {
    const abandoned = new AbortController();
    const result = this.#work(abandoned.signal);
    const end = () => {
      this.#turn = null;
    };
    return { result, over: result.then(end, end), callers: 0, abandoned };
  }
}
