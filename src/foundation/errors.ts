import { calls } from "./error-rows/calls.ts";
import { daemon } from "./error-rows/daemon.ts";
import { documents } from "./error-rows/documents.ts";
import { models } from "./error-rows/models.ts";
import { questions } from "./error-rows/questions.ts";
import { repository } from "./error-rows/repository.ts";
import { tools } from "./error-rows/tools.ts";
import { workflows } from "./error-rows/workflows.ts";

/**
 * One row per way of failing: HTTP status, exit code, what it means and what to do. `docs/reference/errors.md` is made
 * from this table; the rows stand in `error-rows/`, a file per subject.
 */
export const ERRORS = {
  ...calls,
  ...documents,
  ...repository,
  ...questions,
  ...tools,
  ...workflows,
  ...models,
  ...daemon,
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** One problem, in the shape that OpenSpec's agent contract uses, so that agents meet one dialect. */
export interface Diagnostic {
  severity: "error" | "warning" | "info";
  code: string;
  message: string;
  /** What it is about: a path, a path with line, an id. */
  target?: string;
  fix?: string;
}

interface ErrorOptions {
  target?: string;
  /** Replaces the table's advice where the caller knows better. */
  fix?: string;
  /** What a program needs to go on: the current revision, the candidates, the partial text. */
  details?: Record<string, unknown>;
  cause?: unknown;
}

/** The one error that rooms and adapters throw on purpose; whatever else arrives at a door is `internal`. */
export class SpecloopError extends Error {
  override readonly name = "SpecloopError";
  readonly code: ErrorCode;
  readonly target: string | undefined;
  readonly fix: string;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.target = options.target;
    this.fix = options.fix ?? ERRORS[code].fix;
    this.details = options.details;
  }

  get http(): number {
    return ERRORS[this.code].http;
  }

  get exit(): number {
    return ERRORS[this.code].exit;
  }

  toDiagnostic(): Diagnostic {
    const target = this.target === undefined ? {} : { target: this.target };
    return { severity: "error", code: this.code, message: this.message, ...target, fix: this.fix };
  }
}

/** Any thrown value as a SpecloopError; what was not thrown on purpose becomes `internal` and keeps its cause. */
export function toSpecloopError(thrown: unknown): SpecloopError {
  if (thrown instanceof SpecloopError) return thrown;
  if (thrown instanceof Error && thrown.name === "AbortError") {
    return new SpecloopError("cancelled", "The call was cancelled.", { cause: thrown });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new SpecloopError("internal", message, { cause: thrown });
}
