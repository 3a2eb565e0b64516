import { pino, type Logger as PinoLogger } from "pino";

/** pino's own interface: constant message, data in fields, one child per room. */
export type Logger = PinoLogger;
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";

const SECRET_KEYS = ["token", "authorization", "apiKey", "api_key", "password", "secret", "cookie"];
const NAMES = SECRET_KEYS.join("|");
/** `"token":"…"` at any depth of a line, in whatever case, and the same inside a string that holds JSON. */
const SECRET_FIELD = new RegExp(`("[\\w-]*(?:${NAMES})"\\s*:\\s*")(?:[^"\\\\]|\\\\.)*`, "gi");
const QUOTED_SECRET_FIELD = new RegExp(`(\\\\"[\\w-]*(?:${NAMES})\\\\"\\s*:\\s*\\\\")[^"\\\\]*`, "gi");
const SECRET_PARAMETER = new RegExp(`([?&][\\w-]*(?:${NAMES})=)[^&\\s"'\\\\]+`, "gi");
const SECRET_TEXT =
  /\b(?:sk-[A-Za-z0-9:_-]{12,}|slp_[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|Bearer\s+[A-Za-z0-9._~+/=-]{12,})/g;

/** Text with whatever looks like a credential replaced; used on messages, errors and recorded text. */
export function redact(text: string): string {
  return text.replace(SECRET_TEXT, "[redacted]").replace(SECRET_PARAMETER, "$1[redacted]");
}

function redactLine(line: string): string {
  return redact(line).replace(SECRET_FIELD, "$1[redacted]").replace(QUOTED_SECRET_FIELD, "$1[redacted]");
}

/**
 * A logger that writes lines to `write`, with credentials removed from fields at any depth, from messages and from
 * errors: pino's own redaction sees neither deep keys nor text, so the whole line is cleaned as well.
 */
export function createLogger(level: LogLevel, write: (line: string) => void): Logger {
  const paths = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);
  return pino(
    { level, base: null, redact: { paths, censor: "[redacted]" }, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => write(redactLine(line)) },
  );
}

/** For parts that are used without a daemon: tests, one-shot commands. */
export const silentLogger: Logger = createLogger("silent", () => {});
