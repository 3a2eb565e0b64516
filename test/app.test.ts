import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { startDaemon } from "./helpers/command.ts";
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
