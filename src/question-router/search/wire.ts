import type { Worker } from "node:worker_threads";
import { type ErrorCode, ERRORS, SpecloopError } from "../../foundation/errors.ts";
import type { SearchQuery, SearchSettings, ToThread } from "./port.ts";

/** Without what is of no use to a search: options are sent with every question. */
export function relevant({ documents, embeddings }: SearchSettings): SearchSettings {
  return { documents: { ...documents, globs: [], exclude: [] }, embeddings };
}

export function mayReadAll({ mayRead }: SearchQuery, places: { path: string }[]): boolean {
  return !mayRead || places.every(({ path }) => mayRead(path));
}

function isErrorCode(code: string): code is ErrorCode {
  return code in ERRORS;
}

export function post(worker: Worker, message: ToThread): void {
  worker.postMessage(message, []);
}

/** An error that came from the thread, where only its text and code come through. */
export function asError({ code, message }: { code: string | null; message: string }, target: string): SpecloopError {
  return code !== null && isErrorCode(code)
    ? new SpecloopError(code, message, { target })
    : new SpecloopError("internal", `The search failed: ${message}`, { target });
}
