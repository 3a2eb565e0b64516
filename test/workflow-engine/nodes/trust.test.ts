import { readFileSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectStdio } from "../../../src/adapters/mcp-client/index.ts";
import { cleanEnvironment, MAIN } from "../../helpers/command.ts";
import { scenario } from "../../helpers/scenario.ts";
import { nodeOf, openPlace, PERSON, type Place } from "./place.ts";
import { sandboxMissing } from "./sandbox.ts";
import { serve } from "./web.ts";

const SECRET = 'q9"Zr+7/long secret=&value';
let place: Place;

beforeAll(async () => {
  place = await openPlace({
    env: { SPECLOOP_SECRET_TOKEN: SECRET, SPECLOOP_SECRET_SHORT: "abc", PLAIN_TOKEN: "plain" },
  });
}, 60_000);
afterAll(() => place[Symbol.asyncDispose]());

const unapproved = /workflow_unapproved|no person has approved|not the one that was approved/;

scenario("workflows", "A repository's program waits for a yes", async () => {
  const command = "{ type: command, run: [touch, made] }";
  const places: Record<string, string> = {
    plain: `nodes:\n  a: ${command}\n`,
    body: `nodes:\n  a: { type: map, over: "[1]", do: { b: ${command} } }\n`,
    undo: `nodes:\n  a: { type: transform, value: "1", undo: ${command} }\n`,
    instead: `nodes:\n  a: { type: transform, value: "1 / 0", fallback: { node: ${command} } }\n`,
    below: `nodes:\n  a: { type: workflow, use: plain }\n`,
    asks: `nodes:\n  a: { type: http, origin: "http://127.0.0.1:9" }\n`,
    calls: `nodes:\n  a: { type: tool, tool: doc_read, input: { path: "'README.md'" } }\n`,
  };
  for (const [name, text] of Object.entries(places)) await place.define(name, text, { approve: false });
  for (const name of Object.keys(places)) await expect(place.run(name), name).rejects.toThrow(unapproved);
  expect(await place.call("run_list")).toMatchObject({ runs: [] });
  await place.define("free", 'nodes:\n  a: { type: transform, value: "1" }\n', { approve: false });
  expect((await place.run("free")).state).toBe("succeeded");
});

scenario("workflows", "A changed workflow", async () => {
  await place.define("changes", "nodes:\n  a: { type: command, run: [echo, one] }\n");
  await place.define("changes", "nodes:\n  a: { type: command, run: [echo, two], network: true }\n", {
    approve: false,
  });
  await expect(place.run("changes")).rejects.toThrow(
    'The workflow changes is not the one that was approved: - a: command ["echo","one"]; + a: command ["echo","two"] (has this machine\'s network)',
  );
  const looked = await place.call("workflow_reach", { name: "changes" });
  expect(looked).toMatchObject({ standing: "changed" });
  // Between looking and saying yes it became another one.
  await place.define("changes", "nodes:\n  a: { type: command, run: [echo, three] }\n", { approve: false });
  await expect(place.call("workflow_approve", { name: "changes", hash: looked["hash"] })).rejects.toThrow(/looked at/);
  // What was approved once is approved when it comes back, until that is revoked.
  await place.define("changes", "nodes:\n  a: { type: command, run: [echo, one] } # the same\n", { approve: false });
  expect(await place.call("workflow_reach", { name: "changes" })).toMatchObject({ standing: "approved" });
  expect(await place.call("workflow_revoke", { name: "changes" })).toMatchObject({ revoked: true });
  await expect(place.run("changes")).rejects.toThrow(unapproved);
});

scenario("workflows", "Agents approve nothing", async () => {
  await place.define("theirs", "nodes:\n  a: { type: command, run: [touch, made] }\n", { approve: false });
  const { hash } = await place.call("workflow_reach", { name: "theirs" });
  await using agent = await connectStdio({
    client: "an-agent",
    command: process.execPath,
    cwd: place.repository.path,
    args: [MAIN, "mcp", "--toolset", "full", "--repo", place.repository.path],
    env: cleanEnvironment(place.env),
  });
  expect(await agent.listTools()).not.toContain("workflow_approve");
  for (const tool of ["workflow_approve", "workflow_reach", "workflow_revoke"]) {
    const input = tool === "workflow_approve" ? { name: "theirs", hash } : { name: "theirs" };
    await expect(agent.callTool(tool, input)).rejects.toThrow(/forbidden|not found|[Oo]nly a person/);
  }
  await expect(agent.callTool("workflow_run", { name: "theirs" })).rejects.toThrow(unapproved);
  // Nor through a workflow, whoever began it.
  const through =
    "nodes:\n  a: { type: tool, tool: workflow_approve, input: { name: \"'theirs'\", hash: \"'" +
    String(hash) +
    "'\" } }\n";
  await place.define("through", through);
  const run = await place.run("through");
  expect(run).toMatchObject({
    state: "failed",
    error: { message: expect.stringMatching(/only a person may call/) as string },
  });
  await place.define(
    "behind",
    `nodes:\n  a: { type: tool, tool: tool_call, input: { id: "'workflow_approve'", input: "{'name': 'theirs', 'hash': '${String(hash)}'}" } }\n`,
  );
  expect(await place.run("behind")).toMatchObject({ state: "failed" });
  expect(await place.call("workflow_reach", { name: "theirs" })).toMatchObject({ standing: "unapproved" });
});

test("an approval in the repository, or one that others can write, is none", async () => {
  await place.define("planted", "nodes:\n  a: { type: command, run: [touch, made] }\n");
  const folder = join(place.env["XDG_CONFIG_HOME"]!, "specloop", "workflows");
  const [file = ""] = readdirSync(folder);
  const { chmod } = await import("node:fs/promises");
  await chmod(join(folder, file), 0o666);
  await expect(place.run("planted")).rejects.toThrow(/written by others/);
  await chmod(join(folder, file), 0o600);
  const kept = readFileSync(join(folder, file), "utf8");
  await writeFile(join(folder, file), "{}");
  await expect(place.run("planted")).rejects.toThrow(/no workflow counts as approved/);
  await writeFile(join(folder, file), kept);
});

scenario(
  "workflows",
  "Secrets stay out of what is kept",
  async (context) => {
    if (sandboxMissing) context.skip(sandboxMissing);
    await using web = await serve((request, answer) => {
      answer.setHeader("content-type", "application/json");
      answer.setHeader("x-echo", String(request.headers["authorization"]));
      answer.end(JSON.stringify({ said: request.headers["authorization"], [SECRET]: encodeURIComponent(SECRET) }));
    });
    await place.define(
      "secretive",
      `secrets: [TOKEN]
nodes:
  ask:
    type: http
    origin: ${web.origin}
    headers: { authorization: "Bearer \${{ secrets.TOKEN }}" }
  print:
    type: command
    run: [sh, -c, 'printf %s "$T" | base64; printf "x%s" "$T" | base64 -w0; echo "$T" >&2; printf "%s" "$T"']
    env: { T: "\${{ secrets.TOKEN }}" }
  fails:
    type: command
    run: [sh, -c, 'echo "no: $T" >&2; exit 3']
    env: { T: "\${{ secrets.TOKEN }}" }
    fallback: { value: null }
output: { ask: nodes.ask.output.body, print: nodes.print.output.stdout, failed: nodes.fails.error }
`,
    );
    const run = await place.run("secretive");
    expect([run.error, run.state]).toEqual([null, "succeeded"]);
    // It came to whom it was meant for, and to nobody else.
    expect(web.seen[0]?.headers["authorization"]).toBe(`Bearer ${SECRET}`);
    expect(run.output!.value).toMatchObject({ ask: { said: "Bearer «TOKEN»", "«TOKEN»": "«TOKEN»" } });
    expect(run.output!.value["failed"]).toContain("«TOKEN»");
    const looked = JSON.stringify(await place.call("run_node", { run: run.id, node: "print" }));
    expect(looked).toContain("«TOKEN»");
    expect(JSON.stringify(await place.call("run_events", { run: run.id }))).not.toContain(SECRET);
    await place.daemon.end("SIGTERM");
    const forms = [SECRET, JSON.stringify(SECRET).slice(1, -1), encodeURIComponent(SECRET), ...base64Parts(SECRET)];
    const folder = join(place.repository.path, ".specloop");
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const found = files.flatMap((entry) => {
      const bytes = readFileSync(join(entry.parentPath, entry.name));
      return forms.filter((form) => bytes.includes(form)).map((form) => `${entry.name}: ${form}`);
    });
    expect(files.length).toBeGreaterThan(3);
    expect(found).toEqual([]);
    const { stdout, stderr } = place.daemon.output();
    for (const form of forms) expect(stdout + stderr).not.toContain(form);
    await place.restart("SIGKILL");
  },
  60_000,
);

/** What base64 makes of it wherever it stands in a text. */
function base64Parts(text: string): string[] {
  return [0, 1, 2].map((offset) => {
    const whole = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]).toString("base64");
    return whole.slice(4, -4);
  });
}

scenario("workflows", "Only what is named a secret is one", async () => {
  const ask = (name: string) =>
    `secrets: [${name}]\nnodes:\n  a: { type: command, run: [env], env: { T: "\${{ secrets.${name} }}" } }\n`;
  for (const [name, message] of [
    ["PLAIN_TOKEN", "There is no secret PLAIN_TOKEN for workflows."],
    ["PATH", "There is no secret PATH for workflows."],
    ["SHORT", "The secret SHORT has less than 8 characters."],
  ] as const) {
    await place.define("named", ask(name));
    expect(await place.run("named")).toMatchObject({ state: "failed", error: { message } });
  }
});

scenario("workflows", "What was approved is looked at again before it is done", async () => {
  await place.define(
    "later",
    "nodes:\n  gate: { type: approval, prompt: Go on? }\n  a: { type: http, needs: gate, origin: 'http://127.0.0.1:9' }\n",
  );
  const run = await place.run("later");
  expect(run.state).toBe("waiting");
  await place.call("workflow_revoke", { name: "later" });
  await place.call("run_approve", { run: run.id, node: "gate", approved: true });
  const end = await place.settled(run.id);
  expect(end.state).toBe("failed");
  expect(nodeOf(end, "a")?.error?.message).toMatch(unapproved);
});

test("a person approves in a terminal, or by the hash that was looked at", async () => {
  await place.define("shown", "nodes:\n  a: { type: command, run: [npm, test], write: [dist] }\n", { approve: false });
  const refused = await place.cli("workflow", "approve", "shown");
  expect(refused.code).not.toBe(0);
  expect(refused.stdout + refused.stderr).toContain('["npm","test"]');
  expect(refused.stdout + refused.stderr).toContain("may write: dist");
  const [, hash = ""] = /--hash ([0-9a-f]{64})/.exec(refused.stderr) ?? [];
  const done = await place.cli("workflow", "approve", "shown", "--hash", hash, "--json");
  expect([done.code, JSON.parse(done.stdout)]).toMatchObject([
    0,
    { standing: "approved", approvedBy: expect.stringMatching(/^person:/) as string },
  ]);
  expect(PERSON.kind).toBe("person");
});
