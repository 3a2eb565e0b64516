import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { listenOnPostgres } from "../../../src/adapters/store/index.ts";
import { silentLogger as logger } from "../../../src/foundation/logger.ts";
import { postgresPrograms, startPostgres, type PostgresServer } from "../../helpers/postgres.ts";

const programs = postgresPrograms();
let server: PostgresServer;

describe.skipIf(programs === null)("notices between daemons on PostgreSQL", () => {
  beforeAll(async () => {
    server = await startPostgres(programs!);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("the others hear what one posts, on its topic and schema only", async () => {
    const open = (schema: string) => listenOnPostgres({ url: server.url, schema }, logger);
    await using one = await open("team");
    await using two = await open("team");
    await using stranger = await open("others");
    const heard: string[] = [];
    for (const [name, notices] of Object.entries({ one, two, stranger }))
      notices.on("question", (id) => heard.push(`${name} ${id}`));
    one.post("run", "r-1");
    one.post("question", "q-1");
    await vi.waitFor(() => expect(heard).toEqual(["two q-1"]));
  });

  test("after a crash of the server it listens again and says that it missed something", async () => {
    await using one = await listenOnPostgres({ url: server.url, schema: "team" }, logger);
    await using two = await listenOnPostgres({ url: server.url, schema: "team" }, logger);
    const gaps: string[] = [];
    const heard: string[] = [];
    one.onGap(() => gaps.push("one"));
    two.onGap(() => gaps.push("two"));
    two.on("question", (id) => heard.push(id));
    await server.crash();
    await vi.waitFor(() => expect(gaps.toSorted()).toEqual(["one", "two"]), 10_000);
    one.post("question", "q-2");
    await vi.waitFor(() => expect(heard).toEqual(["q-2"]));
  });
});
