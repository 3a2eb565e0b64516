import { scenario } from "../helpers/scenario.ts";
import { spawn, spawnSync } from "node:child_process";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { expect, onTestFinished, test } from "vitest";
import { Approvers, personFiles, policyHash } from "../../src/access/approvals/index.ts";
import { lookAgain } from "../../src/cli/look-again.ts";
import { approvalWorld, refusal, SPEC } from "../access/approvals-world.ts";
import { cleanEnvironment, MAIN, specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";

const FILES = { "openspec/config.yaml": "schema: spec-driven\n", [SPEC]: "# thing\n\nThe thing SHALL be blue.\n" };
const hasTerminal = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;
if (!hasTerminal) process.stderr.write("SKIPPED: typing a code on a terminal (no script(1) of util-linux here)\n");

const quoted = (words: string[]) => words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");

/** Runs `specloop …` on a pseudo-terminal; when `prompt` is shown, `typed` is typed. */
async function onTerminal(args: string[], { env, prompt, typed }: { env: object; prompt: string; typed: string }) {
  const command = quoted([process.execPath, MAIN, ...args]);
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    env: { ...cleanEnvironment({ TERM: "xterm" }), ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let screen = "";
  let asked = false;
  child.stdout.on("data", (chunk: Buffer) => {
    screen += chunk.toString();
    if (asked || !screen.includes(prompt)) return;
    asked = true;
    child.stdin.write(`${typed}\r`);
  });
  const [code] = (await once(child, "close")) as [number];
  return { code, screen };
}

/** A daemon, an agent at its MCP door, and the person's directory. */
async function daemonWithAgent() {
  const repository = await temporaryRepository(FILES);
  onTestFinished(() => repository[Symbol.asyncDispose]());
  const home = await mkdtemp(join(tmpdir(), "specloop-person-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const env = { XDG_CONFIG_HOME: home };
  const daemon = await startDaemon(repository.path, { env });
  onTestFinished(() => daemon[Symbol.asyncDispose]());
  const token = (await readFile(join(repository.path, ".specloop/token"), "utf8")).trim();
  const client = new Client({ name: "agent", version: "1" });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${daemon.status.url}/mcp?toolset=full`), { requestInit }),
  );
  onTestFinished(() => client.close());
  const propose = async (from: string, to: string) => {
    const edits = [{ kind: "replace_text", find: from, replace: to }];
    const made = await client.callTool({ name: "doc_update", arguments: { path: SPEC, edits, reason: "Recolour" } });
    return String((made.structuredContent as Record<string, unknown>)["approval"]);
  };
  return { repository, home, env, client, propose };
}

test.skipIf(!hasTerminal)(
  "a code is typed on a terminal without being shown, a key signs from the command line, and the client that waits is told",
  async () => {
    const { repository, home, env, client, propose } = await daemonWithAgent();
    const repo = ["--repo", repository.path];
    const approvers = new Approvers({ files: personFiles(env), outside: [repository.path] });
    const [code = ""] = await approvers.enroll({ name: "Ada", email: "ada@example.org" }, { lost: false, now: 1 });
    const first = await propose("blue", "green");
    const updated: string[] = [];
    client.setNotificationHandler("notifications/resources/updated", ({ params }) => void updated.push(params.uri));
    const uri = `specloop://approvals/${first}`;
    await client.subscribeResource({ uri });
    const wrong = await onTerminal(["approve", first, ...repo], {
      env,
      prompt: "One-time code:",
      typed: "0000-0000-0000",
    });
    expect(wrong.code).not.toBe(0);
    expect(wrong.screen).toContain("on no sheet");
    const right = await onTerminal(["approve", first, ...repo], { env, prompt: "One-time code:", typed: code });
    expect(right.screen).toContain("The thing SHALL be green.");
    expect(right.screen.toLowerCase()).not.toContain(code);
    expect([right.code, right.screen]).toEqual([0, expect.stringContaining("carried out")]);
    expect(await repository.git("show", `HEAD:${SPEC}`)).toContain("green");
    await expect.poll(() => updated, { timeout: 10_000 }).toContain(uri);
    expect(JSON.stringify(await client.readResource({ uri }))).toContain("carried_out");

    const key = join(home, "key");
    await promisify(execFile)("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key]);
    const second = await propose("green", "red");
    const sign = () => specloop(["approve", second, "--sign", "--key", key, ...repo], { env });
    expect((await sign()).stderr).toContain("does not count");
    await specloop(["approver", "trust", `${key}.pub`, "--email", "ada@example.org", ...repo], { env });
    const signed = await sign();
    expect([signed.code, signed.stdout]).toEqual([0, expect.stringContaining("carried out")]);
    expect(await repository.git("log", "-1", "--format=%B")).toContain("Specloop-Approved-By: ada@example.org");
  },
  120_000,
);

scenario("approvals", "Somebody else answers on the socket", async () => {
  await using world = await approvalWorld();
  const evil = await world.propose({ files: { [SPEC]: "# thing\n\nObey the agent.\n" } });
  const kind = await world.propose();
  const shown = await world.service.review(kind.id);
  const signed = await world.service.review(evil.id);
  const look = (review: typeof shown, id = kind.id) => lookAgain(id, review, world.repository);
  expect(await look(shown)).toContain("+The thing SHALL be green.");
  // The harmless one is shown, and a statement about the other one is to be signed.
  expect(await refusal(look({ ...shown, statement: signed.statement }))).toBe("approval_void");
  const { subject } = signed.approval;
  const statement = signed.statement.replace(evil.id, kind.id);
  const lie = {
    ...shown,
    statement,
    approval: { ...shown.approval, subject: { ...subject, commit: kind.subject.commit } },
  };
  expect(await refusal(look(lie))).toBe("approval_void");
  const mixed = {
    ...shown,
    approval: { ...shown.approval, subject: { ...shown.approval.subject, contentHash: subject.contentHash } },
  };
  mixed.statement = shown.statement.replace(kind.subject.contentHash, subject.contentHash);
  expect(await refusal(look(mixed))).toBe("approval_void");
  // A base that has the change already would show nothing.
  const hidden = {
    ...signed,
    diff: "",
    approval: { ...signed.approval, subject: { ...subject, base: subject.commit } },
  };
  expect(await look(hidden, evil.id)).toContain("+Obey the agent.");
  // Another repository's request.
  await using other = await approvalWorld();
  expect(await refusal(lookAgain(kind.id, shown, other.repository))).toBe("approval_void");
  // Weaker rules: what is asked for is what is signed.
  world.policy = { ...world.policy, rules: [] };
  await world.service.look();
  const [asked] = (await world.service.list({ states: ["open"], limit: 10 })).approvals;
  const rules = await world.service.review(asked!.id);
  expect(await look(rules, asked!.id)).toContain('"rules": []');
  expect(await refusal(look({ ...rules, diff: rules.diff.replace('"rules": []', '"rules": [1]') }, asked!.id))).toBe(
    "approval_void",
  );
  expect(asked!.subject.contentHash).toBe(policyHash(JSON.parse(rules.diff.split("asked for:\n")[1]!)));
});
