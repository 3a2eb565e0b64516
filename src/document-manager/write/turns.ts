import { SpecloopError } from "../../foundation/errors.ts";

interface Waiting<Request, Result> {
  request: Request;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/** Outcomes of requests that were done together, in their order. */
export type Together<Request, Result> = (requests: Request[]) => Promise<PromiseSettledResult<Result>[]>;

/**
 * One turn after the other: two commits at once would only contend for git's lock. Requests that wait next to each other
 * are done in one turn, together; any other work has a turn of its own. Nothing is overtaken.
 */
export class Turns<Request, Result> {
  readonly #together: Together<Request, Result>;
  #last: Promise<unknown> = Promise.resolve();
  /** Requests of the last turn that has not begun; null when that is other work. */
  #open: Waiting<Request, Result>[] | null = null;
  #ended = false;

  constructor(together: Together<Request, Result>) {
    this.#together = together;
  }

  request(request: Request): Promise<Result> {
    if (this.#ended) return Promise.reject(stopping());
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const waiting = { request, resolve, reject };
    if (this.#open) this.#open.push(waiting);
    else this.#begin([waiting]);
    return promise;
  }

  alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#ended) return Promise.reject(stopping());
    this.#open = null;
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Takes nothing more; resolves when everything that was taken is done. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#last;
  }

  #begin(group: Waiting<Request, Result>[]): void {
    this.#open = group;
    this.#last = this.#last.then(() => {
      if (this.#open === group) this.#open = null;
      return this.#run(group);
    });
  }

  async #run(group: Waiting<Request, Result>[]): Promise<void> {
    try {
      const outcomes = await this.#together(group.map(({ request }) => request));
      for (const [index, { resolve, reject }] of group.entries()) {
        const outcome = outcomes[index];
        if (outcome?.status === "fulfilled") resolve(outcome.value);
        else reject(outcome?.reason);
      }
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
}

function stopping(): SpecloopError {
  return new SpecloopError("daemon_stopping", "The daemon is stopping.");
}
