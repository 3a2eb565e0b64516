import type { Kysely } from "kysely";
import { insertSealed, type Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";

export interface IdempotencyTables {
  idempotency: {
    scope: string;
    key: string;
    input_hash: string;
    /** JSON. */
    result: string;
    expires_at: number;
    row_hash: string;
  };
}

/** How long a key is remembered. */
const LIFETIME_MS = 7 * 24 * 3_600_000;
const MAX_KEY = 200;

/**
 * Writes the result in the caller's own transaction, so that effect and record are committed together; without it the
 * record is a second transaction after the work, and a crash between the two lets a repeated call do the work again.
 */
export type RecordResult<T> = (tx: Kysely<never>, result: T) => Promise<void>;

interface Flight {
  inputHash: string;
  result: Promise<unknown>;
}

/** Makes an accepting call safe to repeat: the same key gives the same result, also after a restart, for seven days. */
export class Idempotency {
  readonly #store: Store<IdempotencyTables>;
  readonly #clock: Clock;
  readonly #flights = new Map<string, Flight>();

  constructor({ store, clock }: { store: Store<IdempotencyTables>; clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Runs `work` once per key of a scope (`question_ask/agent:claude-code`) and gives later calls with the same input
   * the recorded result (as it comes out of JSON). Without a key it just runs. Work that fails is not recorded and may
   * be tried again. `inputHash` is `sha256(canonicalJson(input))`. Throws `key_reused` when the key came with another
   * input, `bad_input` for an empty or overlong key.
   */
  async run<T>(
    scope: string,
    key: string | undefined,
    inputHash: string,
    work: (record: RecordResult<T>) => Promise<T>,
  ): Promise<T> {
    if (key === undefined) return work(async () => {});
    if (key === "" || key.length > MAX_KEY) {
      throw new SpecloopError("bad_input", `An idempotency key has 1 to ${MAX_KEY} characters.`, {
        target: "idempotencyKey",
      });
    }
    const name = JSON.stringify([scope, key]);
    const flight = this.#flights.get(name);
    if (flight) {
      requireSame(flight.inputHash, inputHash, key);
      return flight.result as Promise<T>;
    }
    const result = this.#once({ scope, key, inputHash }, work);
    this.#flights.set(name, { inputHash, result });
    try {
      return await result;
    } finally {
      this.#flights.delete(name);
    }
  }

  async #once<T>(call: Call, work: (record: RecordResult<T>) => Promise<T>): Promise<T> {
    const known = await this.#recorded(call);
    if (known) return known.result as T;
    let recorded = false;
    const record: RecordResult<T> = async (tx, result) => {
      await this.#insert(tx as unknown as Kysely<IdempotencyTables>, call, result);
      recorded = true;
    };
    try {
      const result = await work(record);
      if (!recorded) await this.#store.write((tx) => this.#insert(tx, call, result));
      return result;
    } catch (error) {
      // Another process took the key meanwhile, or the work failed after its effect was committed: the record stands.
      const winner = await this.#recorded(call);
      if (winner) return winner.result as T;
      throw error;
    }
  }

  async #recorded({ scope, key, inputHash }: Call): Promise<{ result: unknown } | null> {
    const row = await this.#store.read
      .selectFrom("idempotency")
      .select(["input_hash", "result"])
      .where("scope", "=", scope)
      .where("key", "=", key)
      .where("expires_at", ">", this.#clock.now())
      .executeTakeFirst();
    if (!row) return null;
    requireSame(row.input_hash, inputHash, key);
    return { result: JSON.parse(row.result) };
  }

  async #insert(tx: Kysely<IdempotencyTables>, { scope, key, inputHash }: Call, result: unknown): Promise<void> {
    const now = this.#clock.now();
    await tx.deleteFrom("idempotency").where("expires_at", "<=", now).execute();
    await insertSealed(tx, "idempotency", {
      scope,
      key,
      input_hash: inputHash,
      result: JSON.stringify(result ?? null),
      expires_at: now + LIFETIME_MS,
    });
  }
}

interface Call {
  scope: string;
  key: string;
  inputHash: string;
}

function requireSame(before: string, now: string, key: string): void {
  if (before === now) return;
  throw new SpecloopError("key_reused", `The idempotency key "${key}" was used before with another input.`, {
    target: key,
  });
}
