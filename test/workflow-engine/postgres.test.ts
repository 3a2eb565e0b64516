import { afterAll, beforeAll, describe } from "vitest";
import { postgresPrograms, startPostgres, type PostgresServer } from "../helpers/postgres.ts";
import { runContract } from "./engine/contract.ts";
import { onPostgres } from "./engine/postgres-house.ts";

const programs = postgresPrograms();
let server: PostgresServer;

describe.skipIf(programs === null)("a team's runs", () => {
  beforeAll(async () => {
    server = await startPostgres(programs!);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  runContract({
    name: "PostgreSQL",
    open: (directory) => onPostgres(server.url).open(directory),
    share: (directory, parts) => onPostgres(server.url).share!(directory, parts),
  });
});
