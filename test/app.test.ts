import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { specloop, startDaemon } from "./helpers/command.ts";
import { temporaryRepository } from "./helpers/repository.ts";

const path = "openspec/changes/a/proposal.md";
const request = {
  files: [{ path, edits: [{ kind: "replace_section", section: "Why", content: "new" }] }],
  reason: "Say more",
  principal: { kind: "agent", name: "claude-code" },
};

test("an edit that a crash interrupted and the next start finishes is audited", async () => {
  await using repository = await temporaryRepository({ [path]: "## Why\n\nold\n", ".gitignore": ".specloop/\n" });
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "document-manager/crash-child.ts"), repository.path, "written", JSON.stringify(request)],
    { stdio: "ignore" },
  );
  await once(child, "close");
  {
    await using daemon = await startDaemon(repository.path);
    expect(await daemon.end("SIGTERM")).toBe(0);
  }
  const database = new DatabaseSync(join(repository.path, ".specloop/core.db"), { readOnly: true });
  const rows = database.prepare("SELECT actor, action, target FROM audit").all();
  database.close();
  expect(rows).toMatchObject([{ actor: "agent:claude-code", action: "document.updated", target: path }]);
});

test("a daemon that is asked to stop ends soon, also when a hook of git hangs", async () => {
  await using repository = await temporaryRepository({ [path]: "## Why\n\nold\n" });
  await repository.write(".git/hooks/pre-commit", "#!/bin/sh\ntouch .git/hanging\nsleep 25\n");
  chmodSync(join(repository.path, ".git/hooks/pre-commit"), 0o755);
  await using daemon = await startDaemon(repository.path);
  const input = JSON.stringify({ path, edits: request.files[0]!.edits, reason: "Say more" });
  const edit = specloop(["call", "doc_update", input, "--repo", repository.path]);
  await expect.poll(() => existsSync(join(repository.path, ".git/hanging")), { timeout: 15_000 }).toBe(true);
  expect((await specloop(["stop", "--repo", repository.path])).code).toBe(0);
  const ended = once(daemon.process, "exit").then(() => "ended");
  const hook = new Promise((resolve) => setTimeout(() => resolve("waited for the hook"), 15_000).unref());
  expect(daemon.process.exitCode === null ? await Promise.race([ended, hook]) : "ended").toBe("ended");
  await edit;
});
