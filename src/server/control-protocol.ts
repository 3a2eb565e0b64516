import { z } from "zod";
import { type Diagnostic, ERRORS, type ErrorCode, SpecloopError } from "../foundation/errors.ts";
import { principalSchema } from "../foundation/principal.ts";

/** The first line on the socket may have this many bytes, and must be there within this time. */
export const MAX_HELLO_BYTES = 4096;
export const HELLO_TIMEOUT_MS = 5000;

/** The first line that a client of the socket sends: what it wants to speak, and who it is. Unknown fields are ignored. */
export const helloSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("mcp"),
    client: z.string().min(1).max(200).optional(),
    session: z.string().min(1).max(200).optional(),
    toolset: z.enum(["default", "full"]).optional(),
  }),
  z.object({ kind: z.literal("control"), principal: principalSchema }),
]);
export type Hello = z.output<typeof helloSchema>;

/** One line from a control client; several may be under way, answers come in any order. */
export const requestSchema = z.object({
  id: z.union([z.int(), z.string().max(100)]),
  method: z.enum(["call", "tools", "status", "health", "stop"]),
  params: z.unknown().optional(),
});
export type ControlRequest = z.output<typeof requestSchema>;

export const callParamsSchema = z.object({
  name: z.string().max(200),
  input: z.unknown().optional(),
  idempotencyKey: z.string().min(1).max(200).optional(),
});

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
