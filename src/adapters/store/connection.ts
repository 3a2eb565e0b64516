import { DatabaseSync, type StatementSync, type SQLInputValue } from "node:sqlite";
import type { SqliteDatabase, SqliteStatement } from "kysely";
import { SpecloopError } from "../../foundation/errors.ts";
import { resultCode, translateError } from "./sqlite-errors.ts";

/** Statements kept prepared per connection. */
const MAX_STATEMENTS = 300;

/** One `node:sqlite` connection in the form that Kysely's SqliteDialect wants, with its errors translated. */
export class Connection implements SqliteDatabase {
  readonly #open: () => DatabaseSync;
  readonly #role: "reader" | "writer";
  readonly #path: string;
  readonly #statements = new Map<string, SqliteStatement>();
  #database: DatabaseSync;

  constructor(path: string, role: "reader" | "writer", open: () => DatabaseSync) {
    this.#path = path;
    this.#role = role;
    this.#open = open;
    this.#database = open();
  }

  get isTransaction(): boolean {
    return this.#database.isOpen && this.#database.isTransaction;
  }

  exec(sql: string): void {
    this.#call(() => this.#database.exec(sql));
  }

  prepare(sql: string): SqliteStatement {
    const known = this.#statements.get(sql);
    if (known) return known;
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
    const statement = this.#adapt(this.#call(() => this.#database.prepare(sql)));
    this.#statements.set(sql, statement);
    return statement;
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  /** A new connection in the place of this one, after an error of the disk of which nobody knows what it left behind. */
  reopen(): void {
    this.close();
    this.#database = this.#call(this.#open);
  }

  /** Kysely asks `reader` whether rows come back: true for SELECT and for RETURNING. */
  #adapt(statement: StatementSync): SqliteStatement {
    return {
      reader: statement.columns().length > 0,
      all: (parameters) => this.#query(() => statement.all(...asValues(parameters))),
      run: (parameters) => this.#query(() => statement.run(...asValues(parameters))),
      // A stream keeps the one connection: reads inside its loop would wait for ever, and later ones see the past.
      iterate: () => {
        throw new SpecloopError("internal", "The store does not stream: read page by page.");
      },
    };
  }

  #query<T>(run: () => T): T {
    if (this.#role === "writer" && !this.isTransaction) {
      throw new SpecloopError(
        "internal",
        "A query came after its write was over: await every query inside store.write.",
      );
    }
    return this.#call(run);
  }

  #call<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (this.#role === "reader" && resultCode(error) === 8) {
        throw new SpecloopError(
          "internal",
          "A write was sent through the reading side of the store; use store.write.",
          { cause: error },
        );
      }
      throw translateError(error, this.#path);
    }
  }
}

/** What Kysely hands over is unknown to it; node:sqlite refuses what it cannot bind. */
function asValues(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters as SQLInputValue[];
}
