import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { EventBus, EventName } from "../foundation/events.ts";
import type { HealthCheck } from "../foundation/health.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Service } from "../foundation/service.ts";
import type { AuditHead, AuditLog } from "./audit.ts";

/** Where the heads are kept: commits under a ref of the repository's git. */
export interface AnchorChain {
  /** Newest first. */
  links(limit?: number): Promise<{ commit: string; at: number; message: string }[]>;
  /** Throws `ref_moved` when the chain does not end at `expected`. */
  append(message: string, expected: string | null): Promise<string>;
}

export const AUDIT_REF = "refs/specloop/audit";
const EVERY_MS = 300_000;
/** Decisions of people are anchored at once. */
const DECISIONS: EventName[] = ["approval.decided", "agent.added", "agent.revoked"];
const MESSAGE = /^Specloop-Audit: (\d+) ([0-9a-f]{64})$/m;

interface Last extends AuditHead {
  commit: string;
  at: number;
}

/**
 * Keeps the head of the audit log in git, so that a log whose end was cut off, or which was written anew with fitting
 * hashes, does not fit any more. Every five minutes when it moved, after each decision of a person, and at the end.
 */
export class AuditAnchor implements Service {
  readonly name = "audit-anchor";
  readonly #audit: AuditLog;
  readonly #chain: AnchorChain;
  readonly #events: EventBus;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #listeners = new DisposableStack();
  #last: Last | null = null;
  #trouble: SpecloopError | null = null;
  #turn: Promise<void> = Promise.resolve();
  #background: Promise<void> = Promise.resolve();
  #started = false;

  constructor(parts: { audit: AuditLog; chain: AnchorChain; events: EventBus; clock: Clock; logger: Logger }) {
    this.#audit = parts.audit;
    this.#chain = parts.chain;
    this.#events = parts.events;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#last = (await this.#read(1))[0] ?? null;
    this.#started = true;
    for (const name of DECISIONS) this.#listeners.use(this.#events.on(name, () => void this.now()));
    this.#background = this.#everyNowAndThen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.dispose();
    this.#stop.abort();
    await this.#background;
    if (this.#started) await this.now();
  }

  /** The newest anchor that is known: what it holds, and since when, epoch milliseconds. */
  get last(): { seq: number; at: number; commit: string } | null {
    return this.#last && { seq: this.#last.seq, at: this.#last.at, commit: this.#last.commit };
  }

  /** Every head that was ever anchored, newest first, the one that this process wrote itself included. */
  async anchors(): Promise<AuditHead[]> {
    const kept = (await this.#read()).map(({ seq, hash }) => ({ seq, hash }));
    return this.#last ? [{ seq: this.#last.seq, hash: this.#last.hash }, ...kept] : kept;
  }

  /** Anchors what is committed now, unless it is anchored; a failure is logged and shown by `health`. */
  now(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#anchor()).catch((error: unknown) => this.#failed(error));
    return this.#turn;
  }

  health(): HealthCheck {
    return {
      name: "audit-anchor",
      summary: `The end of the audit log is kept in ${AUDIT_REF}.`,
      run: async () => {
        if (this.#trouble) {
          const fix = `\`specloop audit verify\` and \`git log ${AUDIT_REF}\` show what differs. If you deleted .specloop yourself: git update-ref -d ${AUDIT_REF}, then start again.`;
          return { status: "failing", message: this.#trouble.message, fix };
        }
        if (!this.#last) return { status: "ok", message: "nothing is anchored yet" };
        const minutes = Math.max(0, Math.round((this.#clock.now() - this.#last.at) / 60_000));
        return { status: "ok", message: `entry ${this.#last.seq} was anchored ${minutes} min ago` };
      },
    };
  }

  async #anchor(): Promise<void> {
    await this.#audit.settled();
    const head = await this.#audit.head();
    if (!head || head.seq === this.#last?.seq) return;
    // A log that no longer holds what was anchored must not get a new anchor that makes it look whole.
    const { ok, message } = await this.#fits();
    if (!ok) throw new SpecloopError("store_corrupt", `The audit log does not fit its anchor: ${message}`);
    const text = `specloop audit, entry ${head.seq}\n\nSpecloop-Audit: ${head.seq} ${head.hash}\n`;
    const commit = await this.#chain.append(text, this.#last?.commit ?? null);
    this.#last = { ...head, commit, at: this.#clock.now() };
    this.#trouble = null;
  }

  /** Whether the entry that was anchored last is still what it was; `verify` looks at all of them. */
  async #fits(): Promise<{ ok: boolean; message: string }> {
    if (!this.#last) return { ok: true, message: "" };
    const { seq, hash } = this.#last;
    const [row] = await this.#audit.page(seq - 1, 1);
    if (row?.seq === seq && row.hash === hash) return { ok: true, message: "" };
    return { ok: false, message: `entry ${seq} is ${row?.seq === seq ? "another one" : "missing"}.` };
  }

  async #read(limit?: number): Promise<Last[]> {
    return (await this.#chain.links(limit)).flatMap(({ commit, at, message }): Last[] => {
      const [, seq, hash] = MESSAGE.exec(message) ?? [];
      return seq === undefined || hash === undefined ? [] : [{ seq: Number(seq), hash, commit, at }];
    });
  }

  #failed(error: unknown): void {
    this.#trouble = error instanceof SpecloopError ? error : new SpecloopError("internal", String(error));
    this.#logger.error({ err: error }, "the audit log could not be anchored in git");
  }

  async #everyNowAndThen(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.now();
      await this.#clock.sleep(EVERY_MS, this.#stop.signal).catch(() => {});
    }
  }
}
