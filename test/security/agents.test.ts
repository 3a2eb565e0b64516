import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { specloop, startDaemon } from "../helpers/command.ts";
import { scenario } from "../helpers/scenario.ts";
import { running } from "./running.ts";

scenario(
  "access",
  "The daemon is killed when it has answered",
  async () => {
    await using open = await running();
    const agent = await open.agent("nightly", "--tools", "doc_*", "--write", "openspec/changes/**");
    await open.daemon.end("SIGTERM");
    for (let turn = 0; turn < 4; turn++) {
      await using daemon = await startDaemon(open.repository.path);
      const granted = turn % 2 === 0;
      const edits = [{ kind: "replace_text", find: "heron", replace: `heron ${turn}` }];
      const path = granted ? "openspec/changes/a/proposal.md" : "docs/secret.md";
      const before = open.audit().length;
      const response = await fetch(`${daemon.status.url}/api/tools/doc_update`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${agent}` },
        body: JSON.stringify({ path, edits, reason: "More birds" }),
      });
      daemon.process.kill("SIGKILL");
      expect(response.status).toBe(granted ? 200 : 403);
      await once(daemon.process, "close");
      const entries = open.audit().slice(before);
      // That a tool was called follows the answer where what it did has an entry of its own.
      expect(
        entries
          .filter(({ action }) => action !== "tool.called")
          .map(({ actor, action, target }) => `${actor} ${action} ${target}`),
      ).toEqual(granted ? [`agent:nightly document.updated ${path}`] : ["agent:nightly access.refused doc_update"]);
    }
  },
  120_000,
);

scenario(
  "access",
  "A person reads, checks and exports the log",
  async () => {
    await using open = await running();
    const agent = await open.agent("nightly", "--tools", "doc_read", "--read", "openspec/**");
    const shim = await specloop(["mcp", "--repo", open.repository.path], {
      env: { SPECLOOP_AGENT_TOKEN: agent },
      input: [
        {
          jsonrpc: "2.0",
          id: 1,
          method: "initialize",
          params: {
            protocolVersion: "2025-11-25",
            capabilities: {},
            clientInfo: { name: "claude-code", version: "1" },
          },
        },
        { jsonrpc: "2.0", id: 2, method: "tools/list" },
        {
          jsonrpc: "2.0",
          id: 3,
          method: "tools/call",
          params: { name: "doc_read", arguments: { path: "docs/secret.md" } },
        },
      ]
        .map((message) => `${JSON.stringify(message)}\n`)
        .join(""),
    });
    expect(shim.stdout).toContain('"name":"doc_read"');
    expect(shim.stdout).not.toContain('"name":"question_ask"');
    expect(shim.stdout).toContain("Error forbidden");
    const listed = await open.run("audit", "list", "--action", "access.", "--json");
    expect(JSON.parse(listed.stdout)).toMatchObject({
      entries: [
        { actor: "agent:nightly", action: "access.refused", target: "doc_read", detail: { code: "forbidden" } },
      ],
    });
    expect((await open.run("audit", "--actor", "agent:nightly")).stdout).toContain("access.refused");
    expect((await open.run("audit", "--since", "2999-01-01")).stdout).toContain("No entry fits");
    expect((await open.run("audit", "list", "--since", "soon")).code).toBe(64);
    const exported = (await open.run("audit", "export")).stdout.trim().split("\n");
    const all = exported.map((line) => JSON.parse(line) as { seq: number; hash: string });
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
    const verified = await open.run("audit", "verify");
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining("chain unbroken")]);
    expect((await open.run("agent", "list")).stdout).toMatch(/nightly +active/);
    expect((await open.run("status")).stdout).toContain("1 registered agent");
    const revoked = await open.run("agent", "revoke", "nightly");
    expect([revoked.code, revoked.stdout]).toEqual([0, expect.stringContaining("revoked")]);
    const after = await specloop(["ask", "Where?", "--repo", open.repository.path], {
      env: { SPECLOOP_AGENT_TOKEN: agent },
    });
    expect([after.code, after.stderr]).toEqual([77, expect.stringContaining("revoked")]);
    expect(await open.daemon.end("SIGTERM")).toBe(0);
    const database = new DatabaseSync(join(open.repository.path, ".specloop/core.db"));
    database.exec("DROP TRIGGER audit_no_update; UPDATE audit SET actor = 'person:eve' WHERE seq = 1");
    database.close();
    await using again = await startDaemon(open.repository.path);
    const broken = await open.run("audit", "verify");
    expect([broken.code, broken.stdout]).toEqual([1, expect.stringContaining("Entry 1 was changed")]);
    expect((await open.run("doctor")).stdout).toMatch(/failing +audit /);
    expect(again.process.exitCode).toBe(null);
  },
  120_000,
);

scenario("access", "An answer stands in documents that an agent may not read", async () => {
  await using open = await running();
  const agent = await open.agent("nightly", "--tools", "question_*,answer_submit", "--read", "openspec/**");
  const text = "What is the vault combination?";
  const asked = await specloop(["ask", text, "--repo", open.repository.path, "--json"]);
  expect(asked.stdout).toContain("4711");
  const { questionId } = JSON.parse(asked.stdout) as { questionId: string };
  const headers = { "content-type": "application/json", authorization: `Bearer ${agent}` };
  const call = async (tool: string, input: object) => {
    const request = { method: "POST", headers, body: JSON.stringify(input) };
    return (await fetch(`${open.daemon.status.url}/api/tools/${tool}`, request)).text();
  };
  const withheld = [
    await call("question_ask", { text }),
    await call("question_ask", { text: "Which combination does the vault have?" }),
    await call("question_get", { questionId }),
    await call("question_list", {}),
  ];
  for (const answer of withheld) {
    expect(answer).not.toContain("4711");
    expect(answer).toMatch(/withheld|pending/);
  }
  expect(await call("question_ask", { text: "Where does the heron nest?" })).toContain("reeds");
  const cite = { questionId, text: "x", citations: [{ path: "docs/secret.md" }] };
  expect(await call("answer_submit", cite)).toContain('"forbidden"');
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } };
  const messages = [
    { id: 1, method: "initialize", params },
    { id: 2, method: "resources/read", params: { uri: `specloop://questions/${questionId}` } },
    { id: 3, method: "resources/read", params: { uri: "specloop://changes" } },
    { id: 4, method: "resources/list" },
  ];
  const shim = await specloop(["mcp", "--repo", open.repository.path], {
    env: { SPECLOOP_AGENT_TOKEN: agent },
    input: messages.map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`).join(""),
  });
  const answers = shim.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { id: number; result?: object; error?: { message: string } });
  const answer = (wanted: number) => JSON.stringify(answers.find(({ id }) => id === wanted));
  expect(answer(2)).toContain("withheld");
  expect(answer(3)).toContain("does not include change_list");
  expect(answer(4)).toContain('"result"');
  expect(shim.stdout).not.toContain("4711");
});

test("an idempotency key gives nobody another's result", async () => {
  await using open = await running();
  const agent = await open.agent("nightly", "--tools", "doc_update", "--write", "openspec/changes/**");
  const edits = [{ kind: "replace_text", find: "heron", replace: "stork" }];
  const input = { path: "openspec/changes/a/proposal.md", edits, reason: "Storks", idempotencyKey: "k" };
  const update = async (headers: Record<string, string>) => {
    const request = {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(input),
    };
    return (await (await fetch(`${open.daemon.status.url}/api/tools/doc_update`, request)).json()) as object;
  };
  const own = { authorization: `Bearer ${agent}` };
  const first = await update(own);
  expect(first).toMatchObject({ output: { status: "committed" } });
  expect(await update(own)).toEqual(first);
  const daemon = { authorization: `Bearer ${open.token}` };
  expect(await update(daemon)).not.toHaveProperty("output");
  expect(await update({ ...daemon, "specloop-principal": "agent:nightly" })).toMatchObject({
    error: { code: "unauthorized" },
  });
});

test("what no tool is called, and rates and times that are none, are refused on the command line", async () => {
  await using open = await running();
  const wrong = [
    ["--tools", "doc_reed"],
    ["--rate", "fast"],
    ["--rate", "0"],
    ["--expires", "tomorrow"],
  ];
  for (const options of wrong) {
    const { code, stderr } = await open.run("agent", "add", "nightly", ...options);
    expect([options, code]).toEqual([options, 64]);
    expect(stderr).not.toContain("internal");
  }
  expect((await open.run("agent", "list")).stdout).toContain("No agent is registered");
});
