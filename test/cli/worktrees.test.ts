import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Approvers, personFiles } from "../../src/access/approvals/index.ts";
import { connectStdio } from "../../src/adapters/mcp-client/index.ts";
import { connectControl } from "../../src/server/control-client.ts";
import { cleanEnvironment, MAIN, specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

const NOTES = Array.from({ length: 10 }, (_item, index) => [`openspec/changes/add-it/note-${index}.md`, "# Note\n\n"]);
const FILES = { "openspec/changes/add-it/proposal.md": "# Add it\n", ...(Object.fromEntries(NOTES) as object) };
const person = { kind: "person", name: "Ada" } as const;

async function linkedWorktree(repository: TemporaryRepository, branch: string): Promise<string> {
  const path = `${repository.path}-${branch}`;
  await repository.git("worktree", "add", "--quiet", "-b", branch, path);
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function mcpClient(repository: string) {
  return connectStdio({
    client: "agent",
    command: process.execPath,
    args: [MAIN, "mcp", "--repo", repository],
    cwd: repository,
    env: cleanEnvironment(),
  });
}

scenario(
  "documents",
  "Clients in two worktrees edit at the same time",
  async () => {
    await using repository = await temporaryRepository(FILES);
    const linked = await linkedWorktree(repository, "feature");
    await using daemon = await startDaemon(repository.path);
    await using here = await mcpClient(repository.path);
    await using there = await mcpClient(linked);
    const edit = (client: typeof here, who: string, turn: number) => {
      const path = `openspec/changes/add-it/note-${turn % 10}.md`;
      const edits = [{ kind: "append_to_section", section: "Note", content: `- ${who} ${turn}\n` }];
      return client.callTool("doc_update", { path, edits, reason: `Note ${turn} of ${who}` });
    };
    const turns = Array.from({ length: 100 }, (_item, turn) => turn);
    await Promise.all(turns.flatMap((turn) => [edit(here, "main", turn), edit(there, "side", turn)]));

    for (const [git, who, other] of [
      [repository.git, "main", "side"],
      [(...args: string[]) => repository.git("-C", linked, ...args), "side", "main"],
    ] as const) {
      const text = await Promise.all(
        turns.slice(0, 10).map((note) => git("show", `HEAD:openspec/changes/add-it/note-${note}.md`)),
      );
      const lines = new Set(text.join("\n").split("\n"));
      expect(turns.filter((turn) => !lines.has(`- ${who} ${turn}`))).toEqual([]);
      expect([...lines].filter((line) => line.startsWith(`- ${other}`))).toEqual([]);
      expect(await git("status", "--porcelain")).toBe("");
    }
    expect((await specloop(["up", "--repo", linked])).code).toBe(3);
    expect(daemon.status.repository).toBe(repository.path);
  },
  120_000,
);

test("an edit that waits in a worktree is taken up when the daemon is there again", async () => {
  await using repository = await temporaryRepository(FILES);
  const linked = await linkedWorktree(repository, "feature");
  const lock = join(repository.path, ".git/worktrees", linked.split("/").at(-1)!, "index.lock");
  const first = await startDaemon(repository.path);
  await using client = await connectControl(first.status.socket, person, { worktree: linked });
  await repository.git("-C", linked, "commit", "--allow-empty", "--quiet", "--message", "Mine");
  const { writeFile } = await import("node:fs/promises");
  await writeFile(lock, "");
  const path = "openspec/changes/add-it/note-1.md";
  const edits = [{ kind: "append_to_section", section: "Note", content: "- later\n" }];
  const { output } = await client.call("doc_update", { path, edits, reason: "Later" });
  expect(output["status"]).toBe("commit_pending");
  await first.end("SIGKILL");
  await rm(lock);
  await using _second = await startDaemon(repository.path);
  await expect
    .poll(() => repository.git("-C", linked, "show", `HEAD:${path}`), { timeout: 10_000 })
    .toContain("- later");
  expect(await repository.git("show", `HEAD:${path}`)).not.toContain("- later");
});

test("a folder that is no worktree of the repository is refused, and a removed worktree is closed", async () => {
  await using repository = await temporaryRepository(FILES);
  await using other = await temporaryRepository(FILES);
  const linked = await linkedWorktree(repository, "feature");
  await using daemon = await startDaemon(repository.path);
  const read = async (worktree: string) => {
    await using client = await connectControl(daemon.status.socket, person, { worktree });
    return await client.call("doc_read", { path: "openspec/changes/add-it/note-1.md" });
  };
  await expect(read(other.path)).rejects.toMatchObject({ code: "not_a_repository" });
  expect(existsSync(join(other.path, ".specloop"))).toBe(false);
  expect((await read(linked)).output["content"]).toContain("# Note");
  expect(await repository.git("-C", linked, "status", "--porcelain")).toBe("");
  await repository.git("worktree", "remove", linked);
  await expect(read(linked)).rejects.toMatchObject({ code: "not_a_repository" });
  expect(existsSync(linked)).toBe(false);
});

test("a worktree whose branch brings state along is not opened", async () => {
  await using repository = await temporaryRepository(FILES);
  const linked = await linkedWorktree(repository, "feature");
  await repository.write("../" + linked.split("/").at(-1)! + "/.specloop/core.db", "planted");
  await repository.git("-C", linked, "add", "--force", ".specloop");
  await repository.git("-C", linked, "commit", "--quiet", "--message", "Plant");
  await using daemon = await startDaemon(repository.path);
  await using client = await connectControl(daemon.status.socket, person, { worktree: linked });
  await expect(client.call("doc_read", { path: "openspec/changes/add-it/note-1.md" })).rejects.toMatchObject({
    code: "path_protected",
  });
});

scenario("daemon", "A bare repository has one daemon for its worktrees", async () => {
  await using repository = await temporaryRepository(FILES);
  const bare = `${repository.path}-bare`;
  onTestFinished(() => rm(bare, { recursive: true, force: true }));
  await repository.git("clone", "--quiet", "--bare", repository.path, join(bare, "project.git"));
  const git = (...args: string[]) => repository.git("-C", join(bare, "project.git"), ...args);
  await git("worktree", "add", "--quiet", join(bare, "main"), "main");
  await git("worktree", "add", "--quiet", "-b", "side", join(bare, "side"));
  await using daemon = await startDaemon(join(bare, "side"));
  expect(daemon.status.repository).toBe(join(bare, "side"));
  expect((await specloop(["up", "--repo", join(bare, "main")])).code).toBe(3);
  const shown = await specloop(["doc", "read", "openspec/changes/add-it/note-1.md", "--repo", join(bare, "main")]);
  expect(shown.code, shown.stderr).toBe(0);
  expect(existsSync(join(bare, "project.git/.specloop/daemon.json"))).toBe(true);
  await using client = await mcpClient(join(bare, "main"));
  expect((await client.listTools()).length).toBeGreaterThan(0);
});

scenario("daemon", "A linked worktree asks for a daemon", async () => {
  await using repository = await temporaryRepository(FILES);
  const linked = await linkedWorktree(repository, "feature");
  await using daemon = await startDaemon(linked);
  expect(daemon.status.repository).toBe(repository.path);
  // What git's hooks and scripts leave in the surroundings leads nowhere else.
  const env = { GIT_DIR: "/nowhere/.git", GIT_WORK_TREE: "/nowhere", GIT_INDEX_FILE: "/nowhere/index" };
  expect((await specloop(["status", "--repo", linked], { env })).code).toBe(0);
});

scenario(
  "approvals",
  "A sensitive edit in a linked worktree",
  async () => {
    const spec = "openspec/specs/thing/spec.md";
    await using repository = await temporaryRepository({ ...FILES, [spec]: "# thing\n\nIt is blue.\n" });
    const linked = await linkedWorktree(repository, "feature");
    const home = await mkdtemp(join(tmpdir(), "specloop-person-"));
    onTestFinished(() => rm(home, { recursive: true, force: true }));
    const env = { XDG_CONFIG_HOME: home };
    await using daemon = await startDaemon(repository.path, { env });
    const agent = { kind: "agent", name: "claude-code" } as const;
    await using there = await connectControl(daemon.status.socket, agent, { worktree: linked });
    const edits = [{ kind: "replace_text", find: "blue", replace: "green" }];
    const { output } = await there.call("doc_update", { path: spec, edits, reason: "Recolour" });
    expect(output).toMatchObject({ status: "proposed", approval: expect.stringMatching(/^ap-/) });
    const id = String(output["approval"]);
    const approvers = new Approvers({ files: personFiles(env), outside: [repository.path] });
    const [code = ""] = await approvers.enroll({ name: "Ada", email: "ada@example.org" }, { lost: false, now: 1 });
    await using ada = await connectControl(daemon.status.socket, person);
    const statement = String((await ada.call("approval_review", { id })).output["statement"]);
    const key = (await approvers.keyFor(code))!;
    const proof = { key: key.publicKey, signature: key.sign(statement) };
    await expect(ada.call("approval_decide", { id, decision: "approve" })).rejects.toThrow("L1");
    await ada.call("approval_decide", { id, decision: "approve", method: "code", code: proof });
    const state = async () => (await ada.call("approval_get", { id })).output["state"];
    await expect.poll(state, { timeout: 20_000 }).toBe("carried_out");
    const git = (...args: string[]) => repository.git("-C", linked, ...args);
    expect(await git("show", `HEAD:${spec}`)).toContain("green");
    expect(await git("log", "-1", "--format=%B")).toContain(`Specloop-Approval: ${id}`);
    expect(await repository.git("show", `main:${spec}`)).toContain("blue");
  },
  60_000,
);
