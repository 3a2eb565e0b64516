import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Approvers, keyOf, personFiles } from "../../src/access/approvals/index.ts";
import { connectControl } from "../../src/server/control-client.ts";
import { specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

const SPEC = "openspec/specs/thing/spec.md";
const FILES = { "openspec/config.yaml": "schema: spec-driven\n", [SPEC]: "# thing\n\nThe thing SHALL be blue.\n" };
const ADA = { name: "Ada Example", email: "ada@example.org" };

/** A daemon, an agent with the token, and a person with a sheet of codes. */
async function withPerson() {
  await using stack = new AsyncDisposableStack();
  const repository = stack.use(await temporaryRepository(FILES));
  const home = await mkdtemp(join(tmpdir(), "specloop-person-"));
  stack.defer(() => rm(home, { recursive: true, force: true }));
  const env = { XDG_CONFIG_HOME: home };
  const daemon = { running: await startDaemon(repository.path, { env }) };
  stack.defer(() => daemon.running[Symbol.asyncDispose]());
  const token = async () => (await readFile(join(repository.path, ".specloop/token"), "utf8")).trim();
  const connect = async () => {
    const client = new Client({ name: "attacker", version: "1" });
    const headers = { authorization: `Bearer ${await token()}` };
    const url = new URL(`${daemon.running.status.url}/mcp?toolset=full`);
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
    return client;
  };
  const client = await connect();
  stack.defer(() => client.close());
  const call = async (name: string, input: Record<string, unknown>) => {
    const { structuredContent, isError, content } = await client.callTool({ name, arguments: input });
    return {
      output: structuredContent as Record<string, unknown>,
      refused: isError === true,
      text: JSON.stringify(content),
    };
  };
  const approvers = new Approvers({ files: personFiles(env), outside: [repository.path] });
  const codes = await approvers.enroll(ADA, { lost: false, now: 1, count: 3 });
  const control = (kind: "person" | "agent" = "person") =>
    connectControl(daemon.running.status.socket, { kind, name: "Ada Example" });
  const moved = stack.move();
  return {
    repository,
    env,
    daemon,
    client,
    call,
    codes,
    approvers,
    control,
    token,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}
type World = Awaited<ReturnType<typeof withPerson>>;

async function proposal(world: World, colour = "green"): Promise<{ id: string; branch: string; commit: string }> {
  const { output: read } = await world.call("doc_read", { path: SPEC });
  const edits = [{ kind: "write", content: `# thing\n\nThe thing SHALL be ${colour}.\n` }];
  const made = await world.call("doc_update", {
    path: SPEC,
    edits,
    reason: "Recolour",
    baseRevision: read["revision"],
  });
  expect(made.output?.["status"], made.text).toBe("proposed");
  const id = /ap-[0-9a-z]+/.exec(made.text)![0];
  const { output } = await world.call("approval_get", { id });
  const { branch, commit } = output["subject"] as { branch: string; commit: string };
  return { id, branch, commit };
}

async function prove(world: World, id: string, code: string) {
  await using person = await world.control();
  const { output } = await person.call("approval_review", { id });
  const statement = String(output["statement"]);
  const key = (await world.approvers.keyFor(code)) ?? (await keyOf(code, world.approvers.all()[0]!.sheet.salt));
  return {
    statement,
    input: { id, decision: "approve", method: "code", code: { key: key.publicKey, signature: key.sign(statement) } },
  };
}

async function audit(world: World, ...filter: string[]): Promise<string> {
  return (
    await specloop(["audit", "list", "--limit", "200", ...filter, "--repo", world.repository.path], { env: world.env })
  ).stdout;
}

scenario(
  "approvals",
  "A program with a shell tries to approve",
  async () => {
    await using world = await withPerson();
    const { id, branch, commit } = await proposal(world);
    const { git } = world.repository;
    const { input } = await prove(world, id, world.codes[0]!);
    await using socket = await world.control();
    await using agentSocket = await world.control("agent");
    const headers = { authorization: `Bearer ${await world.token()}`, "content-type": "application/json" };
    const rest = async (tool: string, body: object, more = {}) => {
      const url = `${world.daemon.running.status.url}/api/tools/${tool}`;
      return (await fetch(url, { method: "POST", headers: { ...headers, ...more }, body: JSON.stringify(body) }))
        .status;
    };
    const codeOf = (work: Promise<unknown>) =>
      work.then(
        () => "accepted",
        (error: { code: string }) => error.code,
      );
    const state = async () => (await world.call("approval_get", { id })).output["state"];
    // At the doors: as an agent, as a person without a proof, with a proof that was made for something else.
    await expect(world.call("approval_decide", input)).rejects.toThrow("not found");
    await expect(world.call("approval_review", { id })).rejects.toThrow("not found");
    expect(await rest("approval_decide", input)).toBe(403);
    expect([400, 403]).toContain(await rest("approval_decide", input, { "specloop-principal": "person:Ada Example" }));
    expect(await codeOf(agentSocket.call("approval_decide", input))).toBe("forbidden");
    expect(await codeOf(socket.call("approval_decide", { id, decision: "approve" }))).toBe("approval_missing");
    expect(await codeOf(socket.call("approval_decide", { ...input, contentHash: "0".repeat(64) }))).toBe(
      "approval_void",
    );
    const made = await prove(world, id, "aaaa-bbbb-cccc");
    expect(await codeOf(socket.call("approval_decide", made.input))).toBe("approval_missing");
    expect((await world.client.listTools()).tools.map(({ name }) => name)).not.toContain("approval_decide");
    // In the repository: tags, authors and messages.
    await git("tag", "-a", "-m", made.statement, `specloop/approve/${id}`, commit);
    expect(await codeOf(socket.call("approval_decide", { id, decision: "approve", method: "tag" }))).toBe(
      "approval_missing",
    );
    expect(await codeOf(socket.call("approval_decide", { id, decision: "approve", method: "commit" }))).toBe(
      "approval_missing",
    );
    expect(await codeOf(socket.call("approval_decide", { id, decision: "approve", method: "protected" }))).toBe(
      "approval_missing",
    );
    await world.repository.write("note.md", "x\n");
    await git("add", "note.md");
    const spoofed = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.org"];
    await git(
      ...spoofed,
      "commit",
      "--quiet",
      "-m",
      `Note\n\nSpecloop-Approval: ${id}\nSpecloop-Approved-By: Ada Example <ada@example.org>`,
    );
    await git(...spoofed, "commit", "--quiet", "--amend", "-m", `Note\n\nSpecloop-Approval: ${id}`);
    expect(await state()).toBe("open");
    // In the database, with the daemon down: no proof, no approval.
    expect(await world.daemon.running.end("SIGTERM")).toBe(0);
    const database = new DatabaseSync(join(world.repository.path, ".specloop/core.db"));
    database.prepare("UPDATE approvals SET state = 'approved', level = 'L0' WHERE id = ?").run(id);
    database.close();
    world.daemon.running = await startDaemon(world.repository.path, { env: world.env });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await git("show", `HEAD:${SPEC}`)).toContain("blue");
    expect(await git("log", "--format=%s", "main")).not.toContain("Recolour");
    // And the branch itself, after the person looked.
    await git("branch", "-f", branch, "main");
    const log = await audit(world, "--target", id);
    const refusals = log.split("\n").filter((line) => line.includes("refused"));
    expect(refusals.length, log).toBeGreaterThanOrEqual(6);
    const refusedAtDoor = await audit(world, "--action", "access.refused");
    expect(refusedAtDoor + (await audit(world))).toContain("approval_decide");
    // A tool that MCP does not show is recorded as well.
    expect(refusedAtDoor).toMatch(/agent:attacker.*access\.refused.*approval_decide/);
  },
  120_000,
);

scenario(
  "approvals",
  "An agent waits for a decision",
  async () => {
    await using world = await withPerson();
    const { id } = await proposal(world);
    const waiting = world.call("approval_get", { id, waitSeconds: 25 });
    const { input } = await prove(world, id, world.codes[0]!);
    {
      await using person = await world.control();
      await person.call("approval_decide", input);
    }
    expect(["approved", "carried_out"]).toContain((await waiting).output["state"]);
    const shown = await world.client.readResource({ uri: `specloop://approvals/${id}` });
    expect(JSON.stringify(shown.contents)).toContain("Ada Example");
    await expect(world.client.readResource({ uri: "specloop://approvals/ap-none" })).rejects.toThrow();
    await world.daemon.running.end("SIGKILL");
    world.daemon.running = await startDaemon(world.repository.path, { env: world.env });
    await using again = await world.control("agent");
    const { output } = await again.call("approval_get", { id, waitSeconds: 5 });
    expect(output["state"]).toBe("carried_out");
    const log = await world.repository.git("log", "--format=%s%n%b");
    expect(log.match(/Specloop-Approval: /g)).toHaveLength(1);
  },
  120_000,
);

test("a person without a terminal is told to take one, and sees what there is", async () => {
  await using world = await withPerson();
  const { id } = await proposal(world);
  const run = (...args: string[]) => specloop([...args, "--repo", world.repository.path], { env: world.env });
  expect((await run("approvals")).stdout).toContain(id);
  expect((await run("approvals", "show", id)).stdout).toContain("+The thing SHALL be green.");
  expect(await run("approve", id, "--code")).toMatchObject({ code: 64 });
  expect((await run("approver", "enroll")).stderr).toContain("on a terminal");
  expect((await run("approve", id)).stderr).toContain("the policy asks for L1");
  expect((await run("approvals", id)).stderr).toContain(`approvals show ${id}`);
  expect((await run("approvals", "comment", id, "Nice", "--at", "nowhere")).stderr).toContain("path:line");
  expect((await run("approvals", "request-changes", id, "Which", "green?", "--at", `${SPEC}:3`)).stdout).toContain(
    `${SPEC}:3-3`,
  );
  expect((await run("reject", id, "--reason", "Blue it stays")).stdout).toContain("rejected");
  expect((await run("approve", "ap-none")).stderr).toContain('No approval is called "ap-none"');
});
