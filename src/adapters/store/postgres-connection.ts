import type { PostgresPool, PostgresPoolClient } from "kysely";
import type pg from "pg";
import { SpecloopError } from "../../foundation/errors.ts";
import { isLost, translatePostgres } from "./postgres-errors.ts";

/** Types that come as text because JavaScript's numbers might not hold them; ours do (times, counts, sums). */
const NUMBERS = new Set([20, 1700]);
const CONNECT_MS = 5000;

export interface PostgresAddress {
  url: string;
  /** Every table lives in this schema: `[a-z_][a-z0-9_]*`, at most 63 characters. */
  schema: string;
}

export type Driver = typeof pg;

const DEFAULT_SCHEMA = "specloop";

/** The schema is named in the address: `postgres://user@host/database?schema=name`. Throws `bad_config`. */
export function storeAddress(url: string): PostgresAddress {
  placeOf(url);
  const parsed = new URL(url);
  if (!/^postgres(?:ql)?:$/.test(parsed.protocol))
    throw new SpecloopError("bad_config", "The store's address does not begin with postgres://.", {
      target: "store.url",
    });
  const schema = parsed.searchParams.get("schema") ?? DEFAULT_SCHEMA;
  parsed.searchParams.delete("schema");
  return { url: parsed.href, schema };
}

/** The driver is installed by those who keep a team's store; throws `unsupported` where it is not. */
export async function loadDriver(): Promise<Driver> {
  try {
    return (await import("pg")).default;
  } catch (cause) {
    throw new SpecloopError("unsupported", "A store on PostgreSQL needs the package `pg`, which is not installed.", {
      fix: "Run `npm install pg pg-boss` where specloop is installed, then start again.",
      cause,
    });
  }
}

/** `host/database` of an address, for messages: never its user or password. */
function placeOf(url: string): string {
  try {
    const { hostname, pathname, searchParams } = new URL(url);
    return `${searchParams.get("host") ?? (hostname || "localhost")}${pathname}`;
  } catch {
    throw new SpecloopError("bad_config", "The store's address is no URL of the form postgres://user@host/database.", {
      target: "store",
    });
  }
}

/** One connection that stays: the only one that writes, so that a transaction's statements meet on it. */
export class WritingConnection implements PostgresPool {
  readonly options = {};
  readonly #driver: Driver;
  readonly #address: PostgresAddress;
  readonly #settings: string;
  #client: pg.Client | null = null;

  constructor(driver: Driver, address: PostgresAddress, settings: string) {
    this.#driver = driver;
    this.#address = address;
    this.#settings = settings;
  }

  /** Opens the connection where it is not open; rejects `store_unreachable`. */
  async open(): Promise<void> {
    if (this.#client) return;
    const client = await connect(this.#driver, this.#address, this.#settings);
    // Without a listener the loss of an idle connection would end the process.
    client.on("error", () => this.#drop(client));
    client.on("end", () => this.#drop(client));
    this.#client = client;
  }

  /** Several statements without parameters. */
  async exec(statements: string): Promise<void> {
    await this.#call((client) => client.query(statements));
  }

  async connect(): Promise<PostgresPoolClient> {
    return poolClient((statement, parameters) => this.#call((client) => client.query(statement, parameters)));
  }

  async end(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }

  /** Gives the connection up, because nobody knows what state it is in. */
  async reset(): Promise<void> {
    await this.end();
  }

  async #call<T>(query: (client: pg.Client) => Promise<T>): Promise<T> {
    const place = placeOf(this.#address.url);
    const client = this.#client;
    if (!client) throw new SpecloopError("store_unreachable", `The connection to ${place} is lost.`, { target: place });
    try {
      return await query(client);
    } catch (error) {
      if (isLost(error)) this.#drop(client);
      throw translatePostgres(error, place);
    }
  }

  #drop(client: pg.Client): void {
    if (this.#client === client) this.#client = null;
  }
}

/** A connection with our settings; rejects `store_unreachable` within five seconds. */
export async function connect(driver: Driver, { url, schema }: PostgresAddress, settings: string): Promise<pg.Client> {
  const place = placeOf(url);
  const client = new driver.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: "specloop",
    keepAlive: true,
    types: numbers(driver),
  });
  try {
    await client.connect();
    await client.query(`SET search_path TO "${schema}"; ${settings}`);
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw translatePostgres(error, place);
  }
}

/** A pool whose connections can only read. */
export function readingPool(driver: Driver, address: PostgresAddress, settings: string, max: number): PostgresPool {
  const place = placeOf(address.url);
  const pool = new driver.Pool({
    connectionString: address.url,
    connectionTimeoutMillis: CONNECT_MS,
    application_name: "specloop",
    options: `-c search_path=${address.schema} ${settings}`,
    max,
    types: numbers(driver),
  });
  pool.on("error", () => {});
  return {
    options: {},
    connect: async () => {
      let client = await reach(pool, place);
      const query = async (statement: string, parameters: unknown[]) => {
        try {
          return await client.query(statement, parameters);
        } catch (error) {
          if (!isLost(error)) throw translatePostgres(error, place);
        }
        // A connection that was lost while it lay in the pool; to read again does no harm.
        client.release(true);
        client = await reach(pool, place);
        return client.query(statement, parameters).catch((error: unknown) => {
          throw translatePostgres(error, place);
        });
      };
      return poolClient(query, () => client.release());
    },
    end: () => pool.end(),
  };
}

function reach(pool: pg.Pool, place: string): Promise<pg.PoolClient> {
  return pool.connect().catch((error: unknown) => {
    throw translatePostgres(error, place);
  });
}

/** Kysely asks with text and parameters only: cursors, the other way of the driver, are not used. */
function poolClient(
  query: (statement: string, parameters: unknown[]) => Promise<unknown>,
  release: () => void = () => {},
): PostgresPoolClient {
  return { query, release } as unknown as PostgresPoolClient;
}

function numbers({ types }: Driver): pg.CustomTypesConfig {
  // The driver names its types by an enum; what arrives are plain numbers.
  const usual: (oid: number, format: "text" | "binary") => unknown = types.getTypeParser as never;
  const parser = (oid: number, format: "text" | "binary" = "text") =>
    NUMBERS.has(oid) && format === "text" ? Number : usual(oid, format);
  return { getTypeParser: parser as never };
}
