import { basename } from "node:path";
import { openPgBoss } from "../../../src/adapters/engine/index.ts";
import { DatabaseClock, listenOnPostgres, openPostgresStore, storeAddress } from "../../../src/adapters/store/index.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { SharedDispatcher } from "../../../src/workflow-engine/shared-dispatcher.ts";
import { StoreValues } from "../../../src/workflow-engine/run/store-values.ts";
import type { StoreKind } from "./house.ts";

interface Member {
  /** Its clone. */
  home?: string;
  drainMs?: number;
  /** Of the nodes that it takes; absent: all. */
  types?: string[];
  /** Whether it does what is tied to other clones. */
  standsIn?: boolean;
  /** How far the clock of its host is ahead, milliseconds. */
  ahead?: number;
}

/** Engines of a team on one PostgreSQL: a directory is a schema, so engines on the same directory share their runs. */
export function onPostgres(url: string, more: Member = {}): StoreKind {
  const addressOf = (directory: string) =>
    storeAddress(
      `${url}&schema=${basename(directory)
        .replaceAll(/[^a-z0-9]/gi, "_")
        .toLowerCase()}`,
    );
  return {
    name: "PostgreSQL",
    open: (directory) => openPostgresStore(addressOf(directory), "full"),
    share: async (directory, { store, logger, concurrency }) => {
      const address = addressOf(directory);
      const stack = new AsyncDisposableStack();
      const host = { ...systemClock, now: () => Date.now() + (more.ahead ?? 0) };
      const clock = stack.use(new DatabaseClock(store.read, host, logger));
      await clock.start();
      const notices = stack.use(await listenOnPostgres(address, logger));
      const jobs = stack.use(await openPgBoss({ address, read: store.read, logger }));
      const { home = null, drainMs = 0, types, standsIn = false } = more;
      const dispatcher = new SharedDispatcher({
        jobs,
        notices,
        clock,
        logger,
        home,
        drainMs,
        standsIn,
        limits: { total: () => concurrency, ofType: () => 1000 },
        takes: (type) => types?.includes(type) ?? true,
      });
      return { dispatcher, notices, clock, home, values: new StoreValues(store.as()), stack };
    },
  };
}
