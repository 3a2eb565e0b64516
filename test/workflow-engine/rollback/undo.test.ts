import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import { temporaryRepository, type TemporaryRepository } from "../../helpers/repository.ts";
import { ADA, AGENT, begin, until } from "../engine/house.ts";
import { node, plan } from "../engine/plans.ts";
import { openRollbackHouse, type RollbackHouse, says, scribbles } from "./house.ts";

const A = "openspec/changes/x/proposal.md";
const B = "openspec/changes/x/tasks.md";
const GUIDE = "docs/guide.md";
const FILES = {
  [A]: "# Why\n\none\n\nmiddle\n\ntwo\n\nlast\n",
  [B]: "# Tasks\n\n- [ ] 1.1 First\n- [ ] 1.2 Second\n",
  [GUIDE]: "# Guide\n\nold\n",
};
const BACK = "back";
const undo = (say = BACK) => ({ undo: node("undo", "effect", { config: { say } }) });

const textOf = (repository: TemporaryRepository, path: string) => readFileSync(join(repository.path, path), "utf8");

async function ended(house: RollbackHouse, id: string) {
  await until(
    async () => !["running", "undoing", "cancelling"].includes((await house.engine.get(id)).state),
    "the end",
  );
  return house.engine.get(id);
}

const lines = (run: Awaited<ReturnType<typeof ended>>) =>
  Object.fromEntries((run.undone?.nodes ?? []).map(({ key, became }) => [key, became]));

scenario("workflows", "Documents as before the run", async () => {
  await using repository = await temporaryRepository(FILES);
  await using house = await openRollbackHouse(repository.path);
  await repository.write("staged.txt", "a person's own");
  await repository.git("add", "staged.txt");
  const id = await begin(
    house,
    plan("p", [
      says("first", A, ["one", "ONE"]),
      node("mail", "effect", { needs: ["first"], ...undo() }),
      says("second", A, ["two", "TWO"], { needs: ["mail"] }),
      says("third", B, ["First", "Erste"], { needs: ["second"] }),
      node("made", "document", {
        needs: ["third"],
        config: { path: "openspec/changes/x/design.md", edits: [{ kind: "write", content: "# New\n" }], reason: "Add" },
      }),
      node("post", "effect", { needs: ["made"] }),
    ]),
  );
  expect((await ended(house, id)).state).toBe("succeeded");
  expect(textOf(repository, A)).toContain("ONE");
  const before = await repository.git("rev-parse", "HEAD");
  await house.engine.undo(id, ADA);
  const run = await ended(house, id);
  expect(run.state).toBe("undone");
  expect(run.undone?.nodes.map(({ key, became }) => [key, became])).toEqual([
    ["post", "left"],
    ["made", "restored"],
    ["third", "restored"],
    ["second", "restored"],
    ["mail", "undone"],
    ["first", "restored"],
  ]);
  expect([textOf(repository, A), textOf(repository, B)]).toEqual([FILES[A], FILES[B]]);
  expect(await repository.git("ls-files", "openspec/changes/x/design.md")).toBe("");
  // By commits on top of what there was; nothing was reset, and what a person had staged still is.
  await repository.git("merge-base", "--is-ancestor", before, "HEAD");
  expect(await repository.git("log", "-1", "--format=%(trailers:key=Specloop-Run,valueonly)")).toContain(id);
  expect(await repository.git("diff", "--cached", "--name-only")).toBe("staged.txt");
  expect(await house.engine.undo(id, ADA)).toBe("duplicate");
});

scenario("workflows", "Back to before a node", async () => {
  await using repository = await temporaryRepository(FILES);
  await using house = await openRollbackHouse(repository.path);
  const id = await begin(
    house,
    plan("p", [
      says("first", A, ["one", "ONE"]),
      says("second", A, ["two", "TWO"], { needs: ["first"] }),
      node("mail", "effect", { needs: ["second"], ...undo() }),
    ]),
  );
  await ended(house, id);
  await expect(house.engine.undo(id, ADA, "nobody")).rejects.toMatchObject({ code: "bad_input" });
  await house.engine.undo(id, ADA, "second");
  const run = await ended(house, id);
  expect(run).toMatchObject({ state: "undone", reason: "as before second", undone: { to: "second" } });
  expect(lines(run)).toEqual({ mail: "undone", second: "restored" });
  expect(textOf(repository, A)).toBe(FILES[A].replace("one", "ONE"));
  expect(await house.engine.undo(id, ADA, "mail")).toBe("duplicate");
  expect(await house.engine.undo(id, ADA)).toBe("applied");
  expect(lines(await ended(house, id))).toEqual({ mail: "undone", second: "restored", first: "restored" });
  expect(textOf(repository, A)).toBe(FILES[A]);
  expect(house.lines().filter((line) => line.endsWith(BACK))).toEqual(["mail/undo back"]);
});

scenario("workflows", "Somebody wrote since", async () => {
  await using repository = await temporaryRepository(FILES);
  await using house = await openRollbackHouse(repository.path);
  const id = await begin(
    house,
    plan("p", [
      node("mail", "effect", undo()),
      says("first", A, ["one", "ONE"], { needs: ["mail"] }),
      says("second", B, ["First", "Erste"], { needs: ["first"] }),
    ]),
  );
  await ended(house, id);
  // Lines apart from what the run wrote in one document, the same line in the other.
  await repository.write(A, textOf(repository, A).replace("last", "a person's last"));
  await repository.write(B, textOf(repository, B).replace("Erste", "Premier"));
  await repository.commitAll("By hand");
  await house.engine.undo(id, ADA);
  const run = await ended(house, id);
  expect(run).toMatchObject({ state: "failed", error: { key: "second/restore", kind: "refused" } });
  expect(lines(run)).toEqual({ second: "left", first: "restored", mail: "undone" });
  expect(textOf(repository, A)).toBe(FILES[A].replace("last", "a person's last"));
  expect(textOf(repository, B)).toContain("Premier");
  const [kept] = run.undone!.nodes[0]!.files;
  expect(kept).toMatchObject({ path: B, became: "kept" });
  expect(kept?.diff).toContain("+- [ ] 1.1 Premier");
  expect(run.undone!.nodes[1]!.files).toMatchObject([{ path: A, became: "merged" }]);
  await expect(house.engine.resume(id, ADA)).rejects.toMatchObject({ code: "run_ended" });
  // The person lets go of it; then the rest is undone, and nothing of it twice.
  await repository.write(B, textOf(repository, B).replace("Premier", "Erste"));
  await repository.commitAll("By hand again");
  await house.engine.undo(id, ADA);
  expect((await ended(house, id)).state).toBe("undone");
  expect(textOf(repository, B)).toBe(FILES[B]);
  expect(house.lines().filter((line) => line.endsWith(BACK))).toHaveLength(1);
});

scenario("workflows", "Work that is not committed", async () => {
  await using repository = await temporaryRepository(FILES);
  await using house = await openRollbackHouse(repository.path);
  const id = await begin(house, plan("p", [says("first", A, ["one", "ONE"])]));
  await ended(house, id);
  const mine = textOf(repository, A).replace("ONE", "a person's one");
  await repository.write(A, mine);
  await house.engine.undo(id, ADA);
  const run = await ended(house, id);
  expect([run.state, lines(run)]).toEqual(["failed", { first: "left" }]);
  expect(textOf(repository, A)).toBe(mine);
});

scenario("workflows", "A sensitive document", async () => {
  await using repository = await temporaryRepository(FILES);
  await using house = await openRollbackHouse(repository.path);
  const id = await begin(house, plan("p", [says("guide", GUIDE, ["old", "new"])]));
  await ended(house, id);
  const { branch } = (await house.engine.node(id, "guide")).output as { branch: string };
  // Nobody has decided on the edit: it is listed. Merged, it goes back the same way, by a person's yes.
  await house.engine.undo(id, ADA);
  const first = await ended(house, id);
  expect(first.undone?.nodes).toMatchObject([{ key: "guide", became: "left", files: [{ path: branch }] }]);
  await repository.git("merge", "--quiet", branch);
  expect(textOf(repository, GUIDE)).toContain("new");
  await house.engine.undo(id, ADA);
  const second = await ended(house, id);
  expect(second.state).toBe("undone");
  const [file] = second.undone!.nodes[0]!.files;
  expect(file).toMatchObject({ path: GUIDE, became: "proposed" });
  expect(textOf(repository, GUIDE)).toContain("new");
  await repository.git("merge", "--quiet", file!.branch!);
  expect(textOf(repository, GUIDE)).toBe(FILES[GUIDE]);
});

scenario("workflows", "What a command left", async () => {
  await using repository = await temporaryRepository(FILES);
  await using house = await openRollbackHouse(repository.path);
  await repository.write(GUIDE, "# Guide\n\na person's, not committed\n");
  const id = await begin(
    house,
    plan("p", [
      scribbles("build", {
        [GUIDE]: "# Guide\n\nscribbled\n",
        [A]: FILES[A].replace("one", "scribbled"),
        "docs/new.md": "# New\n",
        "src/code.ts": "export {};\n",
      }),
      says("tick", B, ["First", "Erste"], { needs: ["build"] }),
      scribbles("again", { [B]: null }, { needs: ["tick"] }),
    ]),
  );
  await ended(house, id);
  expect((await house.engine.events(id, 0)).filter(({ type }) => type === "snapshot")).toHaveLength(4);
  await house.engine.undo(id, ADA);
  const run = await ended(house, id);
  expect(lines(run)).toEqual({ again: "restored", tick: "restored", build: "left" });
  expect([textOf(repository, A), textOf(repository, B)]).toEqual([FILES[A], FILES[B]]);
  await expect(readFile(join(repository.path, "docs/new.md"))).rejects.toMatchObject({ code: "ENOENT" });
  // Sensitive, and not as anybody committed it: the one thing that is left to the person.
  expect(run.undone?.nodes.at(-1)?.files.filter(({ became }) => became === "kept")).toMatchObject([{ path: GUIDE }]);
  // No document, so it is none of ours.
  expect(textOf(repository, "src/code.ts")).toBe("export {};\n");
  expect(await repository.git("stash", "list")).toBe("");
});

scenario("workflows", "A run below is undone", async () => {
  await using repository = await temporaryRepository(FILES);
  const child = plan("child", [
    says("inner", A, ["one", "ONE"]),
    node("mail", "effect", { needs: ["inner"], ...undo() }),
  ]);
  await using house = await openRollbackHouse(repository.path, { plans: [child] });
  const id = await begin(
    house,
    plan("p", [
      node("sub", "workflow", { config: { use: "child" } }),
      says("outer", A, ["two", "TWO"], { needs: ["sub"] }),
    ]),
  );
  await until(async () => (await house.engine.get(id)).state === "succeeded", "the end");
  await house.engine.undo(id, ADA);
  await until(async () => (await house.engine.get(id)).state === "undone", "the undo");
  expect(textOf(repository, A)).toBe(FILES[A]);
  expect((await house.engine.list({ limit: 9 })).map(({ state }) => state)).toEqual(["undone", "undone"]);
  expect(house.lines().filter((line) => line.endsWith(BACK))).toHaveLength(1);
});

scenario("workflows", "An undo is not stopped by the budget", async () => {
  await using repository = await temporaryRepository(FILES);
  await using house = await openRollbackHouse(repository.path);
  const spent = node("call", "effect", { config: { tokens: 100, usd: 1 }, ...undo() });
  const id = await begin(
    house,
    plan("p", [spent, node("long", "effect", { needs: ["call"], config: { ms: 60_000 } })], {
      budget: { usd: null, tokens: null, ms: 150 },
    }),
  );
  await until(async () => (await house.engine.get(id)).state === "paused", "the pause");
  await house.engine.cancel(id, ADA);
  await until(async () => (await house.engine.get(id)).state === "cancelled", "the end");
  await house.engine.undo(id, ADA);
  expect((await ended(house, id)).state).toBe("undone");
  expect(house.lines().filter((line) => line.endsWith(BACK))).toHaveLength(1);
});

scenario("workflows", "A fork of a run that was undone", async () => {
  await using repository = await temporaryRepository(FILES);
  await using house = await openRollbackHouse(repository.path);
  const shape = plan("p", [
    says("first", A, ["one", "ONE"]),
    node("mail", "effect", undo()),
    node("kept", "effect"),
    node("last", "effect", { needs: ["first", "mail", "kept"] }),
  ]);
  const id = await begin(house, shape, { principal: AGENT });
  await ended(house, id);
  await house.engine.undo(id, ADA);
  await ended(house, id);
  const fork = await house.engine.fork(id, ADA, { from: "last" });
  expect((await ended(house, fork.id)).state).toBe("succeeded");
  // What was undone is done again; what nothing undid is not.
  expect([textOf(repository, A).includes("ONE"), house.begun("mail"), house.begun("kept")]).toEqual([true, 2, 1]);
});
