import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPgBoss, type SharedJobs } from "../../../src/adapters/engine/index.ts";
import { openPostgresStore, type Store, storeAddress } from "../../../src/adapters/store/index.ts";
import { createLogger } from "../../../src/foundation/logger.ts";
import { postgresPrograms, startPostgres, type PostgresServer } from "../../helpers/postgres.ts";

const programs = postgresPrograms();
const DOOR = resolve(import.meta.dirname, "../../../src/adapters/engine/index.ts");
let server: PostgresServer;
let schemas = 0;

describe.skipIf(programs === null)("jobs on pg-boss", () => {
  beforeAll(async () => {
    server = await startPostgres(programs!);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("a job is there exactly if its transaction commits, and is handed to one holder", async () => {
    await using house = await opened();
    const { store, jobs, others } = house;
    const refused = store.write(async (tx) => {
      await jobs.put(tx, [{ queue: "any.a", body: { n: 0 } }]);
      throw new Error("no");
    });
    await expect(refused).rejects.toThrow("no");
    expect(await jobs.waiting()).toEqual([]);
    const bodies = [1, 2, 3].map((n) => ({ queue: "any.a", body: { n } }));
    await store.write((tx) => jobs.put(tx, [...bodies, { queue: "any.b", body: { n: 4 } }]));
    expect((await jobs.waiting()).toSorted()).toEqual(["any.a", "any.b"]);
    const [here, there] = await Promise.all([jobs.take("any.a", 2), others.take("any.a", 2)]);
    const taken = [...here, ...there].map(({ body }) => body);
    expect(taken.toSorted((x, y) => (x as { n: number }).n - (y as { n: number }).n)).toEqual(
      bodies.map(({ body }) => body),
    );
    for (const job of here) await jobs.done(job);
    for (const job of there) await others.done(job);
    expect(await jobs.waiting()).toEqual(["any.b"]);
  });

  test("what was given back comes again with its number of returns, and its first holder has lost it", async () => {
    await using house = await opened();
    const { store, jobs, others } = house;
    await store.write((tx) => jobs.put(tx, [{ queue: "any.a", body: { n: 1 } }]));
    const [first] = await jobs.take("any.a", 1);
    expect(await jobs.keep([first!])).toEqual([]);
    await jobs.giveBack(first!, "cannot be done here");
    expect(await jobs.keep([first!])).toEqual([first]);
    await expect.poll(() => others.waiting(), { timeout: 20_000 }).toEqual(["any.a"]);
    const [second] = await others.take("any.a", 1);
    expect(second).toMatchObject({ id: first!.id, returns: 1, body: { n: 1 } });
    // Late words of the first holder change nothing.
    await jobs.done(first!);
    expect(await others.keep([second!])).toEqual([]);
    await others.done(second!);
    expect(await others.keep([second!])).toEqual([second]);
  });
});

test("the package is missing", async () => {
  const hook = `import { registerHooks } from "node:module";
registerHooks({ resolve: (name, context, next) => {
  if (name === "pg-boss") throw Object.assign(new Error("no"), { code: "ERR_MODULE_NOT_FOUND" });
  return next(name, context);
} });`;
  const program = `import { openPgBoss } from ${JSON.stringify(DOOR)};
await openPgBoss({ address: { url: "postgres://x", schema: "s" } }).catch((error) => console.log(error.code, error.message, error.fix));`;
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--import",
    `data:text/javascript,${encodeURIComponent(hook)}`,
    "--input-type=module-typescript",
    "--eval",
    program,
  ]);
  expect(stdout).toContain("unsupported A team's store needs the package `pg-boss`");
  expect(stdout).toContain("npm install pg pg-boss");
});

async function opened(): Promise<AsyncDisposable & { store: Store<unknown>; jobs: SharedJobs; others: SharedJobs }> {
  const address = storeAddress(`${server.url}&schema=jobs_${++schemas}`);
  const logger = createLogger("silent", () => {});
  const stack = new AsyncDisposableStack();
  const store = stack.use(await openPostgresStore(address, "full"));
  const [jobs, others] = [
    stack.use(await openPgBoss({ address, read: store.read, logger })),
    stack.use(await openPgBoss({ address, read: store.read, logger })),
  ];
  for (const one of [jobs, others]) await one.start(["any.a", "any.b"]);
  return { store, jobs, others, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
