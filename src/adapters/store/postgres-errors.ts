import { SpecloopError, type ErrorCode } from "../../foundation/errors.ts";

/** SQLSTATE codes (PostgreSQL, appendix A) that mean something to a caller; a class of two letters stands for all its codes. */
const CODES: Record<string, ErrorCode> = {
  "55P03": "store_busy",
  "57014": "store_busy",
  "40P01": "store_busy",
  "53100": "store_full",
  "53200": "store_full",
  "58030": "store_full",
  XX001: "store_corrupt",
  XX002: "store_corrupt",
  "22021": "bad_input",
  "08": "store_unreachable",
  "28": "store_unreachable",
  "3D": "store_unreachable",
  "57P": "store_unreachable",
  "25P03": "store_unreachable",
  "53300": "store_unreachable",
};

/** What Node and the driver say of a connection that cannot be made or is gone. */
const NETWORK = /^(?:ECONN|ENOENT|EHOST|ENET|ENOTFOUND|EPIPE|ETIMEDOUT|EAI_)/;
const LOST = /Connection terminated|timeout exceeded when trying to connect|not queryable|connection is closed/i;

/** SQLSTATE of an error of the server, or Node's code, null for any other error. */
function sqlState(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : null;
}

/** Whether the connection, not the statement, is what failed. */
export function isLost(error: unknown): boolean {
  if (error instanceof SpecloopError) return error.code === "store_unreachable";
  return codeOf(error) === "store_unreachable";
}

/** An error of PostgreSQL as one of ours; `target` names the database without its password. */
export function translatePostgres(error: unknown, target: string): unknown {
  if (error instanceof SpecloopError) return error;
  const { message } = error as Error;
  if (sqlState(error) === "25006") {
    const why = "A write was sent through the reading side of the store; use store.write.";
    return new SpecloopError("internal", why, { cause: error });
  }
  const code = codeOf(error);
  return code ? new SpecloopError(code, `${message || sqlState(error)} (${target})`, { target, cause: error }) : error;
}

function codeOf(error: unknown): ErrorCode | undefined {
  const state = sqlState(error) ?? "";
  if (NETWORK.test(state) || LOST.test(String((error as Error | null)?.message))) return "store_unreachable";
  return CODES[state] ?? CODES[state.slice(0, 3)] ?? CODES[state.slice(0, 2)];
}
