import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { SpecloopError } from "../../foundation/errors.ts";
import type { VerdictIssue } from "./port.ts";

export interface ThreadRequest {
  id: number;
  /** Folder that holds `openspec/`. */
  project: string;
  change: string;
}

export type ThreadAnswer =
  | { kind: "ready" }
  | { kind: "unusable"; reason: string }
  | { kind: "verdict"; id: number; issues: VerdictIssue[]; ms: number }
  | { kind: "failed"; id: number; reason: string };

interface Waiting {
  resolve(result: { issues: VerdictIssue[]; ms: number }): void;
  reject(error: unknown): void;
}

/** Longest that loading and its self-test may take. */
const START_MS = 20_000;

/** A thread with one OpenSpec loaded. It ends by itself after `idleMs` without a question. */
export class VerdictThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #idleMs: number;
  /** Resolves when the thread has ended and what its self-test wrote is gone. */
  readonly #gone: Promise<void>;
  #idle: NodeJS.Timeout | undefined;
  #next = 0;
  #ended = false;

  constructor(directory: string, env: NodeJS.ProcessEnv, idleMs: number) {
    const source = new URL("./verdict-worker.ts", import.meta.url);
    // Compiled code lies in .js files, and `new URL` is not rewritten by the compiler.
    const file = import.meta.url.endsWith(".ts") ? source : new URL(source.href.replace(/\.ts$/, ".js"));
    // A thread that is ended in its self-test cannot clear up after itself.
    const scratch = join(tmpdir(), `specloop-verdict-${randomUUID()}`);
    const options = { workerData: { directory, scratch }, env, execArgv: [], stdout: true, stderr: true };
    this.#worker = new Worker(file, options);
    this.#idleMs = idleMs;
    this.#worker.stdout.resume();
    this.#worker.stderr.resume();
    this.#worker.on("message", (answer: ThreadAnswer) => this.#take(answer));
    this.#worker.on("error", (error) => this.#end(error));
    this.#gone = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        this.#end(new Error("the thread ended"));
        void rm(scratch, { recursive: true, force: true }).then(resolve, () => resolve());
      });
    });
    this.#ready.promise.catch(() => undefined);
    this.#idle = setTimeout(() => this.#end(new Error("loading took too long")), START_MS);
  }

  /** Whether it ended and has to be replaced. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Rejects when the package cannot be loaded or does not judge as it should. */
  async ready(): Promise<void> {
    await this.#ready.promise;
  }

  /** OpenSpec's issues with a change; aborting ends the thread, for a running check cannot be stopped otherwise. */
  async ask(project: string, change: string, signal: AbortSignal): Promise<{ issues: VerdictIssue[]; ms: number }> {
    await this.ready();
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<{ issues: VerdictIssue[]; ms: number }>();
    const id = (this.#next += 1);
    this.#waiting.set(id, { resolve, reject });
    clearTimeout(this.#idle);
    this.#worker.ref();
    const abort = () => this.#end(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
    this.#worker.postMessage({ id, project, change } satisfies ThreadRequest);
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", abort);
      if (this.#waiting.size === 0) this.#rest();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new SpecloopError("cancelled", "The check was stopped."));
    await this.#worker.terminate();
    await this.#gone;
  }

  #take(answer: ThreadAnswer): void {
    if (answer.kind === "ready") return this.#begin();
    if (answer.kind === "unusable") return this.#end(new Error(answer.reason));
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.kind === "verdict") waiting?.resolve({ issues: answer.issues, ms: answer.ms });
    else waiting?.reject(new Error(answer.reason));
  }

  #begin(): void {
    this.#ready.resolve();
    this.#rest();
  }

  #rest(): void {
    this.#worker.unref();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#end(new Error("the thread was idle")), this.#idleMs).unref();
  }

  #end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#idle);
    this.#ready.reject(reason);
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
    void this.#worker.terminate();
  }
}
