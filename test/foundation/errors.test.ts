import { expect, test } from "vitest";
import { ERRORS, SpecloopError, toSpecloopError, type ErrorCode } from "../../src/foundation/errors.ts";

const codes = Object.keys(ERRORS) as ErrorCode[];

test.each(codes)("%s says what it means and what to do, with codes that programs understand", (code) => {
  const { means, fix, http, exit } = ERRORS[code];
  expect(means).toMatch(/^\S.{10,}\.$/);
  expect(fix).toMatch(/^[A-Z].{8,}/);
  expect(http).toBeGreaterThanOrEqual(400);
  expect(http).toBeLessThan(600);
  expect(exit).toBeGreaterThan(0);
  expect(exit).toBeLessThan(256);
});

test("an error carries the table's advice unless the caller knows better", () => {
  expect(new SpecloopError("git_busy", "a rebase is in progress").fix).toBe(ERRORS.git_busy.fix);
  expect(new SpecloopError("git_busy", "x", { fix: "Finish the rebase." }).fix).toBe("Finish the rebase.");
});

test("an error keeps its cause, its target and its details, and has one name", () => {
  const cause = new Error("ENOSPC");
  const error = new SpecloopError("store_full", "no room", { target: "core.db", details: { free: 0 }, cause });
  expect(error).toMatchObject({
    name: "SpecloopError",
    http: 507,
    exit: 74,
    target: "core.db",
    details: { free: 0 },
    cause,
  });
  expect(error).toBeInstanceOf(Error);
  expect("cause" in new SpecloopError("store_full", "no room")).toBe(false);
});

test("a diagnostic has the shape that agents know, without empty fields", () => {
  expect(new SpecloopError("unknown_change", "no x", { target: "x" }).toDiagnostic()).toEqual({
    severity: "error",
    code: "unknown_change",
    message: "no x",
    target: "x",
    fix: ERRORS.unknown_change.fix,
  });
  expect(new SpecloopError("internal", "y").toDiagnostic()).not.toHaveProperty("target");
});

test("whatever is thrown becomes one of ours", () => {
  const ours = new SpecloopError("not_found", "x");
  expect(toSpecloopError(ours)).toBe(ours);
  const bug = new TypeError("x is not a function");
  expect(toSpecloopError(bug)).toMatchObject({ code: "internal", message: "x is not a function", cause: bug });
  expect(toSpecloopError(AbortSignal.abort().reason)).toMatchObject({ code: "cancelled" });
  expect(toSpecloopError("text")).toMatchObject({ code: "internal", message: "text" });
  expect(toSpecloopError(undefined)).toMatchObject({ code: "internal", message: "undefined" });
});
