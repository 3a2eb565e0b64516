import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { migrations, type AccessTables } from "../../src/access/index.ts";
import { migrate, openSqliteStore, type Store } from "../../src/adapters/store/index.ts";
import { systemClock, type Clock } from "../../src/foundation/clock.ts";

export function temporary() {
  return mkdtempDisposableSync(join(tmpdir(), "specloop-access-"));
}

/** A clock whose wall time is moved by hand. */
export function movedClock(start: number): Clock & { move(ms: number): void } {
  let now = start;
  return { ...systemClock, now: () => now, move: (ms) => void (now += ms) };
}

export interface AccessFixture extends AsyncDisposable {
  /** Where the database lies. */
  folder: string;
  store: Store<AccessTables>;
  /** Closes the database and opens it again, as a restart does. */
  restart(): Promise<Store<AccessTables>>;
  /** Changes the file behind the store's back, with the triggers out of the way. */
  tamper(sql: string): void;
}

export async function accessStore(): Promise<AccessFixture> {
  const folder = temporary();
  const path = join(folder.path, "core.db");
  const open = async () => {
    const store = openSqliteStore(path, "full");
    await migrate(store, [migrations], 1);
    return store.as<AccessTables>();
  };
  const fixture: AccessFixture = {
    folder: folder.path,
    store: await open(),
    restart: async () => {
      await fixture.store[Symbol.asyncDispose]();
      fixture.store = await open();
      return fixture.store;
    },
    tamper: (sql) => {
      const database = new DatabaseSync(path);
      const triggers = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all();
      for (const { name } of triggers) database.exec(`DROP TRIGGER ${String(name)}`);
      database.exec(sql);
      for (const trigger of triggers) database.exec(String(trigger["sql"]));
      database.close();
    },
    [Symbol.asyncDispose]: async () => {
      await fixture.store[Symbol.asyncDispose]();
      folder.remove();
    },
  };
  return fixture;
}
