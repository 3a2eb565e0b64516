import { expect, test } from "vitest";
import { Lineage } from "../../src/orchestrator/index.ts";
import { declaredIn } from "../../src/orchestrator/graph/declared.ts";
import { mermaidOf } from "../../src/orchestrator/graph/mermaid.ts";
import { scenario } from "../helpers/scenario.ts";
import { delta, done, planned, requirement, worldOf } from "./archive/fixture.ts";

async function graphOf(files: Record<string, string>) {
  const repository = await planned(files);
  const world = await worldOf(repository);
  return new Lineage({ changes: world.orchestrator, git: world.git }).graph();
}

scenario("lineage", "A change needs the one that adds what it modifies", async () => {
  const graph = await graphOf({
    ...done("b-add", delta("ADDED", requirement("Sign out"))),
    ...done("a-modify", delta("MODIFIED", requirement("Sign out"))),
    ...done("c-names", delta("ADDED", requirement("Third"))),
    "openspec/changes/c-names/proposal.md":
      "# C\n\nDepends on: `a-modify`, and on nothing-else.\n\n## Why\n\nBecause.\n",
    "openspec/changes/archive/2026-01-01-old/specs/auth/spec.md": delta("ADDED", requirement("Sign in")),
  });
  const depends = graph.edges.filter(({ kind }) => kind === "depends");
  expect(depends).toEqual([
    { from: "a-modify", to: "b-add", kind: "depends", why: ["auth/Sign out"] },
    { from: "c-names", to: "a-modify", kind: "depends", why: ["proposal.md"] },
  ]);
  expect(graph.edges.filter(({ kind }) => kind === "overlaps")).toMatchObject([{ from: "a-modify", to: "b-add" }]);
  expect(graph.order).toEqual(["b-add", "a-modify", "c-names"]);
  expect(graph.capabilities).toEqual([
    { capability: "auth", active: ["a-modify", "b-add", "c-names"], archived: ["2026-01-01-old"] },
  ]);
  expect(mermaidOf(graph)).toContain('c0 -->|"auth/Sign out"| c1');
});

scenario("lineage", "Changes that need each other are named", async () => {
  const needs = (id: string) => `schema: spec-driven\ndepends_on: [${id}]\n`;
  const graph = await graphOf({
    ...done("one", delta("ADDED", requirement("One"))),
    "openspec/changes/one/.openspec.yaml": needs("two"),
    ...done("two", delta("ADDED", requirement("Two"))),
    "openspec/changes/two/.openspec.yaml": needs("one"),
    ...done("three", delta("ADDED", requirement("Three"))),
  });
  expect(graph).toMatchObject({ order: ["three"], rings: [["one", "two"]] });
});

test("documents that cannot be read, and names that would break the picture, do no harm", () => {
  expect(declaredIn(": : broken", null)).toEqual([]);
  expect(declaredIn("depends_on: { a: 1 }\nrequires: one\n", "We depend on nothing.\nDepends on: none")).toEqual([
    { id: "one", where: ".openspec.yaml" },
    { id: "none", where: "proposal.md" },
  ]);
  const node = { root: "openspec", stage: "planned", title: null, capabilities: [] };
  const picture = mermaidOf({
    nodes: [{ ...node, id: 'a"]; click x "javascript:y' }],
    edges: [],
    capabilities: [],
    order: [],
    rings: [],
  });
  expect(picture).toBe('flowchart LR\n  c0["a#34;#93;#59; click x #34;javascript#58;y<br/>planned"]');
});
