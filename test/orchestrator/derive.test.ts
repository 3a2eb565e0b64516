import { expect, test } from "vitest";
import fc from "fast-check";
import { changeOf, derive, documentOf, type ChangeFiles, type Snapshot } from "../../src/orchestrator/index.ts";
import { scenario } from "../helpers/scenario.ts";
import type { KnownBases } from "../../src/orchestrator/bases/index.ts";
import { roleInChange } from "../../src/orchestrator/document.ts";
import { change, delta, SPEC } from "./setup.ts";

function snapshotOf(changes: Record<string, Record<string, string>>): Snapshot {
  const files = Object.entries(changes).map(([id, documents]): [string, ChangeFiles] => {
    const parsed = Object.entries(documents).map(([name, text]) => {
      const path = `openspec/changes/${id}/${name}`;
      return [name, documentOf(path, roleInChange(name), Buffer.from(text))] as const;
    });
    return [id, changeOf({ id, documents: new Map(parsed), truncated: false, git: "committed", branch: null })];
  });
  return {
    root: "openspec",
    config: { schema: "spec-driven", context: null, store: null, problems: [] },
    schemas: new Map(),
    specs: new Map([["auth", documentOf("openspec/specs/auth/spec.md", "spec", Buffer.from(SPEC))]]),
    changes: new Map(files),
    archived: [],
    archive: { tasks: new Map(), deadLock: null },
    approvals: new Map(),
  };
}

function filesOf(id: string, text: string, tasks?: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(change(id, text, tasks)).map(([path, content]) => [
      path.slice(`openspec/changes/${id}/`.length),
      content,
    ]),
  );
}

test("the stages in the order of a change's life", () => {
  const all = filesOf("x", delta("ADDED", "It"));
  const stage = (files: Record<string, string>) => derive(snapshotOf({ x: files })).changes.get("x")!.stage;
  expect(stage({})).toBe("scaffolded");
  expect(stage({ ".openspec.yaml": all[".openspec.yaml"]! })).toBe("scaffolded");
  expect(stage({ "proposal.md": "x" })).toBe("planning");
  const { "design.md": _design, ...withoutDesign } = all;
  expect(stage(withoutDesign)).toBe("planning");
  expect(stage(all)).toBe("planned");
  const { [`specs/auth/spec.md`]: _delta, ...withoutDelta } = all;
  expect(stage(withoutDelta)).toBe("planning");
  expect(stage({ ...withoutDelta, ".openspec.yaml": "schema: spec-driven\nskip_specs: true\n" })).toBe("planned");
  expect(stage({ ...withoutDesign, "tasks.md": "- [x] a\n- [ ] b\n" })).toBe("implementing");
  expect(stage({ ...withoutDesign, "tasks.md": "- [x] a\n- [X] b\n" })).toBe("implemented");
});

test("artifacts say what is ready and what is blocked", () => {
  const artifacts = derive(snapshotOf({ x: { "proposal.md": "x" } })).changes.get("x")!.artifacts;
  expect(artifacts.map(({ id, status }) => [id, status])).toEqual([
    ["proposal", "done"],
    ["specs", "ready"],
    ["design", "ready"],
    ["tasks", "blocked"],
  ]);
});

test("an approval holds while only ticks change", () => {
  const before = snapshotOf({ x: filesOf("x", delta("ADDED", "It")) });
  const { planHash, contentHash } = derive(before).changes.get("x")!;
  const ticked = filesOf("x", delta("ADDED", "It"), "## 1. A\n\n- [x] 1.1 b\n- [ ] 1.2 c\n");
  const after = derive(snapshotOf({ x: ticked })).changes.get("x")!;
  expect(after.planHash).toBe(planHash);
  expect(after.contentHash).not.toBe(contentHash);
  expect(derive(snapshotOf({ x: { ...ticked, "design.md": "# Other\n" } })).changes.get("x")!.planHash).not.toBe(
    planHash,
  );
  const approved = { ...before, approvals: new Map([["x", new Set([planHash])]]) };
  expect(derive(approved).changes.get("x")!.stage).toBe("approved");
});

test("what is kept of a change whose files stayed is what everything read anew gives", () => {
  const before = snapshotOf({
    a: filesOf("a", delta("MODIFIED", "Sign in")),
    b: filesOf("b", delta("ADDED", "New")),
    c: filesOf("c", delta("MODIFIED", "New")),
  });
  const { planHash } = derive(before).changes.get("b")!;
  const without = new Map(before.changes);
  without.delete("b");
  const [other] = snapshotOf({ d: filesOf("d", delta("MODIFIED", "Sign in")) }).changes;
  const spec = documentOf("openspec/specs/auth/spec.md", "spec", Buffer.from(SPEC.replaceAll("SHALL", "MUST")));
  const block = before.changes.get("a")!.deltaFiles[0]!.delta.modified[0]!;
  const base = { capability: "auth", requirement: block.name, commit: null, source: "seen" as const, takenAt: 0 };
  const bases = (text: string) =>
    new Map([["a", new Map([["auth\0Sign in", { ...base, text, blockHash: "", goneAt: null }]])]]);
  const steps: [Snapshot, KnownBases?][] = [
    [before],
    [{ ...before, changes: without }],
    [{ ...before, changes: new Map([...before.changes, other!]) }],
    [{ ...before, beside: [other![1]] }],
    [{ ...before, specs: new Map() }],
    [{ ...before, specs: new Map([["auth", spec]]) }],
    [{ ...before, approvals: new Map([["b", new Set([planHash])]]) }],
    [{ ...before, config: { ...before.config, schema: "of-nobody" } }],
    [{ ...before, root: "sub/openspec" }],
    [before, bases("### Requirement: Sign in\nOther words.\n")],
    [before, bases(block.raw)],
    [before],
  ];
  const seen = steps.map(([snapshot, known]) => {
    const kept = derive(snapshot, known);
    expect(kept).toEqual(derive(structuredClone(snapshot), known));
    return JSON.stringify([...kept.changes]);
  });
  expect(new Set(seen).size).toBeGreaterThan(8);
  expect(derive(before).changes.get("a")).toBe(derive(before).changes.get("a"));
});

test("a verdict depends on the specs that the change touches", () => {
  const snapshot = snapshotOf({ x: filesOf("x", delta("MODIFIED", "Sign in")) });
  const other = documentOf("openspec/specs/auth/spec.md", "spec", Buffer.from(`${SPEC}\nMore.\n`));
  const hash = (specs: Snapshot["specs"]) => derive({ ...snapshot, specs }).changes.get("x")!.verdictHash;
  expect(hash(new Map([["auth", other]]))).not.toBe(hash(snapshot.specs));
  expect(hash(new Map([...snapshot.specs, ["billing", other]]))).toBe(hash(snapshot.specs));
});

test("any text derives, twice to the same", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "## ADDED Requirements\n",
      "### Requirement: A\n",
      "#### Scenario: s\n",
      "- [x] 1.1 a\n",
      "```\n",
      "## Open Questions\n",
    ),
    fc.constantFrom(
      "<<<<<<< a\n",
      "=======\n",
      ">>>>>>> b\n",
      "- FROM: `### Requirement: A`\n",
      "\uFEFF",
      "\r\n",
      "schema: [\n",
      "&a *a\n",
    ),
    fc.string({ unit: "binary" }),
  );
  const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(""));
  const name = fc.constantFrom(
    "proposal.md",
    "tasks.md",
    "design.md",
    ".openspec.yaml",
    "specs/auth/spec.md",
    "specs/a/b/spec.md",
    "x.bin",
  );
  fc.assert(
    fc.property(fc.dictionary(name, text), fc.dictionary(name, text), (one, two) => {
      const state = derive(snapshotOf({ one, two }));
      expect(derive(snapshotOf({ one, two }))).toEqual(state);
      for (const { findings } of state.changes.values())
        for (const { code, message } of findings) expect(code && message).toBeTruthy();
    }),
    { numRuns: 300 },
  );
});

// Quadratic work on these takes hours, which the time limit tells from linear work.
scenario(
  "changes",
  "A document that is made to take long is read",
  () => {
    const megabyte = (text: string) => text.repeat(Math.ceil(2 ** 20 / text.length));
    const tails = [
      "\n",
      "\r",
      "a\n",
      "-\n",
      "# a\n",
      "```\n",
      "   ~~~\n",
      "- [x] a\n",
      "[",
      "<!--",
      "- `",
      "**a",
      " \t",
      "### Requirement: # ",
    ];
    const heads = ["", "## Open Questions\n- a\n", "## Capabilities\n", "<<<<<<< a\n", "- [ ] 1."];
    const sections = ["ADDED", "MODIFIED", "REMOVED", "RENAMED"].map((operation) => `## ${operation} Requirements\n`);
    const blocks = [
      "#### s\n\n",
      "#### s\nb\n",
      "### Requirement: a\n",
      "FROM: ### Requirement: a\n",
      "- ### Requirement: a\n",
    ];
    const documents = [
      ...tails.flatMap((tail) => heads.map((head) => ["proposal.md", head + megabyte(tail)] as const)),
      ...[...blocks, ...tails].flatMap((block) =>
        sections.map((head) => ["specs/a/spec.md", `${head}### Requirement: A\n${megabyte(block)}`] as const),
      ),
    ];
    for (const [name, text] of documents) {
      const document = documentOf(`openspec/changes/x/${name}`, roleInChange(name), Buffer.from(text));
      expect([name, document.problem]).toEqual([name, null]);
    }
  },
  120_000,
);
