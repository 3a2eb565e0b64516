import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { readOrCreateToken, readToken, tokenMatches } from "../../src/access/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { temporary } from "./fixture.ts";

const run = promisify(execFile);

test("a token has 256 bits, is kept private and stays the same", () => {
  using folder = temporary();
  const path = join(folder.path, "token");
  expect(readToken(path)).toBeNull();
  const token = readOrCreateToken(path);
  expect(Buffer.from(token, "base64url")).toHaveLength(32);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readOrCreateToken(path)).toBe(token);
  expect(readToken(path)).toBe(token);
  expect(readdirSync(folder.path)).toEqual(["token"]);
});

scenario("access", "Several processes start at once", async () => {
  using folder = temporary();
  const path = join(folder.path, "token");
  const child = join(import.meta.dirname, "children", "token.ts");
  const moment = String(Date.now() + 1500);
  const said = await Promise.all(Array.from({ length: 4 }, () => run(process.execPath, [child, path, moment])));
  const kept = Array.from({ length: 50 }, (_, index) => `${readToken(`${path}-${index}`)}\n`).join("");
  expect(said.map(({ stdout }) => stdout)).toEqual([kept, kept, kept, kept]);
  expect(readdirSync(folder.path)).toHaveLength(50);
});

scenario("access", "The token file could have been read by others", () => {
  using folder = temporary();
  const path = join(folder.path, "token");
  const token = readOrCreateToken(path);
  chmodSync(path, 0o644);
  expect(readToken(path)).toBeNull();
  const fresh = readOrCreateToken(path);
  expect(fresh).not.toBe(token);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readToken(path)).toBe(fresh);
});

test.each([
  ["empty", ""],
  ["too short to be safe", "hunter2"],
  ["of another form", `${"x".repeat(42)}!`],
  ["two lines", `${"a".repeat(43)}\n${"b".repeat(43)}`],
])("a token file that is %s is replaced", (_what, content) => {
  using folder = temporary();
  const path = join(folder.path, "token");
  writeFileSync(path, content, { mode: 0o600 });
  expect(readToken(path)).toBeNull();
  const token = readOrCreateToken(path);
  expect(readFileSync(path, "utf8")).toBe(`${token}\n`);
});

test("a link in the place of the token is replaced, and what it points to is left alone", () => {
  using folder = temporary();
  const path = join(folder.path, "token");
  const target = join(folder.path, "target");
  writeFileSync(target, `${"a".repeat(43)}\n`, { mode: 0o600 });
  symlinkSync(target, path);
  expect(readToken(path)).toBeNull();
  const token = readOrCreateToken(path);
  expect(token).not.toBe("a".repeat(43));
  expect(readFileSync(target, "utf8")).toBe(`${"a".repeat(43)}\n`);
});

test("a directory in the place of the token fails and leaves no draft", () => {
  using folder = temporary();
  const path = join(folder.path, "token");
  mkdirSync(path);
  expect(() => readOrCreateToken(path)).toThrow("EISDIR");
  expect(existsSync(path)).toBe(true);
  expect(readdirSync(folder.path)).toEqual(["token"]);
});

test("only the same token matches", () => {
  const token = "a".repeat(43);
  expect(tokenMatches(token, token)).toBe(true);
  for (const wrong of ["", "a", "a".repeat(42), "a".repeat(44), `${"a".repeat(42)}b`, "ä".repeat(43)]) {
    expect(tokenMatches(token, wrong)).toBe(false);
  }
});
