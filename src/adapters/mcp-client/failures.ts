import { ProtocolError, SdkError, SdkErrorCode } from "@modelcontextprotocol/client";
import { SpecloopError } from "../../foundation/errors.ts";
import { neutralise } from "../llm/index.ts";

const MAX_WORDS = 2000;
/** JSON-RPC 2.0, error codes. */
const INVALID_PARAMS = -32602;

/** Codes of the SDK that mean that nobody answers any more. */
const GONE = new Set<string>([
  SdkErrorCode.ConnectionClosed,
  SdkErrorCode.NotConnected,
  SdkErrorCode.SendFailed,
  SdkErrorCode.ClientHttpFailedToOpenStream,
  SdkErrorCode.ClientHttpAuthentication,
  SdkErrorCode.ClientHttpForbidden,
  SdkErrorCode.ClientHttpNotImplemented,
]);

/** Whatever the SDK or the network throws, in our words; `what` is the tool or step, `fault` why the connection ended. */
export function asDownstreamError(thrown: unknown, what: string, fault: string | null = null): SpecloopError {
  if (thrown instanceof SpecloopError) return thrown;
  const words = wordsOf(thrown);
  const about = { target: what, cause: thrown };
  if (thrown instanceof SdkError) {
    if (thrown.code === SdkErrorCode.RequestTimeout)
      return new SpecloopError("tool_timeout", `${what} did not answer in time.`, about);
    if (GONE.has(thrown.code)) {
      return new SpecloopError("tool_unavailable", `${what}: the server is gone: ${fault ?? words}.`, about);
    }
    return new SpecloopError("tool_failed", `${what} answered what is no result: ${words}`, about);
  }
  if (thrown instanceof ProtocolError) {
    const isInput = thrown.code === INVALID_PARAMS && !isOurCheck(words);
    return new SpecloopError(isInput ? "bad_input" : "tool_failed", `${what} refused: ${words}`, about);
  }
  if (thrown instanceof Error && thrown.name === "AbortError")
    return new SpecloopError("cancelled", `The call of ${what} was cancelled.`, about);
  return new SpecloopError("tool_unavailable", `${what}: ${fault ?? words}`, about);
}

/** The SDK tells of results that do not fit their schema with the code for wrong input. */
function isOurCheck(words: string): boolean {
  return /structured content|output ?schema/i.test(words);
}

function wordsOf(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? ` (${thrown.cause.message})` : "";
  return neutralise(`${message}${cause}`).replaceAll(/\s+/g, " ").slice(0, MAX_WORDS);
}
