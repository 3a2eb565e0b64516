import { expect } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import { readInput } from "../../../src/workflow-engine/definition/index.ts";
import { workflow } from "../../../src/workflow-engine/index.ts";
import { check, codes, places, planOf, TYPES } from "./house.ts";

const WHOLE = `
name: whole
version: 2
description: All that there is
inputs: { words: "list<string>", limit: { type: integer, default: 3 }, note: "string?" }
budget: { usd: 0.5, tokens: 1000, time: 10m }
defaults: { timeout: 90s }
nodes:
  each:
    type: map
    over: nodes.loud.output.all
    as: word
    needs: loud
    do:
      last: { type: transform, needs: [first], value: "nodes.first.output.text + string(index)" }
      first: { type: transform, set: { text: word } }
  loud:
    type: transform
    set: { all: "inputs.words.map(w, w.upperAscii())" }
    retry: { max: 2, delay: 500ms, max_delay: 5s, on: [timeout] }
  end:
    type: request
    needs: [loud, each]
    when: size(nodes.each.output.results) > inputs.limit
    url: "https://example.org/\${{ inputs.note }}"
    retry: 3
    timeout: 2h
    run_if: any_ok
    on_crash: fail
    snapshot: true
    budget: { usd: 0.1 }
    fallback: { node: { type: transform, value: "nodes.loud.output.all" } }
    undo: { type: request, url: "https://example.org/undo/\${{ nodes.end.output.body }}" }
output: { text: nodes.end.output.body }
`;

scenario("workflows", "A definition becomes a plan", () => {
  const plan = planOf(WHOLE);
  expect(plan.nodes.map(({ key }) => key)).toEqual(["loud", "each", "end"]);
  expect(plan).toMatchObject({ name: "whole", version: "2", budget: { usd: 0.5, tokens: 1000, ms: 600_000 } });
  expect(plan.input).toMatchObject({ required: ["words"], additionalProperties: false });
  const [loud, each, end] = plan.nodes;
  expect(loud?.retry).toEqual({ max: 2, delayMs: 500, factor: 2, maxDelayMs: 5000, jitter: 0.2, on: ["timeout"] });
  expect(loud?.timeoutMs).toBe(90_000);
  expect(each?.needs).toEqual(["loud"]);
  expect(each?.body?.as).toBe("word");
  expect(each?.body?.nodes.map(({ key }) => key)).toEqual(["first", "last"]);
  expect(end).toMatchObject({ runIf: "any_ok", onCrash: "fail", snapshot: true, timeoutMs: 7_200_000 });
  expect(end?.retry.max).toBe(3);
  expect(end?.budget).toEqual({ usd: 0.1, tokens: null, ms: null });
  expect(end?.fallback).toMatchObject({ node: { key: "end/fallback", type: "transform" } });
  expect(end?.undo).toMatchObject({ key: "end/undo", type: "request", onCrash: "ask", needs: [] });
  expect(end?.config).toEqual({ url: "https://example.org/${{ inputs.note }}" });
  expect(plan.hash).toMatch(/^[0-9a-f]{64}$/);
});

scenario("workflows", "The builder gives the same definition", () => {
  const yaml = `
name: ship
version: 1
inputs: { change: string }
nodes:
  plan: { type: transform, set: { tasks: "[inputs.change]" } }
  build: { type: map, needs: [plan], over: nodes.plan.output.tasks, as: task, do: { one: { type: transform, value: task } } }
  gate: { type: condition, needs: [build], if: "size(nodes.build.output.results) > 0", retry: 2 }
output: { ok: nodes.gate.output.met }
`;
  const built = workflow("ship")
    .version(1)
    .input("change", "string")
    .node("plan", { type: "transform", set: { tasks: "[inputs.change]" } })
    .node("build", {
      type: "map",
      needs: "plan",
      over: "nodes.plan.output.tasks",
      as: "task",
      do: (body) => body.node("one", { type: "transform", value: "task" }),
    })
    .node("gate", {
      type: "condition",
      needs: ["build"],
      if: "size(nodes.build.output.results) > 0",
      retry: { max: 2 },
    })
    .output({ ok: "nodes.gate.output.met" });
  const { plan, problems } = built.check(TYPES);
  expect(problems).toEqual([]);
  expect(plan?.hash).toBe(planOf(yaml).hash);
  expect(planOf(built.toYaml()).hash).toBe(plan?.hash);
  expect(planOf(JSON.stringify(built.definition())).hash).toBe(plan?.hash);
  expect(() => built.node("plan", { type: "transform", value: "1" })).toThrow("already");
  const wrong = built.node("late", { type: "transform", value: "nodes.nope.output" }).check(TYPES);
  expect(wrong.problems).toMatchObject([{ code: "expr/unknown-node", path: "nodes.late.value" }]);
});

scenario("workflows", "A version is its content", () => {
  const a = "  a: { type: transform, value: '1' }\n";
  const b = "  b: { type: transform, value: '2' }\n";
  const c = "  c: { type: transform, needs: [a, b], value: '3' }\n";
  const hash = (text: string) => planOf(`name: x\nnodes:\n${text}`).hash;
  expect(hash(c + b + a)).toBe(hash(a + b + c));
  expect(hash(a + b + c.replace("[a, b]", "[b, a]"))).toBe(hash(a + b + c));
  expect(hash(a + b + c.replace("3", "4"))).not.toBe(hash(a + b + c));
});

scenario("workflows", "The input of a run is checked", () => {
  const plan = planOf(WHOLE);
  expect(readInput(plan, { words: ["a"] })).toEqual({ words: ["a"], limit: 3, note: null });
  expect(() => readInput(plan, { words: [1], limit: "x", other: 1 })).toThrow(/words\.0: .*limit: .*other/s);
  expect(() => readInput(plan, {})).toThrow(/words/);
});

scenario("workflows", "All mistakes are told at once", () => {
  const text = `nmae: x
name: wrong
inputs: { change: strng }
nodes:
  plan: { type: transfrom }
  review:
    type: request
    url: x
    timeout: 10 minutes
    retrys: 3
    needs: [plam]
  gate:
    type: condition
    needs: review
    if: nodes.review.output.stauts == inputs.chnge
`;
  const { plan, problems } = check(text);
  expect(plan).toBeNull();
  expect(problems.map(({ code, line, column, fix }) => `${line}:${column} ${code} ${fix}`)).toEqual([
    '1:1 schema/unknown-key Did you mean "name"?',
    '3:19 schema/input-type Did you mean "string"? Lists are written list<string>.',
    '5:17 schema/node-type Did you mean "transform"?',
    "9:14 schema/value A time is written 500ms, 30s, 10m, 2h or 7d, and at most 365d.",
    '10:5 schema/unknown-key Did you mean "retry"?',
    '11:13 graph/unknown-node Did you mean "plan"?',
    '15:29 expr/unknown-field Did you mean "status"?',
    '15:46 expr/unknown-input Did you mean "change"?',
  ]);
  expect(problems[5]).toMatchObject({
    file: "workflows/test.yaml",
    target: "workflows/test.yaml:11:13",
    endColumn: 17,
    path: "nodes.review.needs.0",
    excerpt: "    11 |     needs: [plam]\n       |             ^^^^",
  });
});

scenario("workflows", "A mistake inside a long text is pointed at", () => {
  const flow = [
    `"inputs.ok ==\n      'é\\u0041\\t' || nodes.nope.output"`,
    `'inputs.ok != ''it''\n      && nodes.nope.output'`,
    `inputs.ok\n      && nodes.nope.output`,
    `nodes.nope.output`,
  ].map((value) => `name: x\ninputs: { ok: any }\nnodes: { a: { type: condition, if: ${value} } }\n`);
  const block = [
    "|\n      inputs.ok ==\n\n        nodes.nope.output",
    ">-\n      inputs.ok\n      == nodes.nope.output",
    "|2-\n        inputs.ok ==\n          nodes.nope.output",
    ">\n      inputs.ok\n        ||\n\n      nodes.nope.output",
  ].map((value) => `name: x\ninputs: { ok: any }\nnodes:\n  a:\n    type: condition\n    if: ${value}\n`);
  const template =
    "name: x\nnodes:\n  a:\n    type: request\n    url: |\n      one ${{ run.id }}\n      two ${{ nodes.nope.output }}\n";
  for (const text of [...flow, ...block, template]) {
    const before = text.slice(0, text.indexOf("nope")).split("\n");
    const found = check(text).problems.find(({ code }) => code === "expr/unknown-node");
    const place = { line: before.length, column: before.at(-1)!.length + 1, endColumn: before.at(-1)!.length + 5 };
    expect(found, text).toMatchObject(place);
  }
});

scenario("workflows", "Graphs that cannot run are refused", () => {
  const nodes = (...lines: string[]) => `name: x\nnodes:\n${lines.map((line) => `  ${line}\n`).join("")}`;
  const t = (key: string, needs: string) => `${key}: { type: transform, value: "1", needs: [${needs}] }`;
  const cycle = check(nodes(t("a", "c"), t("b", "a"), t("c", "b"), t("d", "c"), t("e", "")));
  expect(cycle.problems).toHaveLength(1);
  expect(cycle.problems[0]).toMatchObject({ code: "graph/cycle", line: 3, column: 45 });
  expect(cycle.problems[0]?.message).toBe("The nodes wait for each other: a needs c needs b needs a.");
  expect(codes(nodes(t("a", "a")))).toEqual(["graph/cycle"]);
  expect(codes(nodes(t("a", "b"), t("b", "a"), t("c", "d"), t("d", "c")))).toEqual(["graph/cycle", "graph/cycle"]);
  expect(codes(nodes(t("a", ""), t("b", "a, a")))).toEqual(["graph/duplicate-need"]);
  expect(codes(nodes(t("a", "zz")))).toEqual(["graph/unknown-node"]);
  expect(codes(nodes('a: { type: transform, value: "1", when: 1 > 2 }'))).toEqual(["graph/unreachable"]);
  expect(codes(nodes('a: { type: transform, value: "1", when: false }'))).toEqual(["graph/unreachable"]);
  expect(codes("name: x\nnodes: {}")).toEqual(["schema/no-nodes"]);
});

scenario("workflows", "What is read must come before", () => {
  const text = `name: x
nodes:
  a: { type: transform, value: "1" }
  b: { type: transform, value: "2", needs: [a] }
  c: { type: transform, needs: [b], value: "[nodes.a.output, nodes.d.output, nodes.c.output]" }
  d: { type: transform, value: nodes.a.output }
  m: { type: map, needs: [a], over: "[1]", do: { x: { type: transform, value: "item + nodes.y.output" }, y: { type: transform, needs: x, value: nodes.b.output } } }
`;
  const { problems } = check(text);
  expect(problems.map(({ code, line, fix }) => `${code} ${line} ${fix}`)).toEqual([
    "expr/not-upstream 5 Add d to the needs of c.",
    "expr/not-upstream 5 A node cannot read its own output.",
    "expr/not-upstream 6 Add a to the needs of d.",
    "expr/not-upstream 7 Add y to the needs of x.",
    "expr/not-upstream 7 Add b to the needs of y.",
  ]);
});

scenario("workflows", "Texts that are meant to hurt are refused", () => {
  expect(codes("x".repeat(300_000))).toEqual(["yaml/too-large"]);
  expect(codes("[".repeat(200_000))).toEqual(["yaml/too-intricate"]);
  expect(codes("- ".repeat(5000))).toContain("yaml/nesting");
  const bomb = [
    "a: &a [x,x,x,x,x,x,x,x,x]",
    ..."bcdefgh".split("").map((key, i) => `${key}: &${key} [${`*${"abcdefg"[i]},`.repeat(9)}]`),
  ];
  expect(codes(bomb.join("\n"))).toContain("yaml/alias");
  expect(codes("name: x\nname: y\nnodes: { a: { type: transform, value: '1' } }")).toEqual(["yaml/duplicate-key"]);
  expect(codes("name: x\nnodes: { a: !!js/function 'x' }")).toContain("yaml/tag");
  expect(places("name: x\nnodes: { a: [}")).toContain("yaml/syntax@2:14");
  const many = Array.from({ length: 501 }, (_, i) => `  n${i}: { type: transform, value: '1' }`).join("\n");
  expect(codes(`name: x\nnodes:\n${many}`)).toEqual(["schema/too-many-nodes"]);
  expect(codes("name: x\nnodes: { __proto__: { type: transform, value: '1' }, constructor: 3 }")).toContain("yaml/key");
  for (const text of ["", "null", "3", "[]", "text"]) expect(codes(text)).toEqual(["schema/value"]);
});
