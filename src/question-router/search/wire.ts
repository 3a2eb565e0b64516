import type { Worker } from "node:worker_threads";
import { type ErrorCode, ERRORS, SpecloopError } from "../../foundation/errors.ts";
import type { Job, SearchQuery, SearchSettings, ToThread } from "./port.ts";

export interface SearchThreadOptions {
  /** The thread ends after so long without a job, milliseconds, and starts again when needed. */
  idleMs: number;
  /** Memory of the thread, for objects. */
  maxHeapMb: number;
}

/** A job that is not done yet. */
export interface Pending {
  make(): Job;
  /** It puts documents in, so that it may be done on an index that lost everything. */
  changes: boolean;
  attempts: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

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
