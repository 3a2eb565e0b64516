import type { Notices } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Logger } from "../../foundation/logger.ts";

export interface TeamParts {
  notices: Notices;
  clock: Clock;
  logger: Logger;
  /** Another process changed this run. */
  heard: (runId: string) => void;
  /** Now and then, and after something may have been missed: look at the rows, which are the truth. */
  look: () => Promise<void>;
  /** The same, seldom: for what only a crash between two commits leaves behind. */
  mend: () => Promise<void>;
}

const TOPIC = "run";
/** Runs that change within so long are told of together. */
const GATHER_MS = 10;
/** In one notice: names are shorter than 32 characters, and a notice holds 7,000. */
const MOST = 200;
const LOOK_MS = 5000;
/** Every sixth look. */
const MEND = 6;

/** What a process tells the others of its team about runs, and hears from them. Notices are hints and may be lost. */
export class Team {
  readonly #parts: TeamParts;
  readonly #changed = new Set<string>();
  readonly #stop = new AbortController();
  readonly #heard = new DisposableStack();
  #loop: Promise<void> = Promise.resolve();

  constructor(parts: TeamParts) {
    this.#parts = parts;
  }

  start(): void {
    const { notices, heard } = this.#parts;
    this.#heard.use(notices.on(TOPIC, (ids) => ids.split(",").forEach((runId) => heard(runId))));
    this.#heard.use(notices.onGap(() => void this.#try(() => this.#parts.look())));
    this.#loop = this.#lookAgain();
  }

  tell(runId: string): void {
    this.#changed.add(runId);
    if (this.#changed.size > 1) return;
    void this.#parts.clock.sleep(GATHER_MS, this.#stop.signal).then(
      () => this.#post(),
      () => this.#post(),
    );
  }

  async stop(): Promise<void> {
    this.#heard.dispose();
    this.#stop.abort();
    await this.#loop;
  }

  #post(): void {
    const ids = [...this.#changed];
    this.#changed.clear();
    for (let from = 0; from < ids.length; from += MOST)
      this.#parts.notices.post(TOPIC, ids.slice(from, from + MOST).join(","));
  }

  async #lookAgain(): Promise<void> {
    const { clock } = this.#parts;
    for (let turn = 0; !this.#stop.signal.aborted; turn++) {
      await this.#try(() => this.#parts.look());
      if (turn % MEND === 0) await this.#try(() => this.#parts.mend());
      await clock.sleep(LOOK_MS, this.#stop.signal).catch(() => {});
    }
  }

  async #try(work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => {
      if (!this.#stop.signal.aborted)
        this.#parts.logger.warn({ err: error }, "the team's runs cannot be looked at and are again later");
    });
  }
}
