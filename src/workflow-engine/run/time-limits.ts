import type { Clock } from "../../foundation/clock.ts";
import { Alarm } from "./alarm.ts";
import type { RunRecord } from "./state.ts";

/** Rings for each run whose time is limited when, going on as it does, its time is over. */
export class TimeLimits {
  readonly #clock: Clock;
  readonly #ring: (runId: string) => void;
  readonly #alarms = new Map<string, Alarm>();

  constructor(clock: Clock, ring: (runId: string) => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  watch({ id, budget, activeMs, activeSince }: RunRecord): void {
    if (budget.ms === null || activeSince === null) {
      this.#alarms.get(id)?.clear();
      this.#alarms.delete(id);
      return;
    }
    const alarm = this.#alarms.get(id) ?? new Alarm(this.#clock, () => this.#ring(id));
    this.#alarms.set(id, alarm);
    alarm.setFor(activeSince + Math.max(0, budget.ms - activeMs));
  }

  clear(): void {
    for (const alarm of this.#alarms.values()) alarm.clear();
    this.#alarms.clear();
  }
}
