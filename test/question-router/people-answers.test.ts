import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { walkInbox } from "../../src/cli/inbox-walk.ts";
import { Output } from "../../src/cli/output.ts";
import { inboxShape } from "../../src/cli/views/inbox.ts";
import { type RunningDaemon, specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

const NOTES = "openspec/changes/add-jam/notes.md";
const DESIGN = "openspec/changes/add-jam/design.md";
const FILES = {
  "openspec/config.yaml": "schema: spec-driven\n",
  "openspec/changes/add-jam/proposal.md": "# Jam\n\n## Why\n\nBread is dry.\n\n## What Changes\n\n- Jam\n",
  [NOTES]: "# Notes\n\n## Kitchen\n\nThe pot is large.\n",
  [DESIGN]: "# Design\n\n## Context\n\nBread.\n\n## Open Questions\n\n- Which fruit is boiled first?\n",
  "docs/faq.md": "# Shop\n\n## FAQ\n\nAsk.\n",
  ".gitignore": ".specloop/\n",
};

interface World {
  repository: TemporaryRepository;
  daemon: RunningDaemon;
  run(args: string[], options?: { env?: Record<string, string>; input?: string }): ReturnType<typeof specloop>;
  json(...args: string[]): Promise<Record<string, unknown>>;
  ask(text: string): Promise<string>;
  document(path: string): Promise<string>;
}

async function open(): Promise<World> {
  const repository = await temporaryRepository(FILES);
  onTestFinished(() => repository[Symbol.asyncDispose]());
  const daemon = await startDaemon(repository.path);
  onTestFinished(() => daemon[Symbol.asyncDispose]());
  const run: World["run"] = (args, options) => specloop([...args, "--repo", repository.path], options);
  const json = async (...args: string[]) =>
    JSON.parse((await run([...args, "--json"])).stdout) as Record<string, unknown>;
  return {
    repository,
    daemon,
    run,
    json,
    ask: async (text) => (await json("ask", text))["questionId"] as string,
    document: (path) => readFile(join(repository.path, path), "utf8"),
  };
}

scenario(
  "questions",
  "An answer is written into a document",
  async () => {
    const { repository, run, json, ask, document } = await open();
    const first = await ask("Who stirs the <b>marmalade</b> [kettle](http://evil.example)?");
    const answered = await run(["answer", first, "Nobody.\n## Kitchen\nIt stirs itself.", "--into", NOTES]);
    expect(answered.stdout).toContain(`${NOTES}: committed.`);
    expect(await document(NOTES)).toMatch(
      /^# Notes\n\n## Kitchen\n\nThe pot is large\.\n\n## Questions and answers\n\n- Who stirs the \\<b\\>marmalade\\<\/b\\> \\\[kettle\\\]\(http:\/\/evil\.example\)\?\n {2}> \*\*Answer\*\* \(Ada Example, \d{4}-\d\d-\d\d, q-\w+\): Nobody\.\n {2}> ## Kitchen\n {2}> It stirs itself\.\n$/,
    );
    expect(await repository.git("log", "-1", "--format=%B")).toContain(`Specloop-Question: ${first}`);
    expect(await repository.git("status", "--porcelain")).toBe("");
    const second = await ask("Which spoon is used for the quince?");
    await run(["answer", second, "A wooden one.", "--into", `${NOTES}#Kitchen`]);
    expect(await document(NOTES)).toMatch(/large\.\n\n- Which spoon is used for the quince\?\n {2}> \*\*Answer\*\*/);
    const { answer } = (await json("questions", second)) as { answer: { citations: unknown[] } };
    expect(answer.citations).toMatchObject([{ path: NOTES, heading: "Notes > Kitchen" }]);
    // The answer stands on what is written: when that changes it is found anew.
    await repository.write(NOTES, (await document(NOTES)).replace("A wooden one.", "A silver one."));
    const again = (await json("ask", "Which spoon is used for the quince?")) as { hops: { reason: string }[] };
    expect(again.hops[0]?.reason).toContain(`cites ${NOTES}, which has changed`);
    expect(again).not.toMatchObject({ answer: { text: "A wooden one." } });
  },
  60_000,
);

scenario(
  "questions",
  "The document asks the question itself",
  async () => {
    const { json, run, document } = await open();
    const { questions } = (await json("change", "questions", "add-jam", "--ask", "1")) as {
      questions: { questionId: string }[];
    };
    const id = questions[0]!.questionId;
    const { items } = (await json("inbox")) as { items: { origin: string }[] };
    expect(items).toMatchObject([{ questionId: id, origin: DESIGN }]);
    const answered = await run(["answer", id, "Quince.", "--into", DESIGN]);
    expect(answered.stdout).toContain(`${DESIGN}: with question.`);
    await expect.poll(() => document(DESIGN), { timeout: 20_000 }).toContain("Quince.");
    expect((await document(DESIGN)).split("Quince.")).toHaveLength(2);
    expect(await document(DESIGN)).not.toContain("Questions and answers");
  },
  60_000,
);

scenario(
  "questions",
  "The document waits for a person",
  async () => {
    const { repository, run, ask, document, json } = await open();
    const id = await ask("Which lid closes the amphora?");
    const answered = await run(["answer", id, "The cork one.", "--into", "docs/faq.md"]);
    expect(answered.stdout).toContain("docs/faq.md: proposed.");
    expect(await document("docs/faq.md")).toBe(FILES["docs/faq.md"]);
    expect(await repository.git("branch", "--list", "specloop/*")).not.toBe("");
    expect((await run(["inbox"])).stdout).toMatch(/1 waiting for your approval:\n {2}specloop approvals show ap-/);
    expect(await json("questions", id)).toMatchObject({ status: "answered", answer: { citations: [] } });
  },
  60_000,
);

scenario(
  "questions",
  "An agent may not write there",
  async () => {
    const { daemon, run, ask, document, json } = await open();
    const { token } = (await json("agent", "add", "helper", "--tools", "*", "--write", "openspec/specs/**")) as {
      token: string;
    };
    const id = await ask("Which lid closes the amphora?");
    const response = await fetch(`${daemon.status.url}/api/tools/answer_submit`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ questionId: id, text: "The cork one.", into: { path: NOTES } }),
    });
    expect(response.status).toBe(403);
    expect(await document(NOTES)).toBe(FILES[NOTES]);
    expect(await json("questions", id)).toMatchObject({ status: "pending" });
    const none = await run(["answer", id, "x", "--into", "docs/none.md"]);
    expect([none.code === 0, none.stderr]).toEqual([false, expect.stringContaining("docs/none.md")]);
    const outside = await run(["answer", id, "x", "--into", "../outside.md"]);
    expect(outside.stderr).toContain("leads outside the repository");
    expect(await json("questions", id)).toMatchObject({ status: "pending" });
  },
  60_000,
);

test("two who write at the same time: one answers, and only that answer is written", async () => {
  const { run, ask, document } = await open();
  const id = await ask("Which lid closes the amphora?");
  const both = await Promise.all(["One", "Two"].map((text) => run(["answer", id, text, "--into", NOTES])));
  expect(both.map(({ code }) => code === 0).filter(Boolean)).toHaveLength(1);
  expect((await document(NOTES)).match(/\*\*Answer\*\*/g)).toHaveLength(1);
}, 60_000);

test("an answer comes from words, a file, stdin or an editor, and from one of them", async () => {
  const { repository, run, ask, json } = await open();
  const file = await ask("Which lid closes the amphora?");
  await repository.write("answer.txt", "From a file.\n");
  expect((await run(["answer", file, "--file", join(repository.path, "answer.txt")])).code).toBe(0);
  const stdin = await ask("Which lid closes the barrel?");
  expect((await run(["answer", stdin, "--file", "-"], { input: "From stdin.\n" })).code).toBe(0);
  const edited = await ask("Which lid closes the casket?");
  const editor = await scriptedEditor(`text.replace(/^\\s*/, "From an editor.\\n")`);
  expect((await run(["answer", edited, "--editor"], { env: { VISUAL: editor } })).code).toBe(0);
  for (const [id, text] of Object.entries({
    [file]: "From a file.",
    [stdin]: "From stdin.",
    [edited]: "From an editor.",
  }))
    expect(await json("questions", id)).toMatchObject({ answer: { text } });
  expect((await run(["answer", file])).stderr).toContain("one of them");
  expect((await run(["answer", file, "a", "--file", "-"])).code).toBe(64);
  const left = await ask("Which lid closes the drum?");
  const nothing = await scriptedEditor("text");
  expect((await run(["answer", left, "--editor"], { env: { VISUAL: nothing } })).stderr).toContain(
    "Nothing was written",
  );
}, 60_000);

/** A program that changes the file as an editor would: `text` is what it holds. */
async function scriptedEditor(change: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "specloop-editor-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "editor.mjs");
  const body = `import { readFileSync, writeFileSync } from "node:fs";\nconst file = process.argv.at(-1);\nconst text = readFileSync(file, "utf8");\nwriteFileSync(file, ${change});\n`;
  await writeFile(path, `#!${process.execPath}\n${body}`);
  await chmod(path, 0o755);
  return path;
}

/** A person at a terminal who types these lines, each when a prompt asks for it. */
function walking(world: World, lines: string[], env: Record<string, string> = {}) {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const said: string[] = [];
  stdout.on("data", (chunk: Buffer) => void said.push(chunk.toString()));
  stderr.on("data", (chunk: Buffer) => {
    said.push(chunk.toString());
    const next = chunk.toString().endsWith("> ") ? lines.shift() : undefined;
    if (next !== undefined) stdin.write(`${next}\n`);
    else if (chunk.toString().endsWith("> ")) stop.abort();
  });
  const stop = new AbortController();
  const output = new Output({ json: false, color: false, columns: 80, stdout, stderr });
  const context = { env: { ...process.env, ...env }, path: world.repository.path, output, stdin, signal: stop.signal };
  const walk = async () => walkInbox(context, inboxShape.parse({ ...(await world.json("inbox")), approvals: [] }));
  return { walk, said: () => said.join("") };
}

scenario(
  "questions",
  "A person goes through the inbox",
  async () => {
    const world = await open();
    const ids = [];
    for (const thing of ["amphora", "barrel", "casket", "drum", "ewer"])
      ids.push(await world.ask(`Which lid closes the ${thing}?`));
    const editor = await scriptedEditor(`"A long\\nanswer.\\n" + text`);
    const lines = ["a", "The cork one.", "d", "out of scope", "s", "w", `${NOTES}#Kitchen`, "The iron one.", "e"];
    const { walk, said } = walking(world, lines, { VISUAL: editor });
    await walk();
    const answers = await Promise.all(ids.map((id) => world.json("questions", id)));
    expect(answers.map(({ answer }) => (answer as { text: string } | undefined)?.text)).toEqual([
      "The cork one.",
      "Declined: out of scope",
      undefined,
      "The iron one.",
      "A long\nanswer.",
    ]);
    expect(await world.document(NOTES)).toContain("The iron one.");
    expect(said()).toContain("4 answered, 1 still waiting.");
    expect(said()).toContain("tried documents: declined");
  },
  60_000,
);

scenario(
  "questions",
  "The walk is interrupted",
  async () => {
    const world = await open();
    const first = await world.ask("Which lid closes the amphora?");
    const second = await world.ask("Which lid closes the barrel?");
    const { walk } = walking(world, ["a", "The cork one.", "a"]);
    await expect(walk()).rejects.toMatchObject({ code: "cancelled" });
    expect(await world.json("questions", first)).toMatchObject({ status: "answered" });
    expect(await world.json("questions", second)).toMatchObject({ status: "pending" });
    // What cannot be sent is kept, and the editor begins with it.
    const refused = walking(world, ["w", "docs/none.md", "A barrel has none.", "q"]);
    await refused.walk();
    expect(refused.said()).toContain("Your answer is kept in");
    const editor = await scriptedEditor("text");
    await world.run(["answer", second, "--editor"], { env: { VISUAL: editor } });
    expect(await world.json("questions", second)).toMatchObject({ answer: { text: "A barrel has none." } });
  },
  60_000,
);

scenario(
  "questions",
  "Somebody watches the inbox",
  async () => {
    const { repository, ask } = await open();
    const { spawn } = await import("node:child_process");
    const { cleanEnvironment, MAIN } = await import("../helpers/command.ts");
    const args = [MAIN, "inbox", "--watch", "--repo", repository.path];
    const watch = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void watch.kill("SIGKILL"));
    let said = "";
    watch.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(() => said, { timeout: 20_000 }).toContain("No question waits for you.");
    const id = await ask("Which lid closes the amphora?");
    await expect.poll(() => said, { timeout: 20_000 }).toContain(id);
    expect(said).toMatch(/QUESTION +DUE +KIND/);
  },
  60_000,
);
