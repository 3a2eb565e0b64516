import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { Output } from "../../src/cli/output.ts";
import { changeTable } from "../../src/cli/tables.ts";
import { archiveView } from "../../src/cli/views/archive.ts";
import { mergeView } from "../../src/cli/views/merge.ts";
import { launchView } from "../../src/cli/views/server.ts";

function output(options: { json?: boolean; color?: boolean; columns?: number }) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const { json = false, color = false, columns } = options;
  const made = new Output({ json, color, columns, stdout, stderr });
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

test("on a narrow terminal the last column wraps, or goes below its row; a pipe gets whole lines", () => {
  const headers = ["ID", "TEXT"];
  const words = "one two three four five six seven eight nine ten";
  const wide = output({ columns: 40 }).made.table(headers, [["a", words]]);
  expect(wide.split("\n").slice(1)).toEqual(["a   one two three four five six seven", "    eight nine ten"]);
  const narrow = output({ columns: 30 }).made.table(headers, [["0123456789", words]]);
  expect(narrow.split("\n").slice(1)).toEqual([
    "0123456789",
    "    one two three four five",
    "    six seven eight nine ten",
  ]);
  expect(
    output({})
      .made.table(headers, [["0123456789", words]])
      .split("\n"),
  ).toHaveLength(2);
});

test("columns without content are left out", () => {
  expect(output({}).made.table(["A", "B", "C"], [["1", "", "3"]])).toBe("A  C\n1  3");
});

test("progress is for terminals alone and leaves nothing behind", () => {
  const terminal = output({ columns: 80 });
  terminal.made.progress("working …")();
  expect(terminal.said().stdout).toBe("working …\r\u001b[2K");
  for (const options of [{}, { json: true, columns: 80 }]) {
    const silent = output(options);
    silent.made.progress("working …")();
    expect(silent.said().stdout).toBe("");
  }
});

test("text of others cannot steer the terminal", () => {
  const hostile = "a\u001b]0;title\u0007b\u001b[2Jc\u009b31md\rOVER \u001b[32mgreen\u001b[39m";
  const terminal = output({ columns: 80 });
  terminal.made.result({}, () => hostile);
  expect(terminal.said().stdout).toBe(
    "a\ufffd]0;title\ufffdb\ufffd[2Jc\ufffd31md\ufffdOVER \u001b[32mgreen\u001b[39m\n",
  );
});

const here = { env: {}, path: process.cwd() };

test("a merge and an archive say the command that comes next, as it can be typed", () => {
  const { made } = output({});
  const conflicts = [{ scenario: null, base: "a", theirs: "b", ours: "c" }];
  const block = { capability: "auth", requirement: "Sign in", path: "p", line: 3 };
  const merge = { changeId: "out", dryRun: false, diff: "", commit: null, message: "m" };
  const conflict = mergeView({ ...merge, blocks: [{ ...block, outcome: "conflict", conflicts }] }, made, here);
  expect(conflict).toContain("  specloop change merge out --resolved 'Sign in'");
  const tried = { ...merge, dryRun: true, blocks: [{ ...block, outcome: "merged", conflicts: [] }] };
  expect(mergeView(tried, made, here)).toMatch(/Write it: specloop change merge out$/);
  const row = {
    path: "p",
    commit: null,
    branch: null,
    approval: null,
    specs: [],
    savedTexts: 0,
    warnings: [],
    openspec: null,
  };
  const results = (status: string) => ({ results: ["out", "later"].map((change) => ({ ...row, change, status })) });
  expect(archiveView(results("would_archive"), made, here)).toMatch(/Do it: specloop change archive out later$/);
  expect(archiveView(results("archived"), made, here)).toMatch(/Take it back: specloop change unarchive later$/);
});

test("what is archived has no verdict and merges with nothing", () => {
  const change = {
    id: "out",
    root: "openspec",
    tasks: { done: 1, total: 1 },
    findings: { errors: 0, warnings: 0 },
    openQuestions: 0,
    valid: null,
    mergeability: "clean",
    git: "committed",
  };
  const changes = ["archived", "planned"].map((stage) => ({ ...change, stage }));
  const [, archived, planned] = changeTable({ total: 2, changes, findings: [] }, output({}).made).split("\n");
  expect(archived).toMatch(/^out +archived +1\/1 +committed$/);
  expect(planned).toMatch(/^out +planned +1\/1 +\? +clean +committed$/);
  // One id in two worktrees is told apart.
  const elsewhere = [{ ...change, stage: "planned", root: "feature:openspec" }];
  expect(changeTable({ total: 1, changes: elsewhere, findings: [] }, output({}).made)).toMatch(
    /\nout \(feature:openspec\) +planned/,
  );
});

test("text of others can hide nothing, and looks like no line of an approval", () => {
  const terminal = output({ columns: 200 });
  const hides = ["\u001b[8mconcealed", "\u001b[30mblack", "\u001b[38;5;16mblack", "\u001b[7minverse", "\u001b[40mback"];
  terminal.made.result({}, () => hides.join(" "));
  const { stdout } = terminal.said();
  expect(stdout).not.toContain("\u001b");
  expect(stdout).toContain("concealed");
  const lines = launchView(
    {
      name: "h",
      state: "unapproved",
      reason: "",
      launchHash: "0a",
      launchApproved: false,
      launchBefore: null,
      warnings: [],
      agents: null,
      approvedBy: null,
      approvedAt: null,
      running: null,
      tools: [],
      toolsHash: null,
      launch: {
        kind: "stdio",
        command: "/bin/a",
        resolved: "/bin/a",
        args: ["one\n  runs      other"],
        cwd: "/",
        files: {},
        env: { A: "${env:HOME}\n  hash      ffff", NODE_OPTIONS: "--require /tmp/x.js" },
        use: { allow: ["*"], deny: [], answers: [] },
      },
    },
    terminal.made,
  ).split("\n");
  expect(lines.filter((line) => /^ {2}(hash|runs) /.test(line))).toHaveLength(2);
  // What decides which code runs is shown, although other values may be secrets.
  expect(lines.join()).toContain("NODE_OPTIONS=--require /tmp/x.js");
});
