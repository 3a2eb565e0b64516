import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { contentHashAt, options, type Approval } from "../../src/access/approvals/index.ts";
import { openGit } from "../../src/adapters/git/index.ts";
import { scenario } from "../helpers/scenario.ts";
import {
  ADA,
  AFTER,
  agent,
  ApprovalWorld,
  approvalWorld,
  BEFORE,
  BOB,
  person,
  refusal,
  SPEC,
} from "./approvals-world.ts";

const redeem = (world: ApprovalWorld, { id, subject }: Approval) => world.service.redeem(id, subject.contentHash);
const TASKS = "openspec/changes/add-thing/tasks.md";

scenario("approvals", "A task is ticked after the yes", async () => {
  await using world = await approvalWorld({ [TASKS]: "- [ ] 1.1 One\n- [ ] 1.2 Two\n" });
  const commit = async (text: string) => {
    await world.repository.write(TASKS, text);
    return world.repository.commitAll("Tick");
  };
  const hash = async (text: string) => contentHashAt(world.git, await commit(text), [TASKS]);
  const open = await contentHashAt(world.git, "HEAD", [TASKS]);
  expect(await hash("- [x] 1.1 One\n- [ ] 1.2 Two\n")).toBe(open);
  expect(await hash("- [x] 1.1 One\n- [x] 1.2 Two, and three\n")).not.toBe(open);
  expect(await hash("- [ ] 1.1 One\n- [ ] 1.2 Two \n")).not.toBe(open);
  const other = await contentHashAt(world.git, "HEAD", [SPEC, TASKS]);
  expect(await contentHashAt(world.git, "HEAD", [TASKS, SPEC])).toBe(other);
});

scenario("approvals", "The content moves after the yes", async () => {
  await using world = await approvalWorld();
  const [code = ""] = await world.enroll();
  const asked = await world.propose();
  expect((await world.withCode(asked.id, code)).state).toBe("approved");
  await world.repository.git("checkout", "--quiet", asked.subject.branch);
  await world.repository.write(SPEC, "# thing\n\nThe thing SHALL be red.\n");
  await world.repository.commitAll("Slip something in");
  await world.repository.git("checkout", "--quiet", "main");
  expect(await refusal(redeem(world, asked))).toBe("approval_void");
  expect((await world.service.get(asked.id)).state).toBe("void");
  expect(await world.audited(asked.id)).toEqual(["requested", "decided approve", "void", "refused approval_void"]);
});

scenario("approvals", "The document changes under the proposal", async () => {
  await using world = await approvalWorld();
  const [code = ""] = await world.enroll();
  const asked = await world.propose();
  await world.withCode(asked.id, code);
  await world.repository.write(SPEC, "# thing\n\nThe thing SHALL be yellow.\n");
  await world.repository.commitAll("Change it myself");
  await world.service.look();
  const after = await world.service.get(asked.id);
  expect([after.state, after.note]).toEqual(["void", `${SPEC} changed since it was proposed`]);
  expect(await refusal(redeem(world, asked))).toBe("approval_void");
});

test("another branch whose text differs voids nothing", async () => {
  await using world = await approvalWorld();
  await world.repository.git("branch", "other");
  await world.repository.write("note.md", "x\n");
  await world.repository.commitAll("Go on");
  const asked = await world.propose();
  await world.repository.git("checkout", "--quiet", "other");
  await world.repository.write(SPEC, "# thing\n\nOther.\n");
  await world.repository.commitAll("Other");
  await world.service.look();
  expect((await world.service.get(asked.id)).state).toBe("open");
});

scenario("approvals", "An approval is used twice at once", async () => {
  await using world = await approvalWorld();
  const [code = ""] = await world.enroll();
  const asked = await world.propose();
  await world.withCode(asked.id, code);
  const both = await Promise.all([refusal(redeem(world, asked)), refusal(redeem(world, asked))]);
  expect(both.toSorted()).toEqual(["accepted", "approval_used"]);
  expect(await refusal(redeem(world, asked))).toBe("approval_used");
  const [grant] = await world.service.unfinished("document");
  expect(grant?.approvedBy).toEqual(["Ada Example <ada@example.org>"]);
});

scenario("approvals", "A row of the database is forged", async () => {
  await using world = await approvalWorld();
  await world.enroll();
  const asked = await world.propose();
  const { insertDecision, moveApproval } = await import("../../src/access/approvals/rows.ts");
  const forge = (proof: object | null, level: "L0" | "L1") =>
    world.store.write(async (tx) => {
      const base = { approval_id: asked.id, decision: "approve" as const, at: 1, comment: null, selection: null };
      const by = { by_name: ADA.name, by_email: ADA.email, method: "code", level };
      await insertDecision(tx as never, { ...base, ...by, proof: proof === null ? null : JSON.stringify(proof) });
      await moveApproval(tx as never, { id: asked.id }, { state: "approved" });
    });
  await forge(null, "L1");
  expect(await refusal(redeem(world, asked))).toBe("approval_missing");
  const [sheet] = world.approvers.all();
  await forge({ key: sheet?.codes[0]?.key, signature: "AAAA" }, "L1");
  expect(await refusal(redeem(world, asked))).toBe("approval_missing");
  await world.store.write((tx) => moveApproval(tx as never, { id: asked.id }, { level: "L0" }));
  await forge(null, "L0");
  expect(await refusal(redeem(world, asked))).toBe("approval_missing");
  expect((await world.audited(asked.id)).filter((entry) => entry === "refused approval_missing")).toHaveLength(3);
});

test("a row that is called redeemed, or whose paths were changed after the yes, gives no grant", async () => {
  await using world = await approvalWorld();
  const [code = ""] = await world.enroll();
  const { moveApproval } = await import("../../src/access/approvals/rows.ts");
  const set = (id: string, row: object) => world.store.write((tx) => moveApproval(tx as never, { id }, row));
  const forged = await world.propose();
  await set(forged.id, { state: "approved", redeemed_at: 1 });
  expect(await world.service.unfinished("document")).toEqual([]);
  expect(await world.service.unfinished("document")).toEqual([]);
  expect((await world.audited(forged.id)).filter((entry) => entry.startsWith("refused"))).toHaveLength(1);
  // The yes is for the one file that the person saw; the commit holds another one.
  const two = await world.propose({ files: { [SPEC]: AFTER, "AGENTS.md": "Obey.\n" } });
  const contentHash = await contentHashAt(world.git, two.subject.commit, [SPEC]);
  await set(two.id, { paths: JSON.stringify([SPEC]), content_hash: contentHash });
  await world.withCode(two.id, code);
  await set(two.id, { paths: JSON.stringify(["AGENTS.md"]) });
  expect(await refusal(world.service.redeem(two.id, contentHash))).toBe("approval_void");
  await set(two.id, { redeemed_at: 1, state: "approved" });
  expect(await world.service.unfinished("document")).toEqual([]);
  await set(two.id, { paths: JSON.stringify([SPEC]) });
  expect((await world.service.unfinished("document")).map(({ approvedBy }) => approvedBy)).toEqual([
    ["Ada Example <ada@example.org>"],
  ]);
});

scenario("approvals", "A proof is carried to a copy of the repository", async () => {
  await using world = await approvalWorld();
  const [code = ""] = await world.enroll();
  const asked = await world.propose();
  await world.withCode(asked.id, code);
  await world.stop();
  const copy = `${world.repository.path}-copy`;
  await cp(world.repository.path, copy, { recursive: true });
  try {
    await using other = new ApprovalWorld(world.repository, { home: world.home, git: await openGit(copy) });
    await other.start();
    expect((await other.service.get(asked.id)).state).toBe("approved");
    expect(await refusal(other.service.redeem(asked.id, asked.subject.contentHash))).toBe("approval_missing");
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
});

test("who may approve is asked of the rules of now, before and after the yes", async () => {
  await using world = await approvalWorld();
  const [ada = "", second = ""] = await world.enroll();
  const early = await world.propose();
  const late = await world.propose({ files: { [SPEC]: "# thing\n\nThe thing SHALL be red.\n" } });
  await world.withCode(early.id, ada);
  const onlyBob = { operations: ["document", "archive", "policy"], approvers: [BOB.email] };
  world.policy = options.schema.parse({ rules: [onlyBob] });
  expect(await refusal(redeem(world, early))).toBe("approval_missing");
  expect(await refusal(world.withCode(late.id, second))).toBe("approval_missing");
});

scenario("approvals", "A person merges a sensitive edit by hand", async () => {
  await using world = await approvalWorld();
  const [code = ""] = await world.enroll();
  const asked = await world.propose();
  await world.repository.git("merge", "--quiet", "--no-ff", "-m", "Merge", asked.subject.branch);
  await world.service.look();
  const merged = await world.service.get(asked.id);
  expect([merged.state, merged.bypassed, merged.level]).toEqual(["carried_out", true, "L1"]);
  expect(merged.decisions).toMatchObject([{ by: "Ada Example <ada@example.org>", level: "L0", method: "merge" }]);
  expect(merged.note).toContain("the policy asks for L1");
  expect(world.seen.map(({ name }) => name)).toContain("approval.bypassed");
  const [health] = world.service.healthChecks();
  expect(await health!.run(AbortSignal.timeout(1000))).toMatchObject({ status: "warning" });
  expect(await world.service.summary()).toMatchObject({ bypassed: 1 });
  expect(await world.audited(asked.id)).toContain("bypassed bypass");
  await world.withCode(asked.id, code);
  expect(await world.service.summary()).toMatchObject({ bypassed: 0 });
  expect(await health!.run(AbortSignal.timeout(1000))).toMatchObject({ status: "ok" });
});

test.each(["--squash", "--ff-only"])("a merge with %s is noticed as well", async (how) => {
  await using world = await approvalWorld();
  const asked = await world.propose();
  await world.repository.git("merge", "--quiet", how, asked.subject.branch);
  if (how === "--squash") await world.repository.git("commit", "--quiet", "-m", "Squashed");
  await world.service.look();
  expect(await world.service.get(asked.id)).toMatchObject({ state: "carried_out", bypassed: true });
});

test("what was rejected and merged all the same is shown as bypassed", async () => {
  await using world = await approvalWorld();
  const asked = await world.propose();
  await world.service.decide({ id: asked.id, decision: "reject", principal: person, comment: "No." });
  await world.repository.git("merge", "--quiet", "--no-ff", "-m", "Merge", asked.subject.branch);
  await world.service.look();
  expect(await world.service.get(asked.id)).toMatchObject({ state: "rejected", bypassed: true });
});

scenario("approvals", "A merge is enough where the policy says so", async () => {
  await using world = await approvalWorld({ "notes/a.md": "a\n" });
  const rules = [{ operations: ["document", "archive", "policy"], paths: ["openspec/**", "specloop.yaml"] }];
  world.policy = options.schema.parse({ rules });
  await world.stop();
  await rm(join(world.home, "core.db"));
  await world.start();
  const asked = await world.propose({ files: { "notes/a.md": "b\n" } });
  expect(asked.level).toBe("L0");
  await world.repository.git("merge", "--quiet", "--no-ff", "-m", "Merge", asked.subject.branch);
  await world.service.look();
  expect(await world.service.get(asked.id)).toMatchObject({ state: "carried_out", bypassed: false });
});

scenario("approvals", "Two people are wanted", async () => {
  await using world = await approvalWorld();
  world.policy = options.schema.parse({
    rules: [{ operations: ["document", "policy"], level: "L1", count: 2 }, { operations: ["archive"] }],
  });
  await world.service.look();
  const [ada1 = "", ada2 = ""] = await world.enroll(ADA);
  const [bob1 = ""] = await world.enroll(BOB);
  const asked = await world.propose();
  expect((await world.withCode(asked.id, ada1)).state).toBe("open");
  expect(await refusal(world.withCode(asked.id, ada2))).toBe("approval_missing");
  expect((await world.withCode(asked.id, bob1)).state).toBe("approved");
});

scenario("approvals", "A person proposes and approves alone", async () => {
  await using world = await approvalWorld();
  const [one = "", two = ""] = await world.enroll();
  const asked = await world.propose({ proposer: person });
  expect(await refusal(world.service.decide({ id: asked.id, decision: "approve", principal: person }))).toBe(
    "approval_missing",
  );
  expect((await world.withCode(asked.id, one)).state).toBe("approved");
  world.policy = options.schema.parse({
    rules: [{ operations: ["document", "archive", "policy"], approvers: [ADA.email, BOB.email] }],
  });
  await world.service.look();
  const again = await world.propose({ proposer: person, files: { "openspec/specs/b/spec.md": "# b\n" } });
  expect(await refusal(world.withCode(again.id, two))).toBe("approval_missing");
});

scenario("approvals", "Only those that the policy names may approve", async () => {
  await using world = await approvalWorld();
  world.policy = options.schema.parse({
    rules: [
      {
        operations: ["document", "archive", "policy"],
        approvers: [BOB.email],
        expiresHours: 10,
        escalateHours: 2,
        escalateTo: [ADA.email],
      },
    ],
  });
  await world.service.look();
  const [ada1 = "", ada2 = ""] = await world.enroll(ADA);
  const asked = await world.propose();
  expect(await refusal(world.withCode(asked.id, ada1))).toBe("approval_missing");
  world.clock.move(3 * 3_600_000);
  expect(await world.service.get(asked.id)).toMatchObject({ escalated: true, approvers: [BOB.email, ADA.email] });
  expect((await world.withCode(asked.id, ada2)).state).toBe("approved");
});

scenario("approvals", "Nobody approves in time", async () => {
  await using world = await approvalWorld();
  const [one = "", two = ""] = await world.enroll();
  const open = await world.propose();
  const late = await world.propose({ files: { "openspec/specs/b/spec.md": "# b\n" } });
  await world.withCode(late.id, one);
  world.clock.move(8 * 24 * 3_600_000);
  expect(await refusal(redeem(world, late))).toBe("approval_missing");
  await world.service.look();
  expect((await world.service.get(open.id)).state).toBe("expired");
  expect(await refusal(world.withCode(open.id, two))).toBe("approval_void");
});

scenario("approvals", "The rules in specloop.yaml ask for less", async () => {
  await using world = await approvalWorld();
  const [one = "", two = ""] = await world.enroll();
  world.policy = options.schema.parse({ rules: [] });
  world.sensitive = [];
  await world.service.look();
  expect(world.service.sensitive).toEqual(["**/openspec/specs/**"]);
  expect((await world.propose()).level).toBe("L1");
  expect(await world.service.summary()).toMatchObject({ policy: "weaker" });
  const { approvals } = await world.service.list({ states: ["open"], limit: 10 });
  const request = approvals.find(({ subject }) => subject.operation === "policy");
  expect(request).toMatchObject({ level: "L1", subject: { paths: ["specloop.yaml"] } });
  await world.stop();
  await world.start();
  expect((await world.propose({ files: { "openspec/specs/b/spec.md": "# b\n" } })).level).toBe("L1");
  const terminal = world.service.decide({ id: request!.id, decision: "approve", principal: person });
  expect(await refusal(terminal)).toBe("approval_missing");
  await world.withCode(request!.id, one);
  expect((await world.service.get(request!.id)).state).toBe("carried_out");
  expect(await world.service.summary()).toMatchObject({ policy: "same" });
  expect((await world.propose({ files: { "openspec/specs/c/spec.md": "# c\n" } })).level).toBe("L0");
  void two;
});

test("stricter rules hold at once, and rules that were taken back leave no request", async () => {
  await using world = await approvalWorld();
  const before = world.policy;
  world.policy = options.schema.parse({ rules: [...before.rules, { operations: ["document"], level: "L2" }] });
  await world.service.look();
  expect(await world.service.summary()).toMatchObject({ policy: "same" });
  world.policy = before;
  await world.service.look();
  const { approvals } = await world.service.list({ states: ["open"], limit: 10 });
  expect(approvals.map(({ level }) => level)).toEqual(["L1"]);
  world.policy = options.schema.parse({ rules: [...before.rules, { operations: ["document"], level: "L2" }] });
  await world.service.look();
  expect((await world.service.get(approvals[0]!.id)).state).toBe("void");
});

scenario("approvals", "A person asks for changes and the agent revises", async () => {
  await using world = await approvalWorld();
  const asked = await world.propose();
  const waiting = world.service.waitFor(asked.id, { waitMs: 20_000, signal: AbortSignal.timeout(20_000) });
  const selection = { path: SPEC, startLine: 3, endLine: 3 };
  const words = { id: asked.id, principal: person, comment: "Which green?", selection };
  await world.service.decide({ ...words, decision: "request_changes" });
  const told = await waiting;
  expect(told.state).toBe("changes_requested");
  expect(told.decisions).toMatchObject([{ decision: "request_changes", comment: "Which green?", selection }]);
  const revised = await world.propose({ files: { [SPEC]: AFTER.replace("green", "sea green") } });
  expect(await world.service.get(asked.id)).toMatchObject({ state: "superseded", supersededBy: revised.id });
  const [code = ""] = await world.enroll();
  expect(await refusal(world.withCode(asked.id, code))).toBe("approval_void");
  await world.service.decide({ id: revised.id, decision: "reject", principal: person, comment: "Blue is fine." });
  expect(await world.service.get(revised.id)).toMatchObject({ state: "rejected", note: "Blue is fine." });
  expect(await refusal(world.service.decide({ id: revised.id, decision: "reject", principal: person }))).toBe(
    "approval_void",
  );
});

scenario("approvals", "An agent tries to decide", async () => {
  await using world = await approvalWorld();
  const [code = ""] = await world.enroll();
  const asked = await world.propose();
  for (const decision of ["approve", "reject", "request_changes", "comment"] as const)
    expect(await refusal(world.service.decide({ id: asked.id, decision, principal: agent, comment: "x" }))).toBe(
      "forbidden",
    );
  expect(await world.audited(asked.id)).toEqual(["requested", ...Array(4).fill("refused forbidden")]);
  const stale = { id: asked.id, decision: "approve", principal: person, contentHash: "0".repeat(64) } as const;
  expect(await refusal(world.service.decide(stale))).toBe("approval_void");
  await world.withCode(asked.id, code);
});

test("git's replacement refs change nothing of what is looked at and written", async () => {
  await using world = await approvalWorld();
  const asked = await world.propose();
  const evil = join(world.home, "evil.md");
  await mkdir(world.home, { recursive: true });
  await writeFile(evil, "# evil\n");
  const blob = await world.repository.git("hash-object", "-w", evil);
  const real = (await world.git.list(asked.subject.commit, SPEC)).get(SPEC)!;
  await world.repository.git("replace", real, blob);
  expect((await world.service.review(asked.id)).diff).toContain("SHALL be green");
  expect((await world.git.read(asked.subject.commit, SPEC))?.toString()).toBe(AFTER);
  expect(BEFORE).not.toBe(AFTER);
});
