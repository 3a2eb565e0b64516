import { rm, writeFile } from "node:fs/promises";
import { basename, join, sep } from "node:path";
import type { Clock } from "../../foundation/clock.ts";
import type { Logger } from "../../foundation/logger.ts";
import { COOKIE, isGitPlace } from "./git-places.ts";
import { Pending } from "./pending.ts";
import type { Watcher, WatchRequest } from "./port.ts";
import { findHolder } from "./quiet.ts";
import { Hints, type Moved } from "./hints.ts";
import { isTransient } from "./transient.ts";

export interface WatcherParts {
  clock: Clock;
  logger: Logger;
}

/** A batch goes on at most this long while events keep coming. */
const MAX_WAIT_MS = 1000;
/** How much longer is waited after a folder has gone. */
const MOVE_MS = 250;
/** A held lock of git or of an archive delays a batch at most this long. */
const MAX_HELD_MS = 10_000;
/** When the own cookie is not seen in this time, events get lost, and everything is looked at. */
const COOKIE_MS = 3000;
/** How often everything is looked at when the system cannot watch all of it. */
const DEGRADED_MS = 5000;

/** Watches planning roots and branches; nothing is opened before `start`. */
export function createWatcher(request: WatchRequest, parts: WatcherParts): Watcher {
  return new SettlingWatcher(request, parts);
}

class SettlingWatcher implements Watcher {
  readonly #request: WatchRequest;
  readonly #parts: WatcherParts;
  readonly #pending = new Pending();
  readonly #stop = new AbortController();
  readonly #cookies = new Map<string, () => void>();
  readonly #reported = new Set<string>();
  #hints: Hints | null = null;
  #pump: Promise<void> | null = null;
  #reconcile: Promise<void> | null = null;
  #degraded = false;
  #cookieNumber = 0;
  /** A lock that was held for too long: it is not waited for again until it was gone once. */
  #abandoned: string | null = null;

  constructor(request: WatchRequest, parts: WatcherParts) {
    this.#request = request;
    this.#parts = parts;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { directories, gitDirectories } = this.#request;
    const hints = this.#makeHints();
    this.#hints = hints;
    try {
      await hints.start([...new Set([...directories, ...gitDirectories])], signal);
      signal.throwIfAborted();
    } catch (error) {
      await hints.close();
      throw error;
    }
    this.#reconcile = this.#lookAgain();
  }

  async settled(): Promise<void> {
    if (this.#hints && !this.#stop.signal.aborted) await this.#seeCookie();
    while (this.#pump) await this.#pump;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new DOMException("The watcher was closed.", "AbortError"));
    await this.#hints?.close();
    for (const seen of this.#cookies.values()) seen();
    await Promise.all([this.#pump, this.#reconcile]);
  }

  #timing(): { settleMs: number; reconcileMs: number } {
    return this.#request.timing?.() ?? { settleMs: 100, reconcileMs: 60_000 };
  }

  #makeHints(): Hints {
    const isPolling = (process.env["CHOKIDAR_USEPOLLING"] ?? "") !== "";
    const parts = {
      isIgnored: (path: string) => this.#isIgnored(path),
      onMoved: (moved: Moved, path: string) => this.#notice(moved, path),
      onError: (error: unknown) => this.#fail(error),
    };
    return new Hints(parts, { isPolling });
  }

  #isIgnored(path: string): boolean {
    const directory = this.#gitDirectoryOf(path);
    if (directory !== undefined) return !isGitPlace(directory, path);
    return isTransient(basename(path));
  }

  /** The innermost one: a worktree's own git directory lies inside the common one. */
  #gitDirectoryOf(path: string): string | undefined {
    const fitting = this.#request.gitDirectories.filter((top) => path === top || path.startsWith(top + sep));
    return fitting.sort((a, b) => b.length - a.length)[0];
  }

  #notice(moved: Moved, path: string): void {
    const now = this.#parts.clock.monotonic();
    const name = basename(path);
    // A folder that goes has often moved, and on a busy machine its new place is read and reported a while later.
    const grace = moved === "gone directory" ? MOVE_MS : 0;
    if (this.#gitDirectoryOf(path) === undefined) this.#pending.add(path, now, grace);
    else if (name.startsWith(COOKIE)) return moved === "file" ? this.#cookies.get(name)?.() : undefined;
    else if (moved === "directory" || moved === "gone directory") return;
    else this.#pending.refs(now);
    this.#run();
  }

  #run(): void {
    if (this.#stop.signal.aborted) return;
    this.#pump ??= this.#handOver().finally(() => {
      this.#pump = null;
      if (!this.#pending.isEmpty) this.#run();
    });
  }

  async #handOver(): Promise<void> {
    try {
      while (!this.#pending.isEmpty) {
        await this.#rest();
        const batch = this.#pending.take(this.#parts.clock.monotonic());
        await this.#request.onBatch(batch);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#request.onError(asError(error));
    }
  }

  /** Returns when nothing has moved for a while and nobody is in the middle of something, within bounds. */
  async #rest(): Promise<void> {
    const { clock } = this.#parts;
    const { settleMs } = this.#timing();
    let heldFrom: number | null = null;
    let heldUntil = 0;
    for (;;) {
      const { first, last } = this.#pending.times;
      const now = clock.monotonic();
      // What was done under a lock may be reported after its end, so that is waited for as after an event.
      const until = Math.min(Math.max(last, heldUntil) + settleMs, Math.max(first, heldUntil) + MAX_WAIT_MS);
      if (until > now) {
        await clock.sleep(until - now, this.#stop.signal);
        continue;
      }
      const holder = await findHolder(this.#request.directories, this.#request.gitDirectories);
      if (!holder) this.#abandoned = null;
      if (!holder || holder.path === this.#abandoned) return;
      if (holder.kind === "git") this.#pending.everything(last);
      heldFrom ??= now;
      heldUntil = now;
      if (now - heldFrom > MAX_HELD_MS) return this.#goOnInSpiteOf(holder.path);
    }
  }

  #goOnInSpiteOf(lock: string): void {
    this.#abandoned = lock;
    const seconds = MAX_HELD_MS / 1000;
    const message = `${lock} has been held for more than ${seconds} s. If nobody is at work, remove it.`;
    this.#request.onError(new Error(message));
  }

  async #lookAgain(): Promise<void> {
    const { clock } = this.#parts;
    try {
      for (;;) {
        const { reconcileMs } = this.#timing();
        await clock.sleep(this.#degraded ? Math.min(DEGRADED_MS, reconcileMs) : reconcileMs, this.#stop.signal);
        this.#pending.everything(clock.monotonic());
        this.#run();
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#request.onError(asError(error));
    }
  }

  /**
   * Writes a file of ours into a git directory, where it disturbs nobody, and waits until it is reported: what was saved
   * before has been reported then, too.
   */
  async #seeCookie(): Promise<void> {
    const directory = this.#request.gitDirectories[0];
    const name = `${COOKIE}${process.pid}-${(this.#cookieNumber += 1)}`;
    const seen = Promise.withResolvers<void>();
    this.#cookies.set(name, seen.resolve);
    const patience = new AbortController();
    const late = this.#parts.clock.sleep(COOKIE_MS, AbortSignal.any([patience.signal, this.#stop.signal])).then(
      () => this.#pending.everything(this.#parts.clock.monotonic()),
      () => undefined,
    );
    try {
      if (directory !== undefined) await writeFile(join(directory, name), "settled?\n");
      await Promise.race([seen.promise, late]);
      await this.#hints?.idle();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#parts.logger.debug({ err: error }, "no cookie could be written");
      this.#pending.everything(this.#parts.clock.monotonic());
    } finally {
      patience.abort();
      this.#cookies.delete(name);
      if (directory !== undefined) await rm(join(directory, name), { force: true }).catch(() => undefined);
    }
    this.#run();
  }

  #fail(thrown: unknown): void {
    const error = asError(thrown);
    const code = "code" in error ? String(error.code) : error.message;
    this.#degraded = true;
    this.#pending.everything(this.#parts.clock.monotonic());
    this.#run();
    this.#report(code, new Error(adviceFor(code, error), { cause: error }));
  }

  /** The same trouble comes once per folder; it is told once. */
  #report(key: string, error: Error): void {
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#request.onError(error);
  }
}

function adviceFor(code: string, error: Error): string {
  const meanwhile = `Until then everything is looked at every ${DEGRADED_MS / 1000} s.`;
  if (code === "ENOSPC") {
    return `The system's limit of watches is reached; raise fs.inotify.max_user_watches (sysctl). ${meanwhile}`;
  }
  if (code === "EMFILE") return `The limit of open files is reached; raise it with ulimit -n. ${meanwhile}`;
  return `Watching is incomplete: ${error.message}. ${meanwhile}`;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
