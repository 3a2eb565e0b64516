import { chmod, mkdir, writeFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { options, tagOf, type Approval } from "../../src/access/approvals/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { ADA, approvalWorld, person, refusal } from "./approvals-world.ts";
import type { ApprovalWorld } from "./approvals-world.ts";

const redeem = (world: ApprovalWorld, { id, subject }: Approval) => world.service.redeem(id, subject.contentHash);

scenario("approvals", "A one-time code approves one thing once", async () => {
  await using world = await approvalWorld();
  const [first = "", second = ""] = await world.enroll();
  const text = readFileSync(world.files.approvers, "utf8");
  for (const code of [first, second]) expect(text).not.toContain(code.replaceAll("-", ""));
  const one = await world.propose();
  const two = await world.propose({ files: { "openspec/specs/other/spec.md": "# other\n" } });
  const { statement } = await world.service.review(one.id);
  // A signature that somebody saw says nothing about another approval.
  expect(await refusal(world.withCode(two.id, first, statement))).toBe("approval_missing");
  expect((await world.withCode(one.id, ` ${first.toUpperCase()} `)).state).toBe("approved");
  expect(await refusal(world.withCode(two.id, first))).toBe("approval_used");
  expect(await refusal(world.withCode(one.id, second))).toBe("approval_used");
  expect((await world.withCode(two.id, second)).decisions.at(-1)).toMatchObject({ level: "L1", method: "code" });
});

test("a new sheet ends the old one's codes, and what they approved stays proved", async () => {
  await using world = await approvalWorld();
  const [used = "", unused = ""] = await world.enroll();
  const asked = await world.propose();
  await world.withCode(asked.id, used);
  const [fresh = ""] = await world.enroll(ADA, true);
  expect(await refusal(redeem(world, asked))).toBe("accepted");
  const next = await world.propose({ files: { "openspec/specs/other/spec.md": "# other\n" } });
  expect(await refusal(world.withCode(next.id, unused))).toBe("approval_missing");
  await world.withCode(next.id, fresh);
  const sheets = world.seen.filter(({ name }) => name === "approver.seen").map(({ payload }) => payload["lost"]);
  expect(sheets).toEqual([false, true]);
});

scenario("approvals", "Wrong codes are tried", async () => {
  await using world = await approvalWorld();
  const [right = ""] = await world.enroll();
  const asked = await world.propose();
  for (let attempt = 0; attempt < 5; attempt += 1)
    expect(await refusal(world.withCode(asked.id, `0000-0000-000${attempt}`))).toBe("approval_missing");
  expect(await refusal(world.withCode(asked.id, right))).toBe("rate_limited");
  await world.stop();
  await world.start();
  expect(await refusal(world.withCode(asked.id, right))).toBe("rate_limited");
  world.clock.move(61_000);
  expect((await world.withCode(asked.id, right)).state).toBe("approved");
});

test("a file of approvers that others could write or that lies in the repository proves nothing", async () => {
  await using world = await approvalWorld();
  const [code = ""] = await world.enroll();
  const asked = await world.propose();
  await chmod(world.files.approvers, 0o666);
  expect(await refusal(world.withCode(asked.id, code))).toBe("forbidden");
  await chmod(world.files.approvers, 0o600);
  await chmod(world.files.directory, 0o777);
  expect(await refusal(world.withCode(asked.id, code))).toBe("forbidden");
  await chmod(world.files.directory, 0o700);
  expect(await refusal(world.withCode(asked.id, code))).toBe("accepted");
});

scenario("approvals", "A signed tag approves", async () => {
  await using world = await approvalWorld();
  const key = await world.key("ada", ADA.email);
  const asked = await world.propose();
  const { statement } = await world.service.review(asked.id);
  await world.signed(key, "tag", "-s", "-m", statement, tagOf(asked.id), asked.subject.commit);
  const approved = await world.service.decide({ id: asked.id, decision: "approve", principal: person, method: "tag" });
  expect(approved.state).toBe("approved");
  expect(approved.decisions).toMatchObject([{ by: ADA.email, level: "L1", method: "signed-tag" }]);
  expect(await refusal(redeem(world, asked))).toBe("accepted");
});

test("a tag that a person made by hand is found without a command of ours", async () => {
  await using world = await approvalWorld();
  const key = await world.key("ada", ADA.email);
  const asked = await world.propose();
  const { statement } = await world.service.review(asked.id);
  await world.signed(key, "tag", "-s", "-m", statement, tagOf(asked.id), asked.subject.commit);
  await world.service.look();
  expect((await world.service.get(asked.id)).state).toBe("approved");
});

scenario("approvals", "A tag that does not count", async () => {
  await using world = await approvalWorld();
  const key = await world.key("ada", ADA.email);
  const stranger = await world.key("stranger");
  const asked = await world.propose();
  const { statement } = await world.service.review(asked.id);
  const { commit, base } = asked.subject;
  const tag = tagOf(asked.id);
  const evil = join(world.repository.path, "evil.sh");
  await writeFile(evil, `#!/bin/sh\necho GOODSIG; touch ${world.home}/started\nexit 0\n`, { mode: 0o755 });
  const fakes: [string, () => Promise<unknown>][] = [
    ["lightweight", () => world.repository.git("tag", "-f", tag, commit)],
    ["not signed", () => world.repository.git("tag", "-f", "-a", "-m", statement, tag, commit)],
    ["unknown key", () => world.signed(stranger, "tag", "-f", "-s", "-m", statement, tag, commit)],
    ["another commit", () => world.signed(key, "tag", "-f", "-s", "-m", statement, tag, base)],
    [
      "another content",
      () => world.signed(key, "tag", "-f", "-s", "-m", statement.replace(/content: ../, "content: 00"), tag, commit),
    ],
    ["more said", () => world.signed(key, "tag", "-f", "-s", "-m", `${statement}\nand all else`, tag, commit)],
    [
      "signers and programs of the repository's own configuration",
      async () => {
        const own = join(world.repository.path, "signers");
        await writeFile(own, `ada@example.org ${readFileSync(`${stranger}.pub`, "utf8")}`);
        for (const [name, value] of [
          ["gpg.ssh.allowedSignersFile", own],
          ["gpg.ssh.program", evil],
          ["gpg.program", evil],
          ["gpg.format", "ssh"],
          ["gpg.ssh.revocationFile", own],
        ])
          await world.repository.git("config", name!, value!);
        // Signed by hand: with this configuration git itself would start the program.
        await world.repository.git(
          "-c",
          "gpg.ssh.program=ssh-keygen",
          "-c",
          `user.signingkey=${stranger}`,
          "tag",
          "-f",
          "-s",
          "-m",
          statement,
          tag,
          commit,
        );
      },
    ],
    [
      "an edited object",
      async () => {
        await world.signed(
          key,
          "-c",
          "gpg.ssh.program=ssh-keygen",
          "tag",
          "-f",
          "-s",
          "-m",
          "something else",
          tag,
          commit,
        );
        const raw = await world.repository.git("cat-file", "tag", tag);
        const forged = join(world.home, "forged");
        await writeFile(forged, `${raw.replace("something else", statement.trimEnd())}\n`);
        const id = await world.repository.git("hash-object", "-t", "tag", "-w", "--literally", forged);
        await world.repository.git("update-ref", `refs/tags/${tag}`, id);
      },
    ],
  ];
  for (const [what, make] of fakes) {
    await make();
    const decided = world.service.decide({ id: asked.id, decision: "approve", principal: person, method: "tag" });
    expect(await refusal(decided), what).toBe("approval_missing");
    await world.service.look();
    expect((await world.service.get(asked.id)).state, what).toBe("open");
  }
  expect(() => readFileSync(join(world.home, "started"))).toThrow();
  const refused = (await world.audited(asked.id)).filter((entry) => entry.startsWith("refused"));
  expect(refused.length).toBeGreaterThanOrEqual(fakes.length);
});

test("signers in the repository, or that others may write, count for nobody", async () => {
  await using world = await approvalWorld();
  const key = await world.key("ada", ADA.email);
  const asked = await world.propose();
  const { statement } = await world.service.review(asked.id);
  await world.signed(key, "tag", "-s", "-m", statement, tagOf(asked.id), asked.subject.commit);
  await chmod(world.files.allowedSigners, 0o666);
  const decide = () => world.service.decide({ id: asked.id, decision: "approve", principal: person, method: "tag" });
  expect(await refusal(decide())).toBe("forbidden");
});

scenario("approvals", "A person merges with a signature", async () => {
  await using world = await approvalWorld();
  const key = await world.key("ada", ADA.email);
  const asked = await world.propose();
  await world.signed(key, "merge", "-S", "--quiet", "--no-ff", "-m", "Merge", asked.subject.branch);
  await world.service.look();
  const merged = await world.service.get(asked.id);
  expect([merged.state, merged.bypassed]).toEqual(["carried_out", false]);
  expect(merged.decisions).toMatchObject([{ by: ADA.email, level: "L1", method: "signed-commit" }]);
});

test("a signed commit on the branch that changes nothing is a yes, an unsigned one is none", async () => {
  await using world = await approvalWorld();
  const key = await world.key("ada", ADA.email);
  const asked = await world.propose();
  await world.repository.git("checkout", "--quiet", asked.subject.branch);
  await world.repository.git("commit", "--quiet", "--allow-empty", "-m", "Looks good");
  await world.repository.git("checkout", "--quiet", "main");
  await world.service.look();
  expect((await world.service.get(asked.id)).state).toBe("open");
  await world.repository.git("update-ref", `refs/heads/${asked.subject.branch}`, asked.subject.commit);
  await world.repository.git("checkout", "--quiet", asked.subject.branch);
  await world.signed(key, "commit", "-S", "--quiet", "--allow-empty", "-m", "Looks good");
  await world.repository.git("checkout", "--quiet", "main");
  await world.service.look();
  expect((await world.service.get(asked.id)).state).toBe("approved");
});

test("what the daemon commits with the person's signature approves nothing", async () => {
  await using world = await approvalWorld({ "note.md": "A note.\n" });
  const key = await world.key("ada", ADA.email);
  for (const [name, value] of [
    ["commit.gpgsign", "true"],
    ["gpg.format", "ssh"],
    ["user.signingkey", key],
  ])
    await world.repository.git("config", name!, value!);
  const asked = await world.propose();
  await world.repository.git("checkout", "--quiet", asked.subject.branch);
  await world.repository.write("note.md", "Another note.\n");
  await world.git.commitOnly({ paths: ["note.md"], message: "Edit", trailers: { "Specloop-Edit": "e-x" } });
  expect(await world.repository.git("cat-file", "commit", "HEAD")).toContain("gpgsig");
  await world.repository.git("checkout", "--quiet", "main");
  await world.service.look();
  expect((await world.service.get(asked.id)).state).toBe("open");
});

scenario("approvals", "The protected branch of a remote has the content", async () => {
  await using world = await approvalWorld();
  await using remote = await temporaryRepository();
  await world.repository.git("push", "--quiet", remote.path, "main:protected");
  world.policy = options.schema.parse({
    rules: [{ operations: ["document", "archive", "policy"], level: "L2" }],
    protectedUrl: remote.path,
    protectedBranch: "protected",
  });
  await world.service.look();
  const asked = await world.propose();
  expect(asked.level).toBe("L2");
  const decide = () =>
    world.service.decide({ id: asked.id, decision: "approve", principal: person, method: "protected" });
  expect(await refusal(decide())).toBe("approval_missing");
  // A local ref of the remote's name proves nothing.
  await world.repository.git("update-ref", "refs/remotes/origin/protected", asked.subject.commit);
  await world.repository.git("config", `url.${world.repository.path}/.insteadOf`, `${remote.path}/`);
  expect(await refusal(decide())).toBe("approval_missing");
  await world.repository.git("push", "--quiet", remote.path, `${asked.subject.commit}:refs/heads/protected`);
  expect((await decide()).decisions).toMatchObject([{ level: "L2", method: "protected-branch" }]);
});

const noGpg = (() => {
  try {
    execFileSync("gpg", ["--version"], { stdio: "ignore" });
    return null;
  } catch {
    return "SKIPPED: there is no gpg here";
  }
})();

test.skipIf(noGpg !== null)(
  `an OpenPGP signature counts by the person's list of keys alone ${noGpg ?? ""}`,
  async () => {
    await using world = await approvalWorld();
    const home = join(world.home, "gnupg");
    await mkdir(home, { mode: 0o700 });
    const gpg = (...args: string[]) =>
      execFileSync("gpg", ["--homedir", home, "--batch", "--pinentry-mode", "loopback", "--passphrase", "", ...args], {
        stdio: ["ignore", "pipe", "ignore"],
      }).toString();
    gpg("--quick-generate-key", `Ada Example <${ADA.email}>`, "ed25519", "sign", "never");
    const key = /^fpr:+([0-9A-F]{40}):/m.exec(gpg("--with-colons", "--list-keys"))?.[1] ?? "";
    await world.stop();
    world.env = { ...process.env, GNUPGHOME: home };
    await world.start();
    const asked = await world.propose();
    const { statement } = await world.service.review(asked.id);
    const program = join(world.home, "gpg-here");
    await writeFile(program, `#!/bin/sh\nexec gpg --homedir ${home} "$@"\n`, { mode: 0o755 });
    const sign = ["-c", "gpg.format=openpgp", "-c", `gpg.program=${program}`, "-c", `user.signingkey=${key}`];
    await world.repository.git(...sign, "tag", "-s", "-m", statement, tagOf(asked.id), asked.subject.commit);
    const decide = () => world.service.decide({ id: asked.id, decision: "approve", principal: person, method: "tag" });
    expect(await refusal(decide())).toBe("approval_missing");
    await mkdir(world.files.directory, { recursive: true, mode: 0o700 });
    await writeFile(world.files.allowedGpgKeys, `${key} ${ADA.email}\n`, { mode: 0o600 });
    expect((await decide()).decisions).toMatchObject([{ by: ADA.email, level: "L1", method: "signed-tag" }]);
    execFileSync("gpgconf", ["--homedir", home, "--kill", "all"], { stdio: "ignore" });
  },
);
