import { rmSync, writeFileSync } from "node:fs";
import { chmod, readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DocumentEdit } from "../../src/adapters/markdown/index.ts";
import { gitBlobId } from "../../src/foundation/hash.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, openRoom, system, type Room } from "./room.ts";

const proposal = "openspec/changes/add-x/proposal.md";
const tasks = "openspec/changes/add-x/tasks.md";
const spec = "openspec/specs/x/spec.md";
const files = {
  [proposal]: "# Add X\r\n\r\n## Why\r\n\r\n因为 old\r\n\r\n## Impact\r\n\r\nnone\r\n",
  [tasks]: "## 1. Build\n\n- [ ] 1.1 First\n- [ ] 1.2 Second\n",
  [spec]: "# X\n\n## Purpose\n\nTo be.\n",
  ".gitignore": ".specloop/\nopenspec/changes/add-x/ignored.md\n",
};

const why = (content: string): DocumentEdit => ({ kind: "replace_section", section: "Why", content });

function update(room: Room, path: string, edit: DocumentEdit, more: object = {}) {
  return room.manager.update({ files: [{ path, edits: [edit] }], reason: "Say why", principal: agent, ...more });
}

const content = (repository: TemporaryRepository, path: string) => readFile(join(repository.path, path), "utf8");

test("what a listener writes of an update shares the transaction of its row: both are there when it is answered", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  let written = false;
  const write = () => room.store.write(async () => {}).then(() => (written = true));
  using _listening = room.events.on("document.updated", () => void write());
  await update(room, proposal, why("because"));
  expect(written).toBe(true);
});

scenario("documents", "An edit changes only its section and is committed alone", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  await repository.write(tasks, "mine, staged\n");
  await repository.git("add", tasks);
  await repository.write("notes.md", "mine, untracked\n");
  const staged = await repository.git("ls-files", "--stage", tasks);
  const result = await update(room, proposal, why("because\nnew"), { origin: { change: "add-x", question: "q-1" } });
  expect(await content(repository, proposal)).toBe(
    "# Add X\r\n\r\n## Why\r\n\r\nbecause\r\nnew\r\n\r\n## Impact\r\n\r\nnone\r\n",
  );
  expect(result).toMatchObject({
    status: "committed",
    commit: await repository.git("rev-parse", "HEAD"),
    branch: null,
  });
  expect(result.files[0]?.revision).toBe(gitBlobId(await content(repository, proposal)));
  expect(result.files[0]?.diff).toContain("+because\r\n+new\r");
  expect(await repository.git("show", "--name-only", "--format=", "HEAD")).toBe(proposal);
  expect(await repository.git("ls-files", "--stage", tasks)).toBe(staged);
  expect(await repository.git("status", "--porcelain")).toBe(`M  ${tasks}\n?? notes.md`);
  expect(room.seen).toMatchObject([
    { name: "document.updated", payload: { path: proposal, commit: result.commit, edits: 1 } },
  ]);
});

scenario("documents", "History says who, why and what for", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const origin = { change: "add-x", question: "q-1", cycle: "cy-1", proposal: "p-1" };
  await update(room, proposal, why("because"), { origin, reason: "Answer the question\nwhy X is needed" });
  const [entry, begin] = await room.manager.history(proposal, 10);
  expect(entry).toMatchObject({ subject: "Answer the question", author: "Ada Example" });
  expect(entry?.trailers).toMatchObject({
    "Specloop-Principal": "agent:claude-code",
    "Specloop-Reason": "Answer the question why X is needed",
    "Specloop-Change": "add-x",
    "Specloop-Question": "q-1",
    "Specloop-Cycle": "cy-1",
    "Specloop-Proposal": "p-1",
  });
  expect(entry?.trailers["Specloop-Edit"]).toMatch(/^e-/);
  expect(begin).toMatchObject({ subject: "Begin", trailers: {} });
});

scenario("documents", "A stale revision is refused with the current text", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const { revision } = await room.manager.read(proposal);
  await update(room, proposal, why("first"), {
    files: [{ path: proposal, edits: [why("first")], baseRevision: revision }],
  });
  const current = await content(repository, proposal);
  const late = update(room, proposal, why("late"), {
    files: [{ path: proposal, edits: [why("late")], baseRevision: revision }],
  });
  await expect(late).rejects.toMatchObject({
    code: "stale_revision",
    details: { revision: gitBlobId(current), content: current },
  });
  expect(await content(repository, proposal)).toBe(current);
  expect(room.seen.at(-1)).toMatchObject({
    name: "document.refused",
    payload: { path: proposal, code: "stale_revision" },
  });
});

scenario("documents", "Several documents become one commit", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const before = await repository.git("rev-list", "--count", "HEAD");
  const result = await room.manager.update({
    files: [
      { path: proposal, edits: [why("a"), { kind: "append_to_section", section: "Impact", content: "some" }] },
      { path: tasks, edits: [{ kind: "set_task", task: "1.2", done: true }] },
      { path: "openspec/changes/add-x/design.md", edits: [{ kind: "write", content: "# Design\n" }] },
    ],
    reason: "Together",
    principal: agent,
  });
  expect(result.status).toBe("committed");
  expect(result.files).toHaveLength(3);
  expect(Number(await repository.git("rev-list", "--count", "HEAD"))).toBe(Number(before) + 1);
  expect(await content(repository, tasks)).toBe("## 1. Build\n\n- [ ] 1.1 First\n- [x] 1.2 Second\n");
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test("one edit that cannot be made leaves all documents as they were", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const request = {
    files: [
      { path: proposal, edits: [why("a")] },
      { path: tasks, edits: [{ kind: "set_task" as const, task: "9.9", done: true }] },
    ],
  };
  await expect(update(room, proposal, why("a"), request)).rejects.toMatchObject({ code: "unknown_section" });
  expect(await repository.git("status", "--porcelain")).toBe("");
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe("1");
});

scenario("documents", "A sensitive document is proposed on a branch", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  await repository.write(spec, "# X\n\n## Purpose\n\nA person is typing here.\n");
  const head = await repository.git("rev-parse", "HEAD");
  const result = await update(room, spec, { kind: "replace_section", section: "Purpose", content: "To become." });
  expect(result).toMatchObject({ status: "proposed", branch: expect.stringMatching(/^specloop\/e-/) });
  expect(result.message).toContain(`git merge ${result.branch}`);
  expect(await repository.git("rev-parse", "HEAD")).toBe(head);
  expect(await content(repository, spec)).toContain("A person is typing here.");
  expect(await repository.git("show", `${result.branch}:${spec}`)).toBe("# X\n\n## Purpose\n\nTo become.");
  expect(room.seen).toMatchObject([
    { name: "document.proposed", payload: { path: spec, branch: result.branch, commit: result.commit } },
  ]);
  await repository.git("checkout", "--quiet", spec);
  await repository.git("merge", "--quiet", result.branch ?? "");
  expect(await content(repository, spec)).toContain("To become.");
});

test("what is outside openspec/ is sensitive, unless the system applies what a person approved", async () => {
  await using repository = await temporaryRepository({
    ...files,
    "README.md": "# Readme\n",
    "specloop.yaml": "loop: {}\n",
  });
  await using room = await openRoom(repository.path);
  expect(await update(room, "README.md", { kind: "replace_text", find: "Readme", replace: "Read me" })).toMatchObject({
    status: "proposed",
  });
  const approved = { approved: true, principal: system };
  const result = await update(room, "specloop.yaml", { kind: "write", content: "loop:\n  enabled: true\n" }, approved);
  expect(result).toMatchObject({ status: "committed" });
});

test("a revision that is only in the working tree does not fit a proposal", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  await repository.write(spec, "# X\n\n## Purpose\n\nUncommitted.\n");
  const { revision } = await room.manager.read(spec);
  const edits: DocumentEdit[] = [{ kind: "replace_section", section: "Purpose", content: "x" }];
  const failure = update(room, spec, edits[0]!, { files: [{ path: spec, edits, baseRevision: revision }] });
  await expect(failure).rejects.toMatchObject({ code: "stale_revision", details: { content: files[spec] } });
});

scenario("documents", "A document with a person's uncommitted changes is not swallowed", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const mine = files[proposal].replace("none", "a person's sentence");
  await repository.write(proposal, mine);
  const result = await update(room, proposal, why("because"));
  expect(result).toMatchObject({ status: "proposed" });
  expect(await content(repository, proposal)).toBe(mine);
  expect(await repository.git("show", `${result.branch}:${proposal}`)).not.toContain("person's sentence");
  await repository.write("openspec/changes/new/proposal.md", "## Why\n\nnot committed\n");
  const untracked = await update(room, "openspec/changes/new/proposal.md", why("x"));
  expect(untracked).toMatchObject({ status: "written", commit: null });
  expect(await content(repository, "openspec/changes/new/proposal.md")).toBe("## Why\n\nx\n");
  expect(await repository.git("status", "--porcelain")).toBe(` M ${proposal}\n?? openspec/changes/new/`);
});

scenario("documents", "An edit that changes nothing makes no commit", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const result = await update(room, tasks, { kind: "set_task", task: "1.1", done: false });
  expect(result).toMatchObject({ status: "unchanged", commit: null });
  expect(result.files).toEqual([{ path: tasks, revision: gitBlobId(files[tasks]), diff: "" }]);
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe("1");
});

scenario("documents", "A repeated call with the same key is one edit", async () => {
  await using repository = await temporaryRepository(files);
  const append: DocumentEdit = { kind: "append_to_section", section: "Impact", content: "- once" };
  const key = { idempotencyKey: "k-1" };
  let first;
  {
    await using room = await openRoom(repository.path);
    first = await update(room, proposal, append, key);
    expect(await update(room, proposal, append, key)).toEqual(first);
    await expect(update(room, proposal, why("other"), key)).rejects.toMatchObject({ code: "key_reused" });
  }
  await using later = await openRoom(repository.path);
  expect(await update(later, proposal, append, key)).toEqual(first);
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe("2");
});

test("a call that failed may be made again with its key", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const key = { idempotencyKey: "k-2" };
  const hook = join(repository.path, ".git/hooks/pre-commit");
  writeFileSync(hook, "#!/bin/sh\nexit 1\n");
  await chmod(hook, 0o755);
  await expect(update(room, proposal, why("x"), key)).rejects.toMatchObject({ code: "git_failed" });
  rmSync(hook);
  expect(await update(room, proposal, why("x"), key)).toMatchObject({ status: "committed" });
});

scenario("documents", "A commit that a hook refuses is taken back", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const hook = join(repository.path, ".git/hooks/pre-commit");
  writeFileSync(hook, "#!/bin/sh\necho 'no such word: becaus' >&2\nexit 1\n");
  await chmod(hook, 0o755);
  const before = await stat(join(repository.path, proposal));
  await expect(update(room, proposal, why("becaus"))).rejects.toMatchObject({
    message: expect.stringContaining("no such word"),
  });
  expect(await content(repository, proposal)).toBe(files[proposal]);
  expect((await stat(join(repository.path, proposal))).mode).toBe(before.mode);
  await expect(update(room, "openspec/changes/fresh/new.md", { kind: "write", content: "x" })).rejects.toMatchObject({
    code: "git_failed",
  });
  expect(await repository.git("status", "--porcelain")).toBe("");
  expect(await readdir(join(repository.path, "openspec/changes"))).toEqual(["add-x"]);
});

scenario("documents", "An edit made during a rebase waits and is committed afterwards", async () => {
  await using repository = await temporaryRepository(files);
  await repository.git("switch", "--quiet", "--create", "side");
  await repository.write(tasks, "side\n");
  await repository.commitAll("Side");
  await repository.git("switch", "--quiet", "main");
  await repository.write(tasks, "main\n");
  await repository.commitAll("Main");
  await using room = await openRoom(repository.path);
  await repository.git("rebase", "side").catch(() => {});
  const status = await repository.git("status", "--porcelain");
  const result = await update(room, proposal, why("because"));
  expect(result).toMatchObject({ status: "commit_pending", commit: null, message: expect.stringContaining("rebase") });
  expect(await repository.git("status", "--porcelain")).toBe(status);
  const [check] = room.manager.healthChecks();
  expect(await check?.run(new AbortController().signal)).toMatchObject({ status: "warning" });
  await repository.git("rebase", "--abort");
  room.events.emit("git.refs_moved", { head: null, branch: "main" });
  await expect.poll(async () => repository.git("log", "-1", "--format=%s")).toBe("Say why");
  expect(await content(repository, proposal)).toContain("because");
  await expect.poll(() => room.seen.at(-1)?.name).toBe("document.updated");
  expect(await check?.run(new AbortController().signal)).toMatchObject({ status: "ok" });
});

scenario("documents", "A held index lock leaves the edit in the tree and its commit pending", async () => {
  await using repository = await temporaryRepository(files);
  const lock = join(repository.path, ".git/index.lock");
  await using room = await openRoom(repository.path, { git: { lockWaitMs: 100 } });
  writeFileSync(lock, "");
  const result = await update(room, proposal, why("because"));
  expect(result).toMatchObject({ status: "commit_pending", message: expect.stringContaining("index.lock") });
  expect(await content(repository, proposal)).toContain("because");
  expect(await readFile(lock, "utf8")).toBe("");
  rmSync(lock);
  await room.manager.retryPending();
  expect(await repository.git("log", "-1", "--format=%s")).toBe("Say why");
  expect(await repository.git("status", "--porcelain")).toBe("");
  expect(room.seen.at(-1)).toMatchObject({ name: "document.updated", payload: { path: proposal } });
});

test("a pending edit that the person committed, or replaced, is settled without us", async () => {
  await using repository = await temporaryRepository(files);
  const lock = join(repository.path, ".git/index.lock");
  await using room = await openRoom(repository.path, { git: { lockWaitMs: 50 } });
  writeFileSync(lock, "");
  await update(room, proposal, why("because"));
  await update(room, tasks, { kind: "set_task", task: "1.1", done: true });
  rmSync(lock);
  await repository.git("commit", "--quiet", "--message", "By hand", proposal);
  await repository.git("checkout", "--quiet", tasks);
  await room.manager.retryPending();
  const rows = await room.store.read
    .selectFrom("document_edits")
    .select(["state", "commit_id"])
    .orderBy("seq")
    .execute();
  expect(rows).toEqual([
    { state: "committed", commit_id: await repository.git("rev-parse", "HEAD") },
    { state: "failed", commit_id: null },
  ]);
  expect(await repository.git("log", "-1", "--format=%s")).toBe("By hand");
});

test("a first commit may be ours; a proposal needs one", async () => {
  await using repository = await temporaryRepository();
  await repository.write(".gitignore", ".specloop/\n");
  await using room = await openRoom(repository.path);
  await expect(update(room, "README.md", { kind: "write", content: "x" })).rejects.toMatchObject({
    code: "no_commits",
  });
  expect(await update(room, proposal, { kind: "write", content: "## Why\n" })).toMatchObject({ status: "committed" });
  expect(await repository.git("log", "--format=%s")).toBe("Say why");
});

test("edits at once of one document are made in their order and none is lost", async () => {
  await using repository = await temporaryRepository({ ...files, [proposal]: "## Why\n\nstart\n" });
  await using room = await openRoom(repository.path);
  const edits = Array.from({ length: 40 }, (_, index) => `- line ${index}`);
  await Promise.all(
    edits.map((line) => update(room, proposal, { kind: "append_to_section", section: "Why", content: line })),
  );
  const lines = (await content(repository, proposal)).split("\n");
  expect(lines.filter((line) => line.startsWith("- line"))).toEqual(edits);
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe("2");
});
