import { stripVTControlCharacters } from "node:util";
import { SpecloopError } from "../../foundation/errors.ts";
import { redact } from "../../foundation/logger.ts";
import { clip, codeOf } from "./http.ts";

/** What the SDK only logs when a message does not fit its schemas; the call that it belongs to then waits for ever. */
const MISFIT = /communication warning|invalid (?:JSON )?message from server/i;
/** Messages for calls that are over: late, harmless. */
const LATE = /unknown (?:rpc|channel|signal)/i;

/** The error that a warning of the SDK's logger means for the calls in flight, or null. */
export function readWarning(parts: unknown[]): SpecloopError | null {
  const text = parts.map((part) => (typeof part === "string" ? part : "")).join(" ");
  if (!MISFIT.test(text) || LATE.test(text)) return null;
  return new SpecloopError("llm_protocol", `LM Studio and its client do not understand each other: ${plain(text)}`);
}

const UNREACHABLE = /ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ETIMEDOUT|unexpected server response/i;
const BROKEN = /websocket|ECONNRESET|EPIPE|socket hang up|transport (?:has been )?disposed/i;

/** The SDK's errors are text in a box: what they mean is read from it. */
export function translateSdkError(thrown: unknown): SpecloopError {
  if (thrown instanceof SpecloopError) return thrown;
  const raw = thrown instanceof Error ? thrown.message : String(thrown);
  const code = thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : "";
  const message = plain(raw);
  if (UNREACHABLE.test(`${code} ${raw}`))
    return new SpecloopError("llm_unreachable", `LM Studio does not answer: ${message || code}`, { cause: thrown });
  if (/authenticat/i.test(raw))
    return new SpecloopError("llm_auth", `LM Studio refused us: ${message}`, { cause: thrown });
  if (BROKEN.test(`${code} ${raw}`))
    return new SpecloopError("llm_interrupted", `The connection to LM Studio broke: ${message}`, { cause: thrown });
  const meaning = codeOf(0, message);
  return new SpecloopError(meaning === "llm_protocol" ? "llm_interrupted" : meaning, `LM Studio: ${message}`, {
    cause: thrown,
  });
}

/** Text without colours, frames and credentials, on one line. */
function plain(text: string): string {
  const bare = stripVTControlCharacters(text).replaceAll(/[\u2500-\u257f]/g, " ");
  return clip(redact(bare.replaceAll(/\s+/g, " ").trim()));
}
