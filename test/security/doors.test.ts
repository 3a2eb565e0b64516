import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync, statSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { cleanEnvironment, MAIN, type RunningDaemon, specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

const FILES = {
  "openspec/changes/a/proposal.md": "## Why\n\nThe heron nests in the reeds.\n",
  "docs/secret.md": "# Secret\n\nThe vault combination is 4711.\n",
};

interface Running extends AsyncDisposable {
  daemon: RunningDaemon;
  repository: TemporaryRepository;
  token: string;
  /** Registers an agent with the command line and gives its token. */
  agent(name: string, ...options: string[]): Promise<string>;
  run(...args: string[]): ReturnType<typeof specloop>;
  audit(): { actor: string; action: string; target: string; detail: string }[];
}

async function running(): Promise<Running> {
  const repository = await temporaryRepository(FILES);
  const daemon = await startDaemon(repository.path);
  const run = (...args: string[]) => specloop([...args, "--repo", repository.path]);
  return {
    daemon,
    repository,
    run,
    token: readFileSync(join(repository.path, ".specloop/token"), "utf8").trim(),
    agent: async (name, ...options) => {
      const { stdout, stderr } = await run("agent", "add", name, ...options, "--json");
      expect(stderr).toBe("");
      return (JSON.parse(stdout) as { token: string }).token;
    },
    audit: () => auditOf(repository),
    [Symbol.asyncDispose]: async () => {
      await daemon[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    },
  };
}

function auditOf({ path }: TemporaryRepository) {
  const database = new DatabaseSync(join(path, ".specloop/core.db"), { readOnly: true });
  const rows = database.prepare("SELECT actor, action, target, detail FROM audit ORDER BY seq").all();
  database.close();
  return rows as unknown as { actor: string; action: string; target: string; detail: string }[];
}

interface Attack {
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** fetch would set Host and Origin itself. */
async function attack(
  { daemon }: Running,
  { path = "/api/tools/doc_read", method = "POST", headers = {}, body = "{}" }: Attack,
) {
  const request = httpRequest({ host: "127.0.0.1", port: daemon.status.port, path, method, headers });
  request.end(body);
  const [response] = (await once(request, "response")) as [NodeJS.ReadableStream & { statusCode: number }];
  return { status: response.statusCode, body: await text(response) };
}

async function hello({ daemon }: Running, line: string): Promise<string> {
  const socket = connect(daemon.status.socket);
  socket.on("error", () => {});
  socket.write(line);
  return text(socket);
}

scenario("access", "An outsider tries every door", async () => {
  await using open = await running();
  const agent = await open.agent("nightly", "--tools", "doc_read", "--read", "openspec/**");
  const { port } = open.daemon.status;
  const json = { "content-type": "application/json" };
  const own = { ...json, host: `127.0.0.1:${port}` };
  const bearer = { ...own, authorization: `Bearer ${open.token}` };
  const body = JSON.stringify({ path: "docs/secret.md" });
  const wrong = `slp_${"W".repeat(43)}`;
  const attacks: [string, Attack, number, string][] = [
    ["no token", { headers: own, body }, 401, "unauthorized"],
    ["a wrong token", { headers: { ...own, authorization: `Bearer ${"x".repeat(43)}` }, body }, 401, "unauthorized"],
    ["a wrong agent token", { headers: { ...own, authorization: `Bearer ${wrong}` }, body }, 401, "unauthorized"],
    [
      "the token in the address",
      { path: `/api/tools/doc_read?token=${open.token}`, headers: own, body },
      401,
      "unauthorized",
    ],
    ["an agent's token in the address", { path: `/mcp?access_token=${agent}`, headers: own }, 401, "unauthorized"],
    ["a foreign origin", { headers: { ...bearer, origin: "https://evil.example" }, body }, 403, "forbidden_host"],
    ["no origin at all", { headers: { ...bearer, origin: "null" }, body }, 403, "forbidden_host"],
    ["a foreign host", { headers: { ...bearer, host: "evil.example" }, body }, 403, "forbidden_host"],
    ["a host that rebinds", { headers: { ...bearer, host: `127.0.0.1.nip.io:${port}` }, body }, 403, "forbidden_host"],
    [
      "a host behind a name",
      { headers: { ...bearer, host: `evil.example@127.0.0.1:${port}` }, body },
      403,
      "forbidden_host",
    ],
    [
      "another local page",
      { headers: { ...bearer, origin: `http://localhost:${port + 1}` }, body },
      403,
      "forbidden_host",
    ],
    ["plain text", { headers: { ...bearer, "content-type": "text/plain" }, body }, 415, "unsupported_media_type"],
    ["a person by header", { headers: { ...bearer, "specloop-principal": "person:ada" }, body }, 403, "forbidden"],
    [
      "a person's tool",
      { path: "/api/tools/agent_add", headers: bearer, body: '{"name":"x","tools":["*"]}' },
      403,
      "forbidden",
    ],
    [
      "a person's tool with an agent's token",
      {
        path: "/api/tools/agent_revoke",
        headers: { ...own, authorization: `Bearer ${agent}` },
        body: '{"name":"nightly"}',
      },
      403,
      "forbidden",
    ],
    [
      "a document outside the agent's paths",
      { headers: { ...own, authorization: `Bearer ${agent}` }, body },
      403,
      "forbidden",
    ],
    [
      "everybody's events",
      { path: "/events", method: "GET", headers: { ...own, authorization: `Bearer ${agent}` }, body: "" },
      403,
      "forbidden",
    ],
  ];
  for (const [what, sent, status, code] of attacks) {
    const answer = await attack(open, sent);
    expect([what, answer.status, answer.body.includes(`"${code}"`)]).toEqual([what, status, true]);
    expect(answer.body, what).not.toContain("4711");
  }
  const hellos = [
    "x".repeat(5000),
    `${JSON.stringify({ kind: "mcp", client: "y".repeat(5000) })}\n`,
    '{"kind":"control","principal":{"kind":"system","name":"loop"}}\n',
    `${JSON.stringify({ kind: "mcp", token: wrong })}\n`,
    `${JSON.stringify({ kind: "control", principal: { kind: "person", name: "ada" }, token: wrong })}\n`,
  ];
  for (const line of hellos) expect(await hello(open, line)).toMatch(/"(bad_input|forbidden|unauthorized)"/);
  const refused = open.audit().filter(({ action }) => action === "access.refused");
  const codes = refused.map(({ actor, target, detail }) => `${actor} ${target} ${JSON.parse(detail).code as string}`);
  expect(codes).toEqual(
    expect.arrayContaining([
      "agent:unknown /api/tools unauthorized",
      "agent:unknown /mcp unauthorized",
      "agent:unknown /api/tools forbidden_host",
      "agent:unknown /api/tools unsupported_media_type",
      "agent:unknown /api/tools forbidden",
      "agent:http agent_add forbidden",
      "agent:nightly agent_revoke forbidden",
      "agent:nightly doc_read forbidden",
      "agent:nightly /events forbidden",
      "agent:unknown socket bad_input",
      "agent:unknown socket forbidden",
      "agent:unknown socket unauthorized",
    ]),
  );
  expect(await open.daemon.end("SIGTERM")).toBe(0);
  const whole = JSON.stringify(open.audit());
  const logs = readFileSync(join(open.repository.path, ".specloop/logs/daemon.log"), "utf8");
  for (const secret of [open.token, agent, wrong, "4711"]) {
    expect(whole).not.toContain(secret);
    expect(logs).not.toContain(secret);
  }
});

const NOBODY = 65534;
const cannotSwitch =
  process.getuid?.() !== 0 || spawnSync("setpriv", ["--version"]).status !== 0
    ? "SKIPPED: only root with setpriv(1) can run a process of another user"
    : null;

function asNobody(script: string): { status: number | null; said: string } {
  const switched = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];
  const { status, stdout, stderr } = spawnSync("setpriv", [...switched, process.execPath, "-e", script], {
    encoding: "utf8",
  });
  return { status, said: `${stdout}${stderr}` };
}

describe.skipIf(cannotSwitch)(cannotSwitch ?? "other users", () => {
  scenario("access", "Another user of the machine tries", async () => {
    await using repository = await temporaryRepository(FILES);
    chmodSync(repository.path, 0o755);
    const command = `umask 000 && exec "${process.execPath}" "${MAIN}" up --repo "${repository.path}" --port 0 --json`;
    const child = spawn("sh", ["-c", command], { env: cleanEnvironment(), stdio: ["ignore", "pipe", "ignore"] });
    try {
      const ended = once(child, "exit").then(() => [Buffer.from("{}")]);
      const [chunk] = (await Promise.race([once(child.stdout, "data"), ended])) as [Buffer];
      const { url } = JSON.parse(chunk.toString()) as { url: string };
      const state = join(repository.path, ".specloop");
      expect(statSync(state).mode & 0o777).toBe(0o700);
      expect(statSync(join(state, "daemon.sock")).mode & 0o777).toBe(0o600);
      expect(statSync(join(state, "token")).mode & 0o777).toBe(0o600);
      for (const name of readdirSync(state)) {
        const file = JSON.stringify(join(state, name));
        expect(asNobody(`require("fs").readFileSync(${file})`).said, name).toContain("EACCES");
      }
      const socket = JSON.stringify(join(state, "daemon.sock"));
      expect(asNobody(`require("net").connect(${socket}).on("connect", () => console.log("in"))`).said).toContain(
        "EACCES",
      );
      const asks = `fetch("${url}/api/tools/doc_read", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" }).then((r) => console.log(r.status))`;
      expect(asNobody(asks).said.trim()).toBe("401");
      await expect
        .poll(() => auditOf(repository).filter(({ action }) => action === "access.refused"))
        .toMatchObject([{ actor: "agent:unknown", target: "/api/tools", detail: '{"code":"unauthorized"}' }]);
    } finally {
      const closed = once(child, "close");
      if (child.exitCode === null && child.kill("SIGKILL")) await closed;
    }
  });
});

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
      expect(entries.map(({ actor, action, target }) => `${actor} ${action} ${target}`)).toEqual(
        granted
          ? [`agent:nightly document.updated ${path}`, "agent:nightly tool.called doc_update"]
          : ["agent:nightly access.refused doc_update"],
      );
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

scenario("mcp-server", "Clients go on calling while the daemon stops", async () => {
  await using open = await running();
  const headers = { authorization: `Bearer ${open.token}` };
  const failures: string[] = [];
  let [answered, stopping] = [0, false];
  const client = async () => {
    for (;;) {
      const told = stopping;
      const response = await fetch(`${open.daemon.status.url}/api/tools`, { headers }).catch((error: unknown) => {
        const cause = (error as { cause?: { code?: string } }).cause?.code ?? String(error);
        // Refused is what a daemon that is gone does; a reset takes a request away that it had.
        if (cause !== "ECONNREFUSED" && !told) failures.push(cause);
        return null;
      });
      if (response === null || response.status === 503) return;
      await response.text();
      answered += 1;
    }
  };
  const clients = Array.from({ length: 8 }, client);
  await expect.poll(() => answered).toBeGreaterThan(50);
  const ended = open.daemon.end("SIGTERM");
  stopping = true;
  await Promise.all(clients);
  expect(await ended).toBe(0);
  expect(failures).toEqual([]);
});
