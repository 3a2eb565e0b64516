import { expect, test } from "vitest";
import { createLogger, redact, silentLogger } from "../../src/foundation/logger.ts";

const CANARY = "k4n4ry-0123456789abcdefghijklmnopqrstuvwxyzABCDE";

function linesOf(use: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  use(createLogger("trace", (line) => lines.push(line)));
  expect(lines.length).toBeGreaterThan(0);
  return lines.join("");
}

const LEAKS: [string, (logger: ReturnType<typeof createLogger>) => void][] = [
  ["a field", (logger) => logger.info({ token: CANARY }, "x")],
  ["a field three levels down", (logger) => logger.info({ a: { b: { apiKey: CANARY } } }, "x")],
  ["a field six levels down", (logger) => logger.info({ a: { b: { c: { d: { e: { password: CANARY } } } } } }, "x")],
  ["a field in a list", (logger) => logger.info({ servers: [{ name: "x", secret: CANARY }] }, "x")],
  ["a header in capitals", (logger) => logger.info({ req: { headers: { Authorization: `Basic ${CANARY}` } } }, "x")],
  ["a field with a longer name", (logger) => logger.info({ a: { b: { c: { LM_API_TOKEN: CANARY } } } }, "x")],
  ["a value with quotes", (logger) => logger.info({ a: { b: { c: { token: `"${CANARY}"` } } } }, "x")],
  ["a child's binding", (logger) => logger.child({ token: CANARY }).info("x")],
  ["a bearer token in the message", (logger) => logger.info(`sent Bearer ${CANARY}`)],
  ["a bearer token in an error", (logger) => logger.error({ err: new Error(`401 for Bearer ${CANARY}`) }, "x")],
  ["a cause", (logger) => logger.error({ err: new Error("x", { cause: new Error(`Bearer ${CANARY}`) }) }, "x")],
  ["an address in a message", (logger) => logger.info(`GET http://127.0.0.1:8080/?token=${CANARY}&x=1`)],
  ["JSON in an error", (logger) => logger.error({ err: new Error(`bad body {"api_key": "${CANARY}"}`) }, "x")],
  ["an API key in a message", (logger) => logger.info(`uses sk-${CANARY}`)],
];

test.each(LEAKS)("a secret in %s does not reach the log", (_where, use) => {
  expect(linesOf(use)).not.toContain(CANARY);
});

test("the line stays JSON and keeps what is no secret", () => {
  const line = linesOf((logger) =>
    logger.info({ a: { b: { c: { token: 'a"b\\c', path: "x" } } }, tokensIn: 12 }, "called"),
  );
  expect(JSON.parse(line)).toMatchObject({
    a: { b: { c: { token: "[redacted]", path: "x" } } },
    tokensIn: 12,
    msg: "called",
  });
});

test("ordinary text is left as it is", () => {
  const text = "The token is in .specloop/token; see ask-me-anything and risk-free-trials-of-things.";
  expect(redact(text)).toBe(text);
});

test("GitHub tokens are removed from text", () => {
  expect(redact("push with ghp_0123456789abcdefghijklmn failed")).toBe("push with [redacted] failed");
});

test("the silent logger says nothing", () => {
  expect(silentLogger.isLevelEnabled("fatal")).toBe(false);
});
