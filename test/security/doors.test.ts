import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync, statSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect } from "vitest";
import { cleanEnvironment, MAIN } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { auditOf, FILES, running, type Running } from "./running.ts";

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

const title = cannotSwitch ?? "other users";
// oxlint-disable-next-line vitest/valid-title -- says loudly why it was skipped
describe.skipIf(cannotSwitch)(title, () => {
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
