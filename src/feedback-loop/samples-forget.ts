import type { Store } from "../adapters/store/index.ts";
import { DAY_MS } from "./samples-rollup.ts";
import type { LoopOptions } from "./options.ts";
import type { SampleTables } from "./tables.ts";

/** Rows deleted in one transaction: between two of them others may write. */
const AT_ONCE = 5000;

export type Retention = Pick<LoopOptions, "keepDays" | "keepHourlyDays" | "keepDailyDays">;

/**
 * Deletes what is older than its level is kept: samples, sums of hours, sums of days, facts of questions. Each is found by
 * an index on its time, so looking costs nothing where nothing is old. Points of control charts stay.
 */
export async function forgetOld(store: Store<SampleTables>, now: number, retention: Retention): Promise<void> {
  const oldest = (days: number) => now - days * DAY_MS;
  const { keepDays, keepHourlyDays, keepDailyDays } = retention;
  await forgetSamples(store, oldest(keepDays));
  await forgetRollups(store, "hour", oldest(keepHourlyDays));
  await forgetRollups(store, "day", oldest(keepDailyDays));
  await store.write((tx) => tx.deleteFrom("loop_questions").where("at", "<", oldest(keepDays)).execute());
}

async function forgetSamples(store: Store<SampleTables>, before: number): Promise<void> {
  for (;;) {
    const old = store.read.selectFrom("samples").select("id").where("at", "<", before).orderBy("at").limit(AT_ONCE);
    const ids = (await old.execute()).map(({ id }) => id);
    if (ids.length === 0) return;
    await store.write((tx) => tx.deleteFrom("samples").where("id", "in", ids).execute());
  }
}

async function forgetRollups(store: Store<SampleTables>, level: "hour" | "day", before: number): Promise<void> {
  await store.write((tx) =>
    tx.deleteFrom("metric_rollups").where("level", "=", level).where("start", "<", before).execute(),
  );
}
