import { Kysely, PostgresDialect } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";
import { sha256 } from "../../foundation/hash.ts";
import type { Durability, Store } from "./port.ts";
import { PostgresCommit } from "./postgres-commit.ts";
import { connect, loadDriver, type PostgresAddress, readingPool, WritingConnection } from "./postgres-connection.ts";
import { PostgresTypes } from "./postgres-dialect.ts";
import { WRITE_LIMITS, type WriteLimits } from "./write-queue.ts";

const READERS = 4;
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/;
/** A daemon that stands still in the middle of a write must not keep the team waiting: the server ends it. */
const IDLE_MS = 15_000;

/**
 * Opens a schema of a PostgreSQL database (13 or newer) as a store, and makes the schema where there is none. `full`
 * commits wait for the server's disk, `normal` ones do not (synchronous_commit). Rejects `store_unreachable`,
 * `unsupported` without the driver, `bad_config` for an address that is none.
 */
export async function openPostgresStore(
  address: PostgresAddress,
  durability: Durability,
  limits: Partial<WriteLimits> = {},
): Promise<Store<unknown>> {
  if (!SCHEMA.test(address.schema))
    throw new SpecloopError("bad_config", `"${address.schema}" cannot be the name of a schema.`, { target: "store" });
  const driver = await loadDriver();
  const { busyMs, workMs } = { ...WRITE_LIMITS, ...limits };
  const lock = lockOf(address.schema);
  await createSchema(await connect(driver, address, ""), address.schema, lock);
  const writing = new WritingConnection(
    driver,
    address,
    `SET lock_timeout = ${busyMs}; SET idle_in_transaction_session_timeout = ${IDLE_MS}; SET synchronous_commit = ${durability === "full" ? "on" : "off"}`,
  );
  await writing.open();
  const reading = readingPool(driver, address, "-c default_transaction_read_only=on", READERS);
  const plugins = [new PostgresTypes()];
  const writer = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: writing }), plugins });
  const read = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: reading }) });
  return new PostgresStore(read, writer, new PostgresCommit(writing, writer, { busyMs, workMs, lock }));
}

class PostgresStore<Tables> implements Store<Tables> {
  readonly read: Kysely<Tables>;
  readonly #writer: Kysely<Tables>;
  readonly #group: PostgresCommit<Tables>;

  constructor(read: Kysely<Tables>, writer: Kysely<Tables>, group: PostgresCommit<Tables>) {
    this.read = read;
    this.#writer = writer;
    this.#group = group;
  }

  write<T>(work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#group.write(work);
  }

  as<Other>(): Store<Other> {
    return this as unknown as Store<Other>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#group.close();
    await this.read.destroy();
    await this.#writer.destroy();
  }
}

/** One lock per schema, the same in every process: the first 63 bits of the name's hash. */
function lockOf(schema: string): string {
  return BigInt.asIntN(63, BigInt(`0x${sha256(`specloop/${schema}`).slice(0, 16)}`)).toString();
}

/** Behind the lock, because two daemons that make the same schema at once would disturb each other. */
async function createSchema(client: Awaited<ReturnType<typeof connect>>, schema: string, lock: string): Promise<void> {
  try {
    await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${lock}); CREATE SCHEMA IF NOT EXISTS "${schema}"; COMMIT`);
  } finally {
    await client.end();
  }
}
