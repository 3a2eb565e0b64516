import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Output } from "../../src/cli/output.ts";
import { answeredView } from "../../src/cli/views/inbox.ts";
import { forPeople, withoutToolName } from "../../src/cli/wording.ts";
import { ERRORS } from "../../src/foundation/errors.ts";
import { allTools, type Rooms } from "../../src/mcp-tools.ts";

const toolNames = allTools({} as Rooms).map((tool) => tool.name);
const here = { env: {}, path: process.cwd() };

test("no hint of the error table names a tool to a person", () => {
  const tools = new RegExp(`\\b(${toolNames.join("|")})\\b`);
  const hints = Object.values(ERRORS).map(({ fix }) => fix);
  expect(hints.some((hint) => tools.test(hint))).toBe(true);
  expect(hints.map((hint) => forPeople(hint, here)).filter((hint) => tools.test(hint))).toEqual([]);
});

test("every tool has its command", () => {
  for (const name of toolNames) expect(forPeople(`Call ${name}.`, here)).toMatch(/^Run `specloop .+`\.$/);
});

test("what became of an answer that waits for approval names the command to look at it", () => {
  const message = "a.md waits on branch x: call approval_get with ap-ny2en065kffcx1k1.";
  const written = { path: "a.md", status: "proposed", message };
  const output = new Output({
    json: false,
    color: false,
    columns: 80,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
  });
  const shown = answeredView({ questionId: "q-1", answer: { text: "Yes", by: "person:ada" }, written }, output);
  expect(shown).toContain("run `specloop approvals show ap-ny2en065kffcx1k1`.");
});

test("a command is shown as it can be typed: as npm script from a clone, with the path from elsewhere", () => {
  const hint = "Use it, or stop it with `specloop stop`.";
  expect(forPeople(hint, here)).toBe(hint);
  const clone = { env: { SPECLOOP_CALLED_AS: "npm run specloop --" }, path: "/srv/my repository" };
  expect(forPeople(hint, clone)).toBe(
    "Use it, or stop it with `npm run specloop -- stop --repo '/srv/my repository'`.",
  );
});

test("a hint for one thing names it in the command", () => {
  expect(forPeople("Call change_merge with the id add-login: it merges.", here)).toBe(
    "Run `specloop change merge add-login`: it merges.",
  );
  expect(forPeople("It waits: call approval_get with ap-7k2m.", here)).toBe(
    "It waits: run `specloop approvals show ap-7k2m`.",
  );
  expect(forPeople("Call doc_update with another text.", here)).toBe("Run `specloop doc edit PATH` with another text.");
});

test("the list of tools stays one", () => {
  expect(forPeople("The tools are: doc_read, doc_update.", here)).toBe("The tools are: doc_read, doc_update.");
});

test("wrong input names the field, not the tool behind the command", () => {
  expect(withoutToolName("The input of change_list is wrong: limit: Too big.")).toBe("Wrong input: limit: Too big.");
});
