import { SpecloopError, toSpecloopError, type Diagnostic } from "../../foundation/errors.ts";
import type { Refusal } from "./types.ts";

/** Codes that name a text which OpenSpec alone would have dropped or overwritten. */
const SAVING = new Set(["base_moved", "base_unknown", "text_lost", "text_would_go_along", "text_not_applied"]);

/** Why an archive was refused, also where something else than a refusal stopped it. */
export function reasonsOf(error: unknown): Diagnostic[] {
  const known = toSpecloopError(error);
  const reasons = known.code === "archive_refused" ? known.details?.["reasons"] : undefined;
  return Array.isArray(reasons) && reasons.length > 0 ? (reasons as Diagnostic[]) : [known.toDiagnostic()];
}

/** Why nothing was done to this change. */
export function refusalOf(id: string, reasons: Diagnostic[]): SpecloopError {
  return refusedWith(
    new SpecloopError("archive_refused", `${id} stays as it is.`, { target: id, details: { reasons } }),
    {},
  );
}

/** The same error with its first reason in its words, and with what was done before it in the call. */
export function refusedWith(error: unknown, more: Partial<Refusal>): SpecloopError {
  const known = toSpecloopError(error);
  if (known.code !== "archive_refused") {
    return new SpecloopError(known.code, known.message, {
      ...(known.target === undefined ? {} : { target: known.target }),
      fix: known.fix,
      details: { ...known.details, ...more },
      cause: known,
    });
  }
  const reasons = reasonsOf(known);
  const [first] = reasons;
  const others = reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : "";
  return new SpecloopError(
    "archive_refused",
    `${known.target ?? "The change"} stays as it is: ${first?.message}${others}`,
    {
      ...(known.target === undefined ? {} : { target: known.target }),
      ...(first?.fix === undefined ? {} : { fix: first.fix }),
      details: { ...known.details, reasons, ...more },
      cause: known.cause ?? known,
    },
  );
}

/** One name per requirement text that a refusal saved: the spec and the requirement that its message quotes. */
export function savedBy(reasons: Diagnostic[]): string[] {
  const texts = reasons
    .filter(({ code }) => SAVING.has(code))
    .map(({ target = "", message }) => `${target.replace(/:\d+$/, "")}\0${/"([^"]+)"/.exec(message)?.[1] ?? message}`);
  return [...new Set(texts)];
}
