import { basename } from "node:path";
import { openPgBoss } from "../../../src/adapters/engine/index.ts";
import { DatabaseClock, listenOnPostgres, openPostgresStore, storeAddress } from "../../../src/adapters/store/index.ts";
import { systemClock } from "../../../src/foundation/clock.ts";
import { SharedDispatcher } from "../../../src/workflow-engine/shared-dispatcher.ts";
import { StoreValues } from "../../../src/workflow-engine/run/store-values.ts";
import type { StoreKind } from "./house.ts";

/** Engines of a team on one PostgreSQL: a directory is a schema, so engines on the same directory share their runs. */
export function onPostgres(url: string, more: { home?: string; drainMs?: number; types?: string[] } = {}): StoreKind {
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
      const clock = stack.use(new DatabaseClock(store.read, systemClock, logger));
      await clock.start();
      const notices = stack.use(await listenOnPostgres(address, logger));
      const jobs = stack.use(await openPgBoss({ address, read: store.read, logger }));
      const { home = null, drainMs = 0, types } = more;
      const dispatcher = new SharedDispatcher({
        ...{ jobs, notices, clock, logger, home, drainMs, standsIn: false },
        limits: { total: () => concurrency, ofType: () => 1000 },
        takes: (type) => types?.includes(type) ?? true,
      });
      return { dispatcher, notices, clock, home, values: new StoreValues(store.as()), stack };
    },
  };
}
