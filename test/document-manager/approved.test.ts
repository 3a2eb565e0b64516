import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Approvers, personFiles } from "../../src/access/approvals/index.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { openApprovedRoom } from "./approved-room.ts";
import { agent } from "./room.ts";

const SPEC = "openspec/specs/thing/spec.md";
const files = { [SPEC]: "# thing\n\nThe thing SHALL be blue.\n", ".gitignore": ".specloop/\n" };
const person = { kind: "person", name: "Ada Example" } as const;
type Room = Awaited<ReturnType<typeof openApprovedRoom>>;

async function temporaryHome() {
  const path = await mkdtemp(join(tmpdir(), "specloop-person-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function proposeEdit(room: Room) {
  const edits = [{ kind: "replace_text", find: "blue", replace: "green" }] as const;
  const update = { files: [{ path: SPEC, edits: [...edits] }], reason: "Green is better", principal: agent };
  const result = await room.manager.update(update);
  expect(result).toMatchObject({ status: "proposed", approval: expect.stringMatching(/^ap-/) });
  return { id: result.approval!, branch: result.branch! };
}

async function approve(room: Room, id: string, home: string) {
  const approvers = new Approvers({ files: personFiles({ XDG_CONFIG_HOME: home }), outside: [] });
  const [code = ""] = await approvers.enroll(
    { name: "Ada Example", email: "ada@example.org" },
    { lost: false, now: 1, count: 1 },
  );
  const key = (await approvers.keyFor(code))!;
  const { statement } = await room.service.review(id);
  const proof = { key: key.publicKey, signature: key.sign(statement) };
  return room.service.decide({ id, decision: "approve", principal: person, method: "code", code: proof });
}

async function commitsOf(repository: TemporaryRepository, id: string): Promise<string[]> {
  const log = await repository.git("log", "--format=%H %(trailers:key=Specloop-Approval,valueonly,separator=%x2C)");
  return log.split("\n").filter((line) => line.endsWith(id));
}

async function settled(room: Room, id: string): Promise<string> {
  for (let turn = 0; turn < 400; turn += 1) {
    const { state } = await room.service.get(id);
    if (state !== "approved") return state;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return "approved";
}

scenario("approvals", "An approved edit of a sensitive document", async () => {
  await using repository = await temporaryRepository(files);
  await using home = await temporaryHome();
  await using room = await openApprovedRoom(repository.path, home.path);
  await room.start();
  await repository.write("unrelated.md", "staged\n");
  await repository.git("add", "unrelated.md");
  const { id, branch } = await proposeEdit(room);
  expect(await repository.git("show", `HEAD:${SPEC}`)).toContain("blue");
  await approve(room, id, home.path);
  expect(await settled(room, id)).toBe("carried_out");
  expect(await repository.git("show", `HEAD:${SPEC}`)).toContain("green");
  expect(await repository.git("show", "--name-only", "--format=", "HEAD")).toBe(SPEC);
  const message = await repository.git("log", "-1", "--format=%B");
  expect(message).toContain(`Specloop-Approval: ${id}`);
  expect(message).toContain("Specloop-Approved-By: Ada Example <ada@example.org>");
  expect(message).toContain("Specloop-Principal: agent:claude-code");
  expect(await repository.git("branch", "--list", branch)).toBe("");
  expect(await repository.git("status", "--short")).toBe("A  unrelated.md");
});

test("a person's uncommitted work keeps an approved edit waiting, and is not touched", async () => {
  await using repository = await temporaryRepository(files);
  await using home = await temporaryHome();
  await using room = await openApprovedRoom(repository.path, home.path);
  await room.start();
  const { id } = await proposeEdit(room);
  await repository.write(SPEC, "# thing\n\nThe thing SHALL be blue.\n\nMy notes.\n");
  await approve(room, id, home.path);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect((await room.service.get(id)).state).toBe("approved");
  expect(await repository.git("status", "--short")).toBe(` M ${SPEC}`);
  await repository.git("checkout", "--quiet", "--", SPEC);
  await room.manager[Symbol.asyncDispose]();
  await using later = await openApprovedRoom(repository.path, home.path);
  await later.start();
  expect(await settled(later, id)).toBe("carried_out");
  expect(await commitsOf(repository, id)).toHaveLength(1);
});

scenario(
  "approvals",
  "The daemon is killed while an approved edit is carried out",
  async () => {
    for (const step of ["redeemed", "intent", "staged", "replaced", "written", "committed", "recorded"]) {
      await using repository = await temporaryRepository(files);
      await using home = await temporaryHome();
      const id = await (async () => {
        await using room = await openApprovedRoom(repository.path, home.path);
        await room.start();
        const proposed = await proposeEdit(room);
        // Nobody is there to carry it out yet.
        await room.manager[Symbol.asyncDispose]();
        const { subject } = await approve(room, proposed.id, home.path);
        if (step === "redeemed") await room.service.redeem(proposed.id, subject.contentHash);
        return proposed.id;
      })();
      if (step !== "redeemed") {
        const child = spawn(process.execPath, [
          join(import.meta.dirname, "approved-child.ts"),
          repository.path,
          home.path,
          step,
        ]);
        const [, signal] = (await once(child, "exit")) as [number | null, string | null];
        expect(signal, step).toBe("SIGKILL");
      }
      await using room = await openApprovedRoom(repository.path, home.path);
      await room.start();
      expect(await settled(room, id), step).toBe("carried_out");
      expect(await commitsOf(repository, id), step).toHaveLength(1);
      expect(await repository.git("show", `HEAD:${SPEC}`), step).toContain("green");
      expect(await repository.git("status", "--short"), step).toBe("");
    }
  },
  120_000,
);

test("an edit that was proposed before its request was made gets one at the next start", async () => {
  await using repository = await temporaryRepository(files);
  await using home = await temporaryHome();
  const { openRoom } = await import("./room.ts");
  await using without = await openRoom(repository.path);
  const edits = [{ kind: "replace_text" as const, find: "blue", replace: "green" }];
  const { branch } = await without.manager.update({ files: [{ path: SPEC, edits }], reason: "x", principal: agent });
  await without[Symbol.asyncDispose]();
  await using room = await openApprovedRoom(repository.path, home.path);
  await room.start();
  const { approvals } = await room.service.list({ states: ["open"], limit: 5 });
  expect(approvals.map(({ subject }) => subject.branch)).toEqual([branch]);
});

test("an approved edit that failed once does not write over what the person began meanwhile", async () => {
  await using repository = await temporaryRepository(files);
  await using home = await temporaryHome();
  await using room = await openApprovedRoom(repository.path, home.path);
  await room.start();
  const { id } = await proposeEdit(room);
  const hook = join(repository.path, ".git/hooks/pre-commit");
  await writeFile(hook, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  await approve(room, id, home.path);
  await expect.poll(() => room.service.unfinished("document"), { timeout: 10_000 }).toHaveLength(1);
  await room.manager.retryPending(); // A turn of its own: the failed try is over.
  const mine = "# thing\n\nThe thing SHALL be blue.\n\nMine, not committed.\n";
  await repository.write(SPEC, mine);
  await rm(hook);
  room.events.emit("git.refs_moved", { head: null, branch: "main" });
  await room.manager.retryPending();
  expect(await readFile(join(repository.path, SPEC), "utf8")).toBe(mine);
  expect(await commitsOf(repository, id)).toEqual([]);
  await repository.write(SPEC, files[SPEC]);
  room.events.emit("git.refs_moved", { head: null, branch: "main" });
  expect(await settled(room, id)).toBe("carried_out");
  expect(await commitsOf(repository, id)).toHaveLength(1);
});
