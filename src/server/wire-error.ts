import { type Diagnostic, ERRORS, type ErrorCode, SpecloopError } from "../foundation/errors.ts";

/** A diagnostic with what a program needs beside it: the CLI's exit code, HTTP's status, the details. */
export interface WireError extends Diagnostic {
  exit: number;
  http: number;
  details?: Record<string, unknown>;
}

export type ControlResponse =
  | { id: string | number; result: unknown }
  | { id: string | number | null; error: WireError & { data?: WireError } };

export function toWireError(error: SpecloopError): WireError {
  const details = error.details ? { details: error.details } : {};
  return { ...error.toDiagnostic(), exit: error.exit, http: error.http, ...details };
}

/** The error as it was thrown on the other side; a code of another version becomes `internal`. */
export function fromWireError(wire: Partial<WireError>): SpecloopError {
  const code = wire.code !== undefined && isErrorCode(wire.code) ? wire.code : "internal";
  const target = wire.target === undefined ? {} : { target: wire.target };
  const fix = wire.fix === undefined ? {} : { fix: wire.fix };
  const details = wire.details === undefined ? {} : { details: wire.details };
  return new SpecloopError(code, wire.message ?? "The daemon sent an error without a message.", {
    ...target,
    ...fix,
    ...details,
  });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
