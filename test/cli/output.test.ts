import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { Output } from "../../src/cli/output.ts";

function output(options: { json?: boolean; color?: boolean }) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const made = new Output({ json: options.json ?? false, color: options.color ?? false, stdout, stderr });
  return { made, said: () => ({ stdout: String(stdout.read() ?? ""), stderr: String(stderr.read() ?? "") }) };
}

test("with --json the value goes to stdout and prose to stderr", () => {
  const { made, said } = output({ json: true, color: true });
  made.note("working …");
  made.result({ a: 1 }, () => "one");
  expect(said()).toEqual({ stdout: '{\n  "a": 1\n}\n', stderr: "working …\n" });
});

test("without a terminal there is no colour", () => {
  expect(output({ color: false }).made.style("red", "x")).toBe("x");
  expect(output({ color: true }).made.style("red", "x")).not.toBe("x");
});

test("columns line up, also with wide characters and colour", () => {
  const { made } = output({ color: true });
  const lines = made
    .table(
      ["A", "B"],
      [
        ["变更", "1"],
        [made.style("green", "ab"), "2"],
      ],
    )
    .split("\n");
  expect(lines[1]).toBe("变更  1");
  expect(stripVTControlCharacters(lines[2]!)).toBe("ab    2");
});
