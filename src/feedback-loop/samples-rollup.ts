import type { Kysely } from "kysely";
import { Sketch } from "./sketch.ts";
import type { RollupRow, SampleTables } from "./tables.ts";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** What is known of many samples together: of one metric and label set, from `start` for an hour or a day. */
export interface Rollup {
  metric: string;
  /** JSON object of the label set, empty for none. */
  labels: string;
  /** Epoch milliseconds, a full hour or a full day (UTC). */
  start: number;
  count: number;
  sum: number;
  squares: number;
  min: number;
  max: number;
  sketch: Sketch;
}

/** Sums of the hours that were not written yet. Its size is bounded by the label sets, not by the samples. */
export class OpenHours {
  #open = new Map<string, Rollup>();

  add(metric: string, labels: string, { value, at }: { value: number; at: number }): void {
    const start = at - (at % HOUR_MS);
    const key = `${metric} ${start} ${labels}`;
    let hour = this.#open.get(key);
    if (!hour) this.#open.set(key, (hour = emptyRollup({ metric, labels, start })));
    addValue(hour, value);
  }

  /** Hands over what is there and begins anew. */
  take(): Rollup[] {
    const taken = [...this.#open.values()];
    this.#open = new Map();
    return taken;
  }

  /** What could not be written counts on. */
  putBack(rollups: Rollup[]): void {
    for (const rollup of rollups) {
      const key = `${rollup.metric} ${rollup.start} ${rollup.labels}`;
      const since = this.#open.get(key);
      this.#open.set(key, since ? merged(rollup, since) : rollup);
    }
  }
}

export function emptyRollup(place: Pick<Rollup, "metric" | "labels" | "start">): Rollup {
  return { ...place, count: 0, sum: 0, squares: 0, min: Infinity, max: -Infinity, sketch: new Sketch() };
}

function addValue(rollup: Rollup, value: number): void {
  rollup.count += 1;
  rollup.sum += value;
  rollup.squares += value * value;
  if (value < rollup.min) rollup.min = value;
  if (value > rollup.max) rollup.max = value;
  rollup.sketch.add(value);
}

/** Both together, at the place of the first; neither is changed. */
function merged(one: Rollup, other: Rollup): Rollup {
  const both = { ...one, sketch: new Sketch() };
  both.sketch.merge(one.sketch);
  mergeInto(both, other);
  return both;
}

/** Adds `other` to `rollup`. */
export function mergeInto(rollup: Rollup, other: Rollup): void {
  rollup.count += other.count;
  rollup.sum += other.sum;
  rollup.squares += other.squares;
  rollup.min = Math.min(rollup.min, other.min);
  rollup.max = Math.max(rollup.max, other.max);
  rollup.sketch.merge(other.sketch);
}

/** Adds hours to the stored hours and days, in the transaction of their samples. May run twice: it changes nothing else. */
export async function addHours(tx: Kysely<SampleTables>, hours: Rollup[]): Promise<void> {
  const days = new Map<string, Rollup>();
  for (const hour of hours) {
    const start = hour.start - (hour.start % DAY_MS);
    const key = `${hour.metric} ${start} ${hour.labels}`;
    const day = days.get(key) ?? emptyRollup({ ...hour, start });
    mergeInto(day, hour);
    days.set(key, day);
  }
  for (const hour of hours) await addOne(tx, "hour", hour);
  for (const day of days.values()) await addOne(tx, "day", day);
}

async function addOne(tx: Kysely<SampleTables>, level: RollupRow["level"], rollup: Rollup): Promise<void> {
  const { metric, labels, start } = rollup;
  const stored = await tx
    .selectFrom("metric_rollups")
    .selectAll()
    .where("level", "=", level)
    .where("metric", "=", metric)
    .where("start", "=", start)
    .where("labels", "=", labels)
    .executeTakeFirst();
  const { sketch, ...sums } = stored ? merged(fromRow(stored), rollup) : rollup;
  const row = { level, ...sums, sketch: sketch.toText() };
  await tx
    .insertInto("metric_rollups")
    .values(row)
    .onConflict((conflict) => conflict.columns(["level", "metric", "start", "labels"]).doUpdateSet(row))
    .execute();
}

export function fromRow({ sketch, ...row }: RollupRow): Rollup {
  const { metric, labels, start, count, sum, squares, min, max } = row;
  return { metric, labels, start, count, sum, squares, min, max, sketch: Sketch.fromText(sketch) };
}
