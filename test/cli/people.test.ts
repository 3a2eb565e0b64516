import { expect, test } from "vitest";
import { specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";

const FILES = {
  "openspec/config.yaml": "schema: spec-driven\n",
  "openspec/specs/.gitkeep": "",
  "openspec/changes/add-thing/proposal.md":
    "# Add a thing\n\n## Why\nBecause it is missing.\n\n## What Changes\n- A thing\n\n## Open Questions\n- [ ] Which colour?\n",
  "openspec/changes/add-thing/tasks.md": "## 1. Do\n- [x] 1.1 First\n- [ ] 1.2 Second\n",
};
const TOOL = /\b(question|answer|change|doc|loop|metric|proposal)_[a-z]+\b/;

test("what a person reads names commands, never tools", async () => {
  await using repository = await temporaryRepository(FILES);
  await using _daemon = await startDaemon(repository.path);
  const run = (...args: string[]) => specloop([...args, "--repo", repository.path]);
  const asked = await run("ask", "Which colour has the bicycle shed?");
  const id = /q-[a-z0-9]+/.exec(asked.stdout)![0];
  expect(asked.stdout).toContain(`specloop answer ${id}`);
  const texts = [
    asked,
    await run("questions", id),
    await run("changes", "add-thing"),
    await run("changes", "no-such-change"),
    await run("questions", "q-none"),
    await run("loop"),
    await run("loop", "list"),
    await run("loop", "run"),
    await run("doc", "history", "openspec/changes/add-thing/tasks.md"),
    await run("doc", "read", "openspec/changes/add-thing/tasks.md", "--section", "Nope"),
    await run("changes", "--limit", "500"),
    await run("doc", "edit", "openspec/specs/a/spec.md", "--write", "# A\n", "--reason", "New"),
    await run("doc", "diff", "openspec/changes/add-thing/tasks.md"),
    await run("change", "check", "add-thing"),
    await run("change", "unarchive", "nope"),
  ].map(({ stdout, stderr }) => stdout + stderr);
  expect(texts.filter((text) => TOOL.test(text))).toEqual([]);
  expect(texts[2]).toContain("1 of 2 tasks done");
  expect(texts[11]).toMatch(/`specloop approvals show ap-[a-z0-9]+ --repo/);
  expect(texts[12]).toContain("tasks.md is the same in HEAD and now.");
  expect(texts[13]).toContain("invalid");
  expect(texts[14]).toMatch(/no change "nope"[^]*`specloop changes --archived --repo/);
  expect((await run("change", "check", "add-thing")).code).toBe(1);
  expect(texts[8]).toMatch(/COMMIT +WHEN +BY +WHY\n[0-9a-f]{10} /);
});

test("questions that wait come first", async () => {
  await using repository = await temporaryRepository(FILES);
  await using _daemon = await startDaemon(repository.path);
  const ask = async (text: string) => {
    const { stdout } = await specloop(["ask", text, "--repo", repository.path, "--json"]);
    return (JSON.parse(stdout) as { questionId: string }).questionId;
  };
  const waiting = await ask("Which colour has the bicycle shed?");
  const answered = await ask("How tall is the lamp post?");
  expect((await specloop(["answer", answered, "Four metres.", "--repo", repository.path])).code).toBe(0);
  const { stdout } = await specloop(["questions", "--repo", repository.path, "--json"]);
  const { questions } = JSON.parse(stdout) as { questions: { questionId: string; status: string }[] };
  expect(questions.map(({ questionId, status }) => [questionId, status])).toEqual([
    [waiting, "pending"],
    [answered, "answered"],
  ]);
});

test("a person judges an answer, and asks one question after another in a session of a name", async () => {
  await using repository = await temporaryRepository({
    ...FILES,
    "docs/timeouts.md":
      "# Timeouts\n\n## Production\n\nThe timeout of the production database is 30 seconds.\n\n## Staging\n\nThe timeout of the staging database is 5 seconds.\n",
  });
  await using _daemon = await startDaemon(repository.path);
  const run = (...args: string[]) => specloop([...args, "--repo", repository.path]);
  const first = "How long is the timeout of the production database?";
  expect((await run("ask", first, "--session", "one")).stdout).toContain("30 seconds");
  const followUp = await run("ask", "And of the staging one?", "--session", "one");
  expect(followUp.stdout).toContain("5 seconds");
  const elsewhere = await run("ask", "And of the staging one?", "--session", "two");
  expect(/q-[a-z0-9]+/.exec(elsewhere.stdout)![0]).not.toBe(/q-[a-z0-9]+/.exec(followUp.stdout)![0]);
  expect((await run("ask", "Why?", "--session", " ")).code).toBe(64);
  const id = /q-[a-z0-9]+/.exec(followUp.stdout)![0];
  expect((await run("questions", id)).stdout).toContain(`after "${first}"`);
  expect((await run("judge", id, "useful")).stdout).toContain("judged useful.");
  const corrected = await run("judge", id, "wrong", "--correction", "7 seconds since Monday.");
  expect(corrected.stdout).toMatch(/judged wrong\. From now on person:[^]*7 seconds since Monday/);
  expect((await run("judge", id, "dull")).code).toBe(64);
  expect((await run("judge", "q-none", "useful")).stderr).toContain("q-none");
});

test("wrong usage is answered with what would be right", async () => {
  await using repository = await temporaryRepository(FILES);
  await using _daemon = await startDaemon(repository.path);
  const cases: [string[], RegExp][] = [
    [["answer"], /Usage: specloop answer \[options\] <id> \[text\.\.\.\]/],
    [["doc", "read"], /Usage: specloop doc read \[options\] <path>/],
    [["loop", "nope"], /has no "nope"[^]*status, run, list/],
    [["changes", "--limit", "many"], /--limit takes a number, not "many"/],
    [["ask", "Why?", "--wait", "long"], /--wait takes a number, not "long"/],
    [["doc", "edit", "a.md", "--reason", "x", "--section", "A", "--append", "@/no/file"], /\/no\/file cannot be read/],
    [["change", "propose"], /needs a title[^]*specloop change propose "/],
    [["frobnicate"], /unknown command[^]*--help/],
  ];
  for (const [args, says] of cases) {
    const result = await specloop([...args, "--repo", repository.path]);
    expect(result.code, args.join(" ")).toBe(64);
    expect(result.stderr, args.join(" ")).toMatch(says);
  }
  const listed = await specloop(["call", "--repo", repository.path]);
  expect(listed.stdout).toContain("doc_read");
});
