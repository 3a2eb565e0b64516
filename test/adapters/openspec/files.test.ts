import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { mkdir, symlink } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import {
  findRoots,
  readConfig,
  readMetadata,
  readSchema,
  writeChange,
  type ChangeDraft,
} from "../../../src/adapters/openspec/index.ts";
import { temporaryRepository } from "../../helpers/repository.ts";

test("finds every planning root, the top one first, and nothing inside one or outside the repository", async () => {
  const repository = await temporaryRepository({
    "packages/b/openspec/config.yml": "schema: own\n",
    "packages/a/openspec/specs/x/spec.md": "# X\n",
    "openspec/changes/a/fixtures/openspec/config.yaml": "schema: inner\n",
    "openspec/config.yaml": "context: 7\nschema: spec-driven\n",
    "node_modules/x/openspec/config.yaml": "schema: x\n",
    ".hidden/openspec/config.yaml": "schema: x\n",
    "ignored/openspec/config.yaml": "schema: x\n",
    "docs/openspec/README.md": "not a root\n",
    "one/two/three/four/five/six/openspec/config.yaml": "schema: deep\n",
  });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  await mkdir(join(repository.path, "linked"));
  await symlink("/", join(repository.path, "linked/openspec"));
  const { roots } = await findRoots(repository.path, async (path) => path.startsWith("ignored/"));
  expect(roots.map(({ path, config }) => [path, config.schema])).toEqual([
    ["openspec", "spec-driven"],
    ["packages/a/openspec", null],
    ["packages/b/openspec", "own"],
  ]);
  expect(roots[0]!.config.problems).toMatchObject([{ code: "config_unreadable", target: "openspec/config.yaml" }]);
  expect(roots[0]!.directory).toBe(join(repository.path, "openspec"));
});

test("a configuration that is no YAML, no mapping, or not there is a problem at most", () => {
  expect(readConfig("schema: [", "c.yaml")).toMatchObject({
    schema: null,
    problems: [{ target: expect.stringContaining("c.yaml:1") }],
  });
  expect(readConfig("- a\n", "c.yaml").problems).toHaveLength(1);
  expect(readConfig("", "c.yaml").problems).toEqual([]);
  expect(readConfig("\uFEFFschema: x\r\nunknown: 1\r\n", "c.yaml")).toMatchObject({ schema: "x", problems: [] });
});

test("metadata as OpenSpec takes it: known keys strictly, unknown ones not at all", () => {
  const read = (text: string) => readMetadata(text, "m.yaml");
  expect(read("schema: s\ncreated: 2026-11-21\ngoal: g\nskip_specs: true\nstatus: proposed\n")).toEqual({
    schema: "s",
    created: "2026-11-21",
    goal: "g",
    skipSpecs: true,
    retireCapabilities: false,
    problem: null,
  });
  for (const text of [
    "",
    "x",
    "schema: 7",
    "created: 2026-11-21",
    "schema: s\nskip_specs: maybe",
    "schema: s\ncreated: yesterday",
    "a: &x [*x]",
  ]) {
    expect(read(text).problem, text).toMatchObject({ severity: "error", code: "metadata_unreadable" });
    expect(read(text).skipSpecs).toBe(false);
  }
});

test("schemas, and what is wrong with them", () => {
  const one = "{ id: a, generates: a.md, description: d, template: t.md, requires: [] }";
  const read = (text: string) => readSchema(text, "s.yaml");
  expect(read(`name: n\nversion: 1\nartifacts: [${one}]\n`)).toEqual({
    name: "n",
    artifacts: [{ id: "a", generates: "a.md", requires: [] }],
    tasks: null,
  });
  expect(read(`name: n\nversion: 1\nartifacts: [${one}]\napply: { requires: [a], tracks: a.md }\n`)).toMatchObject({
    tasks: "a.md",
  });
  const circle = (id: string, other: string) => one.replace("id: a", `id: ${id}`).replace("[]", `[${other}]`);
  for (const [text, message] of [
    [`name: n\nversion: 1\nartifacts: [${one}, ${one}]`, "two artifacts have the same id"],
    [`name: n\nversion: 1\nartifacts: [${circle("a", "x")}]`, '"x" is required and is no artifact'],
    [`name: n\nversion: 1\nartifacts: [${circle("a", "b")}, ${circle("b", "a")}]`, "a, b require each other"],
    [`name: n\nversion: 1\nartifacts: [${one}]\napply: { requires: [b] }`, '"b" is required and is no artifact'],
    ["name: n", "artifacts: "],
    ["[", "s.yaml:1"],
  ] as const) {
    const found = read(text);
    expect(found).toMatchObject({ code: "schema_unreadable" });
    expect(JSON.stringify(found)).toContain(JSON.stringify(message).slice(1, -1));
  }
});

test("metadata and schemas are refused exactly where OpenSpec refuses them", async () => {
  const dist = resolve(import.meta.dirname, "../../../node_modules/@fission-ai/openspec/dist/core");
  const load = async (path: string): Promise<unknown> => import(pathToFileURL(join(dist, path)).href);
  const { ChangeMetadataSchema } = (await load("change-metadata/index.js")) as {
    ChangeMetadataSchema: { safeParse(value: unknown): { success: boolean } };
  };
  const { parseSchema } = (await load("artifact-graph/schema.js")) as { parseSchema(text: string): unknown };
  const word = fc.constantFrom("a", "b", "a-b", "", "A B", "2026-11-21", "2026-99-99", 7, true, null);
  const words = fc.array(word, { maxLength: 2 });
  const mostly = <Value>(good: fc.Arbitrary<Value>) =>
    fc.oneof({ weight: 8, arbitrary: good }, { weight: 1, arbitrary: fc.oneof(word, words) });
  const link = fc.record({ store: fc.constant("a"), id: word, more: word }, { requiredKeys: ["store", "id"] });
  const metadata = fc.record(
    {
      schema: mostly(fc.constant("a")),
      created: mostly(fc.constantFrom("2026-11-21", "2026-99-99")),
      goal: mostly(fc.constant("a b")),
      affected_areas: mostly(fc.constant(["a"])),
      initiative: mostly(fc.oneof(fc.constant({ store: "a-b", id: "c" }), link)),
      skip_specs: mostly(fc.boolean()),
      retire_capabilities: mostly(fc.boolean()),
      status: word,
    },
    { requiredKeys: ["schema"] },
  );
  const text = fc.oneof({ weight: 8, arbitrary: fc.constantFrom("a", "b", "c") }, { weight: 1, arbitrary: word });
  const path = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom("a.md", "specs/**/*.md") },
    { weight: 1, arbitrary: fc.constantFrom("../a", "/a", "c:\\a", "a/../b", "a..b", "") },
  );
  const artifact = fc.record(
    { id: text, generates: path, description: text, template: path, requires: fc.array(text, { maxLength: 1 }) },
    { requiredKeys: ["id", "generates", "description", "template"] },
  );
  const schema = fc.record(
    {
      name: text,
      version: fc.constantFrom(1, 1, 1, 1, 0, 1.5, "1"),
      artifacts: fc.uniqueArray(artifact, { maxLength: 3, selector: ({ id }) => id }),
      apply: fc.record({ requires: fc.array(text, { maxLength: 1 }), tracks: fc.oneof(path, fc.constant(null)) }),
    },
    { requiredKeys: ["name", "version", "artifacts"] },
  );
  const accepts = (work: () => unknown) => {
    try {
      work();
      return true;
    } catch {
      return false;
    }
  };
  const seen = { metadata: new Set<boolean>(), schema: new Set<boolean>() };
  fc.assert(
    fc.property(metadata, schema, (fields, wanted) => {
      const taken = ChangeMetadataSchema.safeParse(fields).success;
      expect(readMetadata(stringify(fields), "m.yaml").problem === null).toBe(taken);
      const isSchema = accepts(() => parseSchema(stringify(wanted)));
      expect("artifacts" in readSchema(stringify(wanted), "s.yaml")).toBe(isSchema);
      seen.metadata.add(taken);
      seen.schema.add(isSchema);
    }),
    { numRuns: 500 },
  );
  expect([seen.metadata.size, seen.schema.size]).toEqual([2, 2]);
});

const DRAFT: ChangeDraft = {
  id: "add-it",
  title: "Add\nit",
  why: "Because.",
  whatChanges: ["- One", "two\nlines"],
  impact: ["None"],
  tasks: [
    { group: "First", items: ["a\nb", "c"] },
    { group: "Second", items: ["d"] },
  ],
  deltas: [
    {
      capability: "auth/web",
      operation: "MODIFIED",
      requirement: "A",
      text: "It SHALL.",
      scenarios: [{ name: "s", steps: ["**WHEN** a", "and b", "- THEN c"] }],
    },
    { capability: "auth/web", operation: "REMOVED", requirement: "B", text: "Not used", scenarios: [] },
  ],
  skipSpecs: false,
  extraFiles: { "notes/a.md": "x" },
  goal: "yes: # not a comment",
};

test("writes the files of a change", () => {
  const files = writeChange(DRAFT, "2026-11-21");
  expect([...files.keys()]).toEqual([
    ".openspec.yaml",
    "proposal.md",
    "tasks.md",
    "specs/auth/web/spec.md",
    "notes/a.md",
  ]);
  expect(parse(files.get(".openspec.yaml")!)).toEqual({
    schema: "spec-driven",
    created: "2026-11-21",
    goal: "yes: # not a comment",
  });
  expect(files.get("tasks.md")).toBe(
    "# Tasks\n\n## 1. First\n\n- [ ] 1.1 a b\n- [ ] 1.2 c\n\n## 2. Second\n\n- [ ] 2.1 d\n",
  );
  expect(files.get("specs/auth/web/spec.md")).toBe(
    "## MODIFIED Requirements\n\n### Requirement: A\nIt SHALL.\n\n#### Scenario: s\n- **WHEN** a\n- **AND** b\n- **THEN** c\n\n## REMOVED Requirements\n\n### Requirement: B\n**Reason**: Not used\n",
  );
  expect(files.get("proposal.md")).toBe(
    "# Add it\n\n## Why\n\nBecause.\n\n## What Changes\n\n- One\n- two lines\n\n## Capabilities\n\n- `auth/web`\n\n## Impact\n\n- None\n",
  );
  const skipping = writeChange({ ...DRAFT, deltas: [], skipSpecs: true, design: "D" }, "2026-11-21");
  expect(parse(skipping.get(".openspec.yaml")!)).toMatchObject({ skip_specs: true });
  expect(skipping.get("design.md")).toBe("D\n");
});
