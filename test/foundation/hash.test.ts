import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson, gitBlobId, sha256 } from "../../src/foundation/hash.ts";

const hashObject = (bytes: string | Uint8Array) =>
  execFileSync("git", ["hash-object", "--stdin", "--no-filters"], { input: bytes }).toString().trim();

test.each([
  ["nothing", ""],
  ["ASCII", "# Title\n"],
  ["CRLF and CJK", "# 標題\r\n\r\n内容 😀\r\n"],
  ["a byte order mark", "\uFEFFtext"],
  ["bytes that are no text", Uint8Array.from([0, 255, 254, 128, 10, 0])],
  ["a large text", "x".repeat(300_000)],
])("the id of a blob of %s is git's", (_what, content) => {
  expect(gitBlobId(content)).toBe(hashObject(content));
});

test("sha256 of text is that of its UTF-8 bytes", () => {
  expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(sha256("é")).toBe(sha256(Buffer.from("é", "utf8")));
});

test("equal values give equal text whatever the order of their keys, at every depth", () => {
  expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, item]) => [key, shuffled(item)] as const)
        .reverse(),
    );
  };
  fc.assert(fc.property(fc.jsonValue(), (value) => canonicalJson(value) === canonicalJson(shuffled(value))));
});

test("the text is JSON of the same value, and the order of lists counts", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
});
