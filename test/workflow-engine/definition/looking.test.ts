import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/client/validators/ajv";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { connectControl } from "../../../src/server/index.ts";
import { editorSchema } from "../../../src/workflow-engine/definition/index.ts";
import { describedNodeTypes, toMermaid, WorkflowCatalogue } from "../../../src/workflow-engine/index.ts";
import { specloop, startDaemon } from "../../helpers/command.ts";
import { temporaryRepository } from "../../helpers/repository.ts";
import { scenario } from "../../helpers/scenario.ts";
import { check, planOf } from "./house.ts";

const GOOD = `name: good
version: 2
description: Counts words
inputs: { words: "list<string>" }
nodes:
  many: { type: condition, if: size(inputs.words) > 3, retry: 1 }
  all: { type: transform, needs: many, when: nodes.many.output.met, value: "inputs.words.join(' ')" }
output: { text: nodes.all.output }
`;
const BAD = "name: bad\nnodes:\n  a: { type: transform, value: nodes.b.output }\n";

async function repositoryWith(files: Record<string, string>) {
  const repository = await temporaryRepository({ "openspec/config.yaml": "schema: spec-driven\n", ...files });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  return repository;
}

scenario(
  "workflows",
  "The command line checks definitions",
  async () => {
    const { path } = await repositoryWith({ "workflows/good.yaml": GOOD, "workflows/bad.yaml": BAD });
    const all = await specloop(["workflow", "validate"], { cwd: path });
    expect(all.code).toBe(65);
    expect(all.stdout).toContain('workflows/bad.yaml:3:38 error [expr/unknown-node] There is no node "b".');
    expect(all.stdout).toContain(
      "     3 |   a: { type: transform, value: nodes.b.output }\n       |                                      ^\n",
    );
    expect(all.stdout).toMatch(/valid +workflows\/good\.yaml +2 nodes, [0-9a-f]{12}/);
    const several = await specloop(["workflow", "validate", "good", "workflows/good.yaml", "--json"], { cwd: path });
    expect(several.code).toBe(0);
    expect(JSON.parse(several.stdout)).toMatchObject({
      workflows: [
        { valid: true, name: "good" },
        { valid: true, nodes: 2 },
      ],
    });
    const piped = await specloop(["workflow", "validate", "-", "--json"], { cwd: path, input: BAD });
    expect(piped.code).toBe(65);
    expect(JSON.parse(piped.stdout)).toMatchObject({
      workflows: [{ valid: false, problems: [{ code: "expr/unknown-node", file: "stdin", line: 3, column: 38 }] }],
    });
    const shown = await specloop(["workflow", "show", "good@2", "--graph"], { cwd: path });
    expect(shown.stdout).toMatch(/^flowchart TD\n/);
    expect((await specloop(["workflow", "show", "good@3"], { cwd: path })).code).toBe(64);
    expect((await specloop(["workflow", "show", "bad"], { cwd: path })).code).toBe(65);
    expect((await specloop(["workflow", "validate", "nowhere.yaml"], { cwd: path })).stderr).toContain(
      "cannot be read",
    );
    expect((await specloop(["workflow", "list"], { cwd: path })).stdout).toMatch(
      /good +2 +2 nodes +workflows\/good\.yaml/,
    );
  },
  60_000,
);

scenario("workflows", "Definitions are found by name and version", async () => {
  const repository = await repositoryWith({
    "workflows/a.yaml": GOOD,
    "workflows/b.yml": BAD,
    "workflows/c.yaml": GOOD.replace("good", "twin"),
    "workflows/d.yaml": GOOD.replace("good", "twin"),
    "workflows/e.yaml": "[",
    "workflows/notes.txt": "not one",
    "brought/f.yaml": GOOD.replace("Counts", "Brings").replace("name: good", "name: brought"),
    "brought/g.yaml": GOOD.replace("Counts", "Brings"),
  });
  const [folder, builtin] = [join(repository.path, "workflows"), join(repository.path, "brought")];
  const catalogue = new WorkflowCatalogue({ folder, builtin, types: describedNodeTypes() });
  const rows = (await catalogue.list()).map(
    ({ name, origin, plan }) => `${name} ${origin} ${plan ? "plan" : "mistakes"}`,
  );
  expect(rows).toEqual([
    "bad repository mistakes",
    "brought builtin plan",
    "e repository mistakes",
    "good repository plan",
    "twin repository plan",
    "twin repository plan",
  ]);
  const { hash, description } = await catalogue.plan("good");
  expect(description).toBe("Counts words");
  expect((await catalogue.plan("good@2")).hash).toBe(hash);
  expect((await catalogue.plan(`good@${hash.slice(0, 12)}`)).hash).toBe(hash);
  const refused = (name: string) => catalogue.plan(name).catch((error: unknown) => (error as { code: string }).code);
  expect(await refused("good@1")).toBe("unknown_workflow");
  expect(await refused("goood")).toBe("unknown_workflow");
  expect(await refused("bad")).toBe("bad_workflow");
  expect(await refused("twin")).toBe("bad_workflow");
  await repository.write("workflows/a.yaml", GOOD.replace("> 3", "> 4"));
  expect((await catalogue.plan("good")).hash).not.toBe(hash);
  const empty = new WorkflowCatalogue({ folder: join(repository.path, "none"), types: describedNodeTypes() });
  expect(await empty.list()).toEqual([]);
});

scenario("workflows", "A drawn graph cannot be injected into", () => {
  const hostile = `"]; click n0 href "javascript:alert(1)" <script>alert(1)</script> %%{init: x}%%`;
  const cel = `'${hostile.replaceAll("'", "")}' == inputs.x`;
  const text = JSON.stringify({
    name: "x",
    inputs: { x: "string" },
    nodes: {
      a: {
        type: "transform",
        when: cel,
        value: "1",
        fallback: { node: { type: "transform", value: "2" } },
        undo: { type: "transform", value: "3" },
      },
      end: { type: "condition", needs: ["a"], if: "true" },
      "sub-graph": { type: "map", needs: ["end"], over: "[1]", do: { x: { type: "transform", value: "item" } } },
    },
  });
  const lines = toMermaid(planOf(text)).split("\n");
  const node = /^ {2}n\d+(_\w+)?(\["[\p{L}\p{N} ().,:…_/#;-]*"\]|\{"[^"<>%]*"\}|\(\["[^"<>%]*"\]\))$/u;
  const edge = /^ {2}n\d+ (-->|-\. (instead|undo) \.->) n\d+(_\w+\["[^"<>%]*"\])?$/;
  expect(lines[0]).toBe("flowchart TD");
  for (const line of lines.slice(1, -1)) expect(node.test(line) || edge.test(line), line).toBe(true);
  expect(lines.filter((line) => edge.test(line))).toHaveLength(4);
  expect(lines.join("\n")).toContain("#34;#93;#59; click");
});

scenario("workflows", "Editors know what a definition may have", () => {
  const types = describedNodeTypes();
  const validate = new AjvJsonSchemaValidator().getValidator(editorSchema(types));
  const right = [
    GOOD,
    "name: x\nnodes: { a: { type: transform, set: { x: '1' }, fallback: { node: { type: transform, value: '2' } }, undo: { type: transform, value: '3' } } }",
    "name: x\nnodes: { a: { type: map, over: '[1]', as: it, do: { b: { type: transform, value: it } }, concurrency: 2 } }",
    "name: x\ninputs: { n: { type: integer, default: 1 } }\nnodes: { a: { type: wait, for: 10m, retry: { max: 2, delay: 1s }, budget: { usd: 1 } } }",
  ];
  for (const text of right) {
    expect(
      check(text).problems.filter(({ severity }) => severity === "error"),
      text,
    ).toEqual([]);
    expect(validate(parse(text)), text).toMatchObject({ valid: true });
  }
  const wrong = [
    "nodes: { a: { type: transform, value: '1' } }",
    "name: x\nnodes: { a: { type: transform, value: '1', nead: [] } }",
    "name: x\nnodes: { a: { type: nothing } }",
    "name: x\nnodes: { A: { type: transform, value: '1' } }",
    "name: x\nnodes: { a: { type: map, over: '[1]' } }",
    "name: x\nnodes: { a: { type: transform, value: '1', fallback: { nod: 1 } } }",
    "name: x\nother: 1\nnodes: { a: { type: transform, value: '1' } }",
  ];
  for (const text of wrong) {
    expect(check(text).plan, text).toBeNull();
    expect(validate(parse(text)), text).toMatchObject({ valid: false });
  }
});

scenario(
  "workflows",
  "Agents check a definition without storing it",
  async () => {
    const { path } = await repositoryWith({ "workflows/good.yaml": GOOD });
    await using daemon = await startDaemon(path);
    await using client = await connectControl(daemon.status.socket, { kind: "agent", name: "tester" });
    const before = execFileSync("git", ["status", "--porcelain"], { cwd: path, encoding: "utf8" });
    const { output } = await client.call("workflow_validate", { text: BAD });
    expect(output).toMatchObject({
      valid: false,
      problems: [{ code: "expr/unknown-node", line: 3, column: 38, fix: 'Did you mean "a"?' }],
    });
    const list = await client.call("workflow_list", {});
    const { workflows } = list.output as { workflows: { origin: string }[] };
    expect(workflows.filter(({ origin }) => origin === "repository")).toMatchObject([
      { name: "good", version: "2", nodes: 2, problems: 0 },
    ]);
    const shown = await client.call("workflow_get", { name: "good" });
    expect(shown.output["graph"]).toContain("flowchart TD");
    expect(shown.text).toContain("```mermaid");
    await expect(client.call("workflow_get", { name: "bad" })).rejects.toMatchObject({ code: "unknown_workflow" });
    expect(execFileSync("git", ["status", "--porcelain"], { cwd: path, encoding: "utf8" })).toBe(before);
  },
  60_000,
);

test("the definition that the guide shows has no mistake", () => {
  const guide = readFileSync(join(import.meta.dirname, "../../../docs/guide.md"), "utf8");
  const [, text = ""] = /```yaml\n(# workflows\/[^]*?)```/.exec(guide) ?? [];
  expect(check(text)).toMatchObject({ name: "release-notes", problems: [], plan: { name: "release-notes" } });
});
