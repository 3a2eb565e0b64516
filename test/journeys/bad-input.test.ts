import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startFakeLmStudio } from "../../src/adapters/llm/fake/index.ts";
import { specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { type Agent, openAgent } from "./agents.ts";

const TASKS = "openspec/changes/add-thing/tasks.md";
const FILES = {
  "openspec/config.yaml": "schema: spec-driven\n",
  "openspec/specs/.gitkeep": "",
  "openspec/changes/add-thing/proposal.md": "# Add a thing\n\n## Why\nBecause it is missing.\n",
  [TASKS]: "## 1. Do\n- [x] 1.1 First\n- [ ] 1.2 Second\n",
  "README.md": "# Sheds\n\nThe bicycle shed is painted green since 2019.\n",
};
const tick = { path: TASKS, edits: [{ kind: "set_task", task: "1.2" }], reason: "Tick" };

async function codes(agent: Agent, calls: [string, Record<string, unknown>][]): Promise<(string | null)[]> {
  const found = [];
  for (const [tool, input] of calls) {
    const { code, fix, message } = await agent.call(tool, input);
    if (code !== null) expect(fix, `${tool}: ${message}`).not.toBe("");
    found.push(code);
  }
  return found;
}

test("every tool that takes a path refuses what is no document of the repository, and touches nothing", async () => {
  await using repository = await temporaryRepository(FILES);
  symlinkSync("/etc", join(repository.path, "out"));
  symlinkSync("/dev/zero", join(repository.path, "zero.md"));
  const status = await repository.git("status", "--porcelain");
  await using _daemon = await startDaemon(repository.path);
  await using agent = await openAgent(repository.path);
  const refused: [string, string][] = [
    ["../x.md", "path_outside_root"],
    ["a/../../x.md", "path_outside_root"],
    ["/etc/passwd", "path_outside_root"],
    ["out/hosts.md", "path_outside_root"],
    ["zero.md", "path_outside_root"],
    ["a\0b.md", "path_outside_root"],
    ["", "path_outside_root"],
    ["x".repeat(9000), "path_outside_root"],
    [".git/config", "path_protected"],
    [".specloop/token", "path_protected"],
    ["openspec", "path_protected"],
    ["README.md/x.md", "unknown_document"],
    [`${"é".repeat(200)}.md`, "bad_input"],
  ];
  for (const [path, code] of refused) {
    const write = { path, edits: [{ kind: "write", content: "x" }], reason: "Try" };
    const got = await codes(agent, [
      ["doc_read", { path }],
      ["doc_update", write],
      ["doc_history", { path }],
    ]);
    expect(got, path.slice(0, 50)).toEqual([code, code, code]);
  }
  expect(await repository.git("status", "--porcelain")).toBe(status);
  expect(await repository.git("branch", "--list", "specloop/*")).toBe("");
});

test("what does not exist, is stale or is misspelt is refused with what to do", async () => {
  await using repository = await temporaryRepository(FILES);
  await using _daemon = await startDaemon(repository.path);
  await using agent = await openAgent(repository.path);
  const update = (edit: Record<string, unknown>, rest = {}) => ({ path: TASKS, edits: [edit], reason: "Try", ...rest });
  const calls: [string, Record<string, unknown>, string][] = [
    ["change_get", { id: "nope" }, "unknown_change"],
    ["change_check", { id: "../../etc" }, "unknown_change"],
    ["question_get", { questionId: "q-nope" }, "unknown_question"],
    ["answer_submit", { questionId: "q-nope", text: "x" }, "unknown_question"],
    ["metric_get", { metric: "nope" }, "bad_input"],
    ["change_list", { cursor: "zzz" }, "bad_input"],
    ["question_ask", { text: "x".repeat(100_000) }, "bad_input"],
    ["question_ask", { text: "  " }, "bad_input"],
    ["question_ask", { question: "Misspelt?" }, "bad_input"],
    ["doc_read", { path: "nope.md" }, "unknown_document"],
    ["doc_update", update({ kind: "set_task", task: "9.9" }), "unknown_section"],
    ["doc_update", update({ kind: "append_to_section", section: "Nope", content: "x" }), "unknown_section"],
    ["doc_update", update({ kind: "set_task", task: "1.2" }, { baseRevision: "0".repeat(40) }), "stale_revision"],
  ];
  const got = await codes(
    agent,
    calls.map(([tool, input]) => [tool, input]),
  );
  expect(got).toEqual(calls.map(([, , code]) => code));
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test("files of 100 MB, inside a change and outside, are never read whole: memory stays bounded and asks are answered", async () => {
  await using repository = await temporaryRepository(FILES);
  await using daemon = await startDaemon(repository.path);
  await using agent = await openAgent(repository.path);
  mkdirSync(join(repository.path, "openspec/changes/big/specs/x"), { recursive: true });
  for (const name of ["proposal.md", "tasks.md", "specs/x/spec.md", ".openspec.yaml", "experiment.yaml"])
    writeHuge(join(repository.path, "openspec/changes/big", name));
  writeHuge(join(repository.path, "docs.md"));
  await expect.poll(async () => (await agent.call("change_get", { id: "big" })).message).toContain("is not read");
  const path = "openspec/changes/big/proposal.md";
  const asks = Array.from({ length: 20 }, () =>
    agent.call("question_ask", { text: "What is the bicycle shed painted?", waitMs: 0 }),
  );
  expect(
    await codes(agent, [
      ["change_check", { id: "big" }],
      ["doc_read", { path }],
      ["doc_update", { path, edits: [{ kind: "replace_text", find: "a", replace: "b" }], reason: "Try" }],
      ["change_check", { id: "add-thing" }],
    ]),
  ).toEqual(["document_too_large", "document_too_large", "document_too_large", null]);
  for (const reply of await Promise.all(asks)) expect(reply.output).toMatchObject({ status: "answered" });
  writeHuge(join(repository.path, "specloop.yaml"));
  await expect.poll(() => logOf(repository.path), { timeout: 20_000 }).toContain("specloop.yaml cannot be used");
  if (process.platform !== "linux") return;
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.status.pid}/status`, "utf8"))?.[1]) / 1024;
  // It was 3700 MB while OpenSpec was let read them, and is about 190.
  expect(peak).toBeLessThan(700);
}, 120_000);

test("garbage, NUL, devices, pipes and rings in a change are told and never end or hang anything", async () => {
  await using repository = await temporaryRepository(FILES);
  const at = (path: string) => join(repository.path, "openspec/changes", path);
  for (const id of ["junk", "links", "ring", "yaml"]) mkdirSync(at(`${id}/specs/x`), { recursive: true });
  const noise = Buffer.from(Array.from({ length: 50_000 }, (_, index) => (index * 7919 + (index >> 3) * 31) & 255));
  for (const name of ["proposal.md", "tasks.md", "specs/x/spec.md", ".openspec.yaml", "experiment.yaml"])
    writeFileSync(at(`junk/${name}`), noise);
  symlinkSync("/dev/zero", at("links/proposal.md"));
  symlinkSync("/dev/zero", at("links/specs/x/spec.md"));
  execFileSync("mkfifo", [at("links/tasks.md")]);
  symlinkSync(at("ring"), at("ring/ring"));
  writeFileSync(at("yaml/.openspec.yaml"), "schema: [\n a: {");
  writeFileSync(at("yaml/proposal.md"), "---\na: [\n---\n# X\n");
  writeFileSync(at("yaml/experiment.yaml"), "metric: [\n");
  await using daemon = await startDaemon(repository.path);
  await using agent = await openAgent(repository.path);
  const messages = [];
  for (const id of ["junk", "links", "ring", "yaml"]) messages.push((await agent.call("change_get", { id })).message);
  expect(messages[0]).toContain("is not UTF-8 text");
  expect(messages[1]).toContain("cannot be read");
  expect(messages[3]).toMatch(/\.openspec\.yaml:2:6/);
  const front = { kind: "set_front_matter", key: "a", value: 1 };
  expect(
    await codes(agent, [
      ["change_check", { id: "junk" }],
      ["change_check", { id: "links" }],
      ["change_check", { id: "ring" }],
      ["doc_read", { path: "openspec/changes/junk/tasks.md" }],
      ["doc_read", { path: "openspec/changes/links/tasks.md" }],
      ["doc_update", { path: "openspec/changes/yaml/proposal.md", edits: [front], reason: "Try" }],
      ["loop_run", {}],
      ["question_ask", { text: "What is the bicycle shed painted?", waitMs: 0 }],
    ]),
  ).toEqual([null, "document_not_text", null, "document_not_text", "unknown_document", "bad_front_matter", null, null]);
  expect(await daemon.end("SIGTERM")).toBe(0);
});

test("a specloop.yaml that is no readable file keeps the daemon from starting, with code 78", async () => {
  await using repository = await temporaryRepository(FILES);
  const path = join(repository.path, "specloop.yaml");
  const makers = [
    () => mkdirSync(path),
    () => execFileSync("mkfifo", [path]),
    () => symlinkSync("/dev/zero", path),
    () => writeFileSync(path, "#".repeat(1 << 20)),
    () => writeFileSync(path, Buffer.from([255, 254, 0, 1, 2])),
    () => writeFileSync(path, "log: &a\n  level: info\nserver: *a\n"),
  ];
  for (const make of makers) {
    rmSync(path, { recursive: true, force: true });
    make();
    const { code, stderr } = await specloop(["up", "--repo", repository.path, "--port", "0"]);
    expect(code, stderr).toBe(78);
    expect(stderr).toContain("specloop.yaml");
  }
});

test("git in the middle of something: edits are kept, and committed when it is over", async () => {
  await using repository = await temporaryRepository(FILES);
  const write = (text: string) => repository.write("README.md", text);
  await repository.git("switch", "--quiet", "--create", "side");
  await write("# Side\n");
  await repository.commitAll("Side");
  await repository.git("switch", "--quiet", "main");
  await write("# Main\n");
  await repository.commitAll("Main");
  await using _daemon = await startDaemon(repository.path);
  await using agent = await openAgent(repository.path);
  await repository.git("switch", "--quiet", "side");
  await expect(repository.git("rebase", "main")).rejects.toThrow("could not apply");
  expect((await agent.call("doc_update", tick)).output).toMatchObject({ status: "commit_pending" });
  expect(await repository.git("status", "--porcelain")).toBe("UU README.md");
  await write("# Both\n");
  await repository.git("add", "README.md");
  await repository.git("-c", "core.editor=true", "rebase", "--continue");
  const newest = () => repository.git("log", "-1", "--format=%s");
  await expect.poll(newest, { timeout: 30_000, interval: 200 }).toBe("Tick");
  await repository.git("checkout", "--quiet", "--detach");
  const untick = { ...tick, edits: [{ kind: "set_task", task: "1.2", done: false }], reason: "Untick" };
  expect((await agent.call("doc_update", untick)).output).toMatchObject({ status: "commit_pending" });
  await repository.git("switch", "--quiet", "side");
  await expect.poll(newest, { timeout: 30_000, interval: 200 }).toBe("Untick");
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test("a repository without commits is served, and says what needs a first one", async () => {
  await using repository = await temporaryRepository();
  await using _daemon = await startDaemon(repository.path);
  await using agent = await openAgent(repository.path);
  expect((await specloop(["init", "--repo", repository.path])).code).toBe(0);
  const write = { path: "README.md", edits: [{ kind: "write", content: "x\n" }], reason: "Try" };
  const propose = async () => (await agent.call("proposal_create", { title: "Add a thing" })).code;
  await expect.poll(propose, { timeout: 20_000 }).toBe("no_commits");
  expect(
    await codes(agent, [
      ["change_list", {}],
      ["question_ask", { text: "Which colour?", waitMs: 0 }],
      ["loop_run", {}],
      ["doc_update", write],
    ]),
  ).toEqual([null, null, null, "no_commits"]);
});

const FAULTS = {
  garbage: { garbage: 1000 },
  frozen: { frozen: true },
  hangs: { firstTokenMs: 600_000 },
  "dies mid-stream": { midStream: "die" },
  stalls: { midStream: "stall" },
  floods: { floodMegabytes: 200 },
} as const;

test.each(Object.entries(FAULTS))(
  "a model that %s: asks fall back to people within their deadline",
  async (_name, faults) => {
    await using fake = await startFakeLmStudio();
    await using repository = await temporaryRepository(FILES);
    await using daemon = await startDaemon(repository.path, { env: { LM_STUDIO_BASE_URL: fake.url } });
    await using agent = await openAgent(repository.path);
    fake.faults = faults;
    const text = "How many bananas are painted green inside the bicycle of the submarine?";
    const { output } = await agent.call("question_ask", { text, waitMs: 3000 });
    expect(output).toMatchObject({ status: "pending" });
    const shed = await agent.call("question_ask", { text: "What is the bicycle shed painted?", waitMs: 3000 });
    expect(shed.output).toMatchObject({ status: "answered" });
    expect((await agent.call("loop_run", {})).ok).toBe(true);
    expect(await daemon.end("SIGTERM")).toBe(0);
  },
);

const noMount = process.platform !== "linux" || process.getuid?.() !== 0 ? "SKIPPED: a small disk needs root" : null;
if (noMount) console.warn(noMount);

test.skipIf(noMount)(
  "a full disk refuses with a way out, keeps what was acknowledged and goes on when there is space",
  async () => {
    await using repository = await temporaryRepository(FILES);
    using state = mounted(repository.path, "size=6m");
    const filler = join(state.path, "filler");
    const ids: unknown[] = [];
    {
      await using daemon = await startDaemon(repository.path);
      await using agent = await openAgent(repository.path);
      const ask = (text: string) => agent.call("question_ask", { text, waitMs: 0 });
      for (let index = 0; index < 20; index += 1) ids.push((await ask(`Abcde ${index} fghij?`)).output["questionId"]);
      expect(() => writeFileSync(filler, Buffer.alloc(8 << 20))).toThrow("ENOSPC");
      const refused = await ask("Klmno pqrst?");
      expect(refused).toMatchObject({ code: "store_full", fix: expect.stringContaining("Free space") as string });
      expect((await agent.call("doc_read", { path: "README.md" })).ok).toBe(true);
      rmSync(filler);
      ids.push((await ask("Klmno pqrst?")).output["questionId"]);
      expect(await daemon.end("SIGTERM")).toBe(0);
    }
    await using _again = await startDaemon(repository.path);
    await using agent = await openAgent(repository.path);
    for (const questionId of ids)
      expect((await agent.call("question_get", { questionId })).output).toMatchObject({ status: "pending" });
  },
);

test.skipIf(noMount)("a .specloop that cannot be written is said by every command that starts a daemon", async () => {
  await using repository = await temporaryRepository(FILES);
  using _state = mounted(repository.path, "size=6m,ro");
  for (const command of [["up", "--port", "0"], ["up", "--detached"], ["mcp"]]) {
    const { code, stderr } = await specloop([...command, "--repo", repository.path]);
    expect(code, command.join(" ")).toBe(73);
    expect(stderr).toContain("writable");
  }
});

function mounted(repository: string, options: string): { path: string } & Disposable {
  const path = join(repository, ".specloop");
  mkdirSync(path, { mode: 0o700 });
  execFileSync("mount", ["-t", "tmpfs", "-o", `mode=0700,${options}`, "tmpfs", path]);
  return { path, [Symbol.dispose]: () => execFileSync("umount", ["--lazy", path]) };
}

function writeHuge(path: string): void {
  const file = openSync(path, "w");
  const megabyte = Buffer.from("- [ ] 1.1 a: [[{{ word\n".repeat(46_000));
  for (let written = 0; written < 100; written += 1) writeSync(file, megabyte);
  closeSync(file);
}

function logOf(repository: string): string {
  return readFileSync(join(repository, ".specloop/logs/daemon.log"), "utf8");
}
