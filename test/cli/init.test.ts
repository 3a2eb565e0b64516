import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { specloop } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

scenario("daemon", "Init in an empty repository", async () => {
  const other = { mcpServers: { other: { command: "other" } } };
  await using repository = await temporaryRepository({ ".mcp.json": JSON.stringify(other) });
  const first = await specloop(["init", "--client", "claude-code", "--repo", repository.path, "--json"]);
  expect(first.code, first.stderr).toBe(0);
  expect(JSON.parse(first.stdout)).toMatchObject({
    written: expect.arrayContaining(["openspec/config.yaml", ".mcp.json"]),
  });
  const config = await readFile(join(repository.path, ".mcp.json"), "utf8");
  const { mcpServers } = JSON.parse(config) as { mcpServers: Record<string, { args: string[] }> };
  expect(Object.keys(mcpServers).toSorted()).toEqual(["other", "specloop"]);
  expect(mcpServers["specloop"]?.args).toContain("mcp");
  const second = await specloop(["init", "--client", "claude-code", "--repo", repository.path, "--json"]);
  expect(JSON.parse(second.stdout)).toMatchObject({ written: [] });
  expect(await readFile(join(repository.path, ".mcp.json"), "utf8")).toBe(config);
});

test("VS Code has another key and wants the type; Claude Desktop is shown, not written", async () => {
  await using repository = await temporaryRepository({ "README.md": "# x\n" });
  const result = await specloop(["init", "--client", "all", "--repo", repository.path, "--json"]);
  const { shown } = JSON.parse(result.stdout) as { shown: Record<string, string> };
  expect(JSON.parse(shown["claude-desktop"]!)).toMatchObject({
    mcpServers: { specloop: { args: expect.arrayContaining(["--repo", repository.path]) } },
  });
  const vscode = JSON.parse(await readFile(join(repository.path, ".vscode/mcp.json"), "utf8")) as unknown;
  expect(vscode).toMatchObject({ servers: { specloop: { type: "stdio" } } });
});

test("a client configuration that is not JSON is left as it is", async () => {
  await using repository = await temporaryRepository({ ".mcp.json": "{ not json" });
  const result = await specloop(["init", "--client", "claude-code", "--repo", repository.path]);
  expect(result.code).toBe(64);
  expect(result.stderr).toContain(".mcp.json");
  expect(await readFile(join(repository.path, ".mcp.json"), "utf8")).toBe("{ not json");
});

test("an unknown client is named with those that are known", async () => {
  await using repository = await temporaryRepository({ "README.md": "# x\n" });
  const result = await specloop(["init", "--client", "emacs", "--repo", repository.path]);
  expect(result.code).toBe(64);
  expect(result.stderr).toContain("claude-code");
});
