import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { expect, test } from "vitest";
import { openGit } from "../../src/adapters/git/index.ts";
import { placesOf } from "../../src/foundation/rendezvous.ts";
import { specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";

/** A folder outside every repository. */
async function elsewhere() {
  const path = await mkdtemp(join(tmpdir(), "specloop-victim-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test("state that is committed is refused, whatever the case of its name", async () => {
  for (const folder of [".specloop", ".SpecLoop"]) {
    await using repository = await temporaryRepository({ [`${folder}/token`]: `${"A".repeat(43)}\n`, "a.md": "# A\n" });
    // What a clone under umask 077 has: nothing about the file's mode tells that it is not ours.
    await chmod(join(repository.path, folder), 0o700);
    await chmod(join(repository.path, folder, "token"), 0o600);
    const { code, stderr } = await specloop(["up", "--repo", repository.path, "--port", "0"]);
    expect([code, stderr]).toEqual([expect.any(Number), expect.stringContaining("git rm -r --cached")]);
    expect(code).not.toBe(0);
    expect(await readFile(join(repository.path, folder, "token"), "utf8")).toBe(`${"A".repeat(43)}\n`);
  }
});

test.each(["core.db", "telemetry.db", "lock.db", "daemon.json", "token", "logs/daemon.log", "logs/start.log"])(
  "nothing is written through a link called %s",
  async (name) => {
    await using repository = await temporaryRepository({ "a.md": "# A\n" });
    await using victim = await elsewhere();
    const file = join(victim.path, "profile");
    await writeFile(file, "");
    await mkdir(join(repository.path, ".specloop/logs"), { recursive: true, mode: 0o700 });
    await symlink(file, join(repository.path, ".specloop", name));
    const ups = [["up"], ["up", "--detached"]];
    for (const up of ups) {
      const { code, stderr } = await specloop([...up, "--repo", repository.path, "--port", "0"]);
      expect([code === 0, stderr.length > 0]).toEqual([false, true]);
    }
    const shim = await specloop(["mcp", "--repo", repository.path]);
    expect(shim.code).not.toBe(0);
    expect(shim.stdout).toBe("");
    expect(await readFile(file, "utf8")).toBe("");
  },
);

test("a folder that is a link is not written to, by daemon or shim", async () => {
  await using repository = await temporaryRepository({ "a.md": "# A\n" });
  await using victim = await elsewhere();
  await symlink(victim.path, join(repository.path, ".specloop"));
  for (const command of [["up"], ["up", "--detached"], ["mcp"]]) {
    const { code, stderr } = await specloop([...command, "--repo", repository.path]);
    expect(code, stderr).not.toBe(0);
    expect(stderr).toContain("move it away");
  }
  const { readdir } = await import("node:fs/promises");
  expect(await readdir(victim.path)).toEqual([]);
});

test("daemon.json and links lead no client to another program's socket", async () => {
  await using repository = await temporaryRepository({ "a.md": "# A\n" });
  await using victim = await elsewhere();
  const received: Buffer[] = [];
  const agent = createServer((socket) => socket.on("data", (chunk) => received.push(chunk)).on("error", () => {}));
  const path = join(victim.path, "agent.sock");
  agent.listen(path);
  await once(agent, "listening");
  try {
    await mkdir(join(repository.path, ".specloop"), { mode: 0o700 });
    await writeFile(
      join(repository.path, ".specloop/daemon.json"),
      JSON.stringify({ socket: path, version: "\u001b[31m" }),
    );
    await symlink(path, join(repository.path, ".specloop/daemon.sock"));
    for (const command of [["mcp"], ["status"], ["ask", "Where?"]]) {
      const { code, stderr } = await specloop([...command, "--repo", repository.path], {
        input: '{"jsonrpc":"2.0"}\n',
      });
      expect(code, stderr).not.toBe(0);
      expect(stderr).toContain("is not a socket");
    }
    await rm(join(repository.path, ".specloop/daemon.sock"));
    await using _daemon = await startDaemon(repository.path);
    const hello = '{"jsonrpc":"2.0","id":1,"method":"ping"}\n';
    const through = await specloop(["mcp", "--repo", repository.path], { input: hello });
    expect(through.stdout).toContain('"result":{}');
    expect(Buffer.concat(received).toString()).toBe("");
  } finally {
    agent.close();
  }
});

test("specloop.yaml does not choose what is listened on", async () => {
  await using victim = await elsewhere();
  const socket = join(victim.path, "made/daemon.sock");
  await using repository = await temporaryRepository({ "specloop.yaml": `server:\n  socket: ${socket}\n` });
  const { code, stderr } = await specloop(["up", "--repo", repository.path]);
  expect(code).not.toBe(0);
  expect(stderr).toContain("WORKFLOW_ORCHESTRATOR_SOCKET");
});

test("where both would be too long for a socket, daemon and clients still meet", async () => {
  await using folder = await elsewhere();
  const root = join(folder.path, "x".repeat(120));
  expect(placesOf(root).socket).toContain(`specloop-${process.getuid?.()}`);
  expect(placesOf(root).socket).toBe(placesOf(root).socket);
  expect(placesOf(`${root}y`).socket).not.toBe(placesOf(root).socket);
});

test("programs that the repository brings along are not found on the PATH", async () => {
  await using repository = await temporaryRepository({ "a.md": "# A\n", "sub/b.md": "# B\n" });
  await using victim = await elsewhere();
  const mark = join(victim.path, "ran");
  const bin = join(repository.path, "node_modules/.bin");
  await mkdir(bin, { recursive: true });
  for (const name of ["git", "node", "openspec"]) {
    await writeFile(join(bin, name), `#!/bin/sh\necho ${name} >> "${mark}"\nexit 1\n`, { mode: 0o755 });
    await writeFile(join(repository.path, name), `#!/bin/sh\necho ${name} >> "${mark}"\nexit 1\n`, { mode: 0o755 });
  }
  await symlink(bin, join(victim.path, "linked"));
  const PATH = [bin, ".", "", join(victim.path, "linked"), process.env["PATH"] ?? ""].join(delimiter);
  const git = await openGit(join(repository.path, "sub"), { env: { ...process.env, PATH } });
  expect(await git.history({ limit: 1 })).toHaveLength(1);
  expect((await git.head()).branch).toBe("main");
  const { code, stderr } = await specloop(["init", "--repo", repository.path], { env: { PATH }, cwd: repository.path });
  expect(code, stderr).toBe(0);
  await using _daemon = await startDaemon(repository.path, { env: { PATH } });
  expect((await specloop(["status", "--repo", repository.path], { env: { PATH }, cwd: repository.path })).code).toBe(0);
  await specloop(["doctor", "--repo", repository.path], { env: { PATH }, cwd: repository.path });
  expect(await readFile(mark, "utf8").catch(() => "nothing ran")).toBe("nothing ran");
});

test("a bare repository among the files is not followed", async () => {
  await using repository = await temporaryRepository({ "a.md": "# A\n" });
  await using victim = await elsewhere();
  const mark = join(victim.path, "ran");
  const bare = join(repository.path, "fixtures/bare");
  await mkdir(join(bare, "objects"), { recursive: true });
  await mkdir(join(bare, "refs"));
  await writeFile(join(bare, "HEAD"), "ref: refs/heads/main\n");
  const config = `[core]\n\tbare = false\n\tworktree = "${repository.path}"\n\tfsmonitor = "echo ran > '${mark}'; false"\n`;
  await writeFile(join(bare, "config"), config);
  const { places } = await openGit(bare).catch(() => ({ places: { gitDirectory: "refused" } }));
  expect(places.gitDirectory).not.toBe(bare);
});
