import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { buildProgram, runCli } from "../../src/cli/index.ts";
import { cleanEnvironment, startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";

const root = resolve(import.meta.dirname, "../..");

/** Commands of a page's shell blocks, as arguments, without comments; with all blocks also those that need a person. */
function commandsOf(page: string, { runnable }: { runnable: boolean }): string[][] {
  const blocks = readFileSync(join(root, page), "utf8").matchAll(
    runnable ? /^```sh\n([^]*?)^```/gm : /^```(?:sh)?\n([^]*?)^```/gm,
  );
  const lines = [...blocks].flatMap(([, block = ""]) => block.split("\n"));
  return lines
    .filter((line) => /^specloop [a-z]/.test(line))
    .map((line) => words(line.replace(/ +# .*$/, "")).slice(1));
}

function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}

const requirement = (sentence: string, more = "") =>
  `### Requirement: Sign in\n${sentence}\n\n#### Scenario: Right password\n- **WHEN** the password is right\n- **THEN** the person is signed in\n${more}`;
const PASSWORD = "The system SHALL let people sign in with a password.";
const LOCKOUT =
  "\n#### Scenario: Lockout\n- **WHEN** the password was wrong five times\n- **THEN** the account is locked for an hour\n";

function change(id: string, task: string, delta: string): Record<string, string> {
  const why = "People asked for it many times, and what they have now is not enough.";
  return {
    [`openspec/changes/${id}/proposal.md`]: `# ${id}\n\n## Why\n${why}\n\n## What Changes\n- Sign in\n\n## Impact\n- auth\n`,
    [`openspec/changes/${id}/tasks.md`]: `# Tasks\n\n## 1. Do\n\n- [${task}] 1.1 Do it\n`,
    [`openspec/changes/${id}/specs/auth/spec.md`]: delta,
  };
}

const FILES = {
  "openspec/config.yaml": "schema: spec-driven\n",
  "openspec/specs/auth/spec.md": `# auth Specification\n\n## Purpose\nPeople sign in, so that the system knows who they are and what they may do.\n\n## Requirements\n\n${requirement(PASSWORD)}`,
  ...change("add-lockout", "x", `## MODIFIED Requirements\n\n${requirement(PASSWORD, LOCKOUT)}`),
  ...change(
    "add-passkey",
    "x",
    `## MODIFIED Requirements\n\n${requirement("The system SHALL let people sign in with a password or a passkey.")}`,
  ),
  ...change(
    "add-second-factor",
    " ",
    "## ADDED Requirements\n\n### Requirement: Second factor\nThe system SHALL ask for a second factor.\n\n#### Scenario: Asked\n- **WHEN** a person signs in\n- **THEN** a code is asked for\n",
  ),
};

test("every command of the guide works, in the order of the guide", async () => {
  await using repository = await temporaryRepository(FILES);
  await using _daemon = await startDaemon(repository.path);
  const commands = commandsOf("docs/guide.md", { runnable: true });
  expect(commands.length).toBeGreaterThan(20);
  for (const args of commands) {
    const said = new PassThrough();
    const streams = { stdin: new PassThrough(), stdout: said, stderr: said, on: () => {}, off: () => {} };
    const code = await runCli([...args, "--repo", repository.path], { env: cleanEnvironment(), ...streams });
    expect(code, `specloop ${args.join(" ")}\n${String(said.read() ?? "")}`).toBe(0);
  }
});

test("every command that the README and the guide show is one, with these options", async () => {
  const commands = ["README.md", "docs/guide.md"].flatMap((page) => commandsOf(page, { runnable: false }));
  expect(commands.length).toBeGreaterThan(40);
  for (const args of commands) {
    let chosen = 0;
    const said = new PassThrough();
    const program = buildProgram(() => async () => void (chosen += 1), { stdout: said, stderr: said });
    await program.parseAsync(args, { from: "user" }).catch(() => undefined);
    expect(chosen, `specloop ${args.join(" ")}\n${String(said.read() ?? "")}`).toBe(1);
  }
});
