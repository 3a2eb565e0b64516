import { expect } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import { Cel } from "../../../src/adapters/expression/index.ts";
import { createExpressions } from "../../../src/workflow-engine/expression/index.ts";
import type { PlanNode } from "../../../src/workflow-engine/index.ts";
import type { Scope } from "../../../src/workflow-engine/scope.ts";
import { check, codes, planOf, TYPES } from "./house.ts";

const cel = new Cel();
const whole = { n: 3, half: 2.5, s: "a", l: [1, 2, 3], t: ["x", "y"], o: { "a-b": 1, z: null }, none: [] };
const value = (text: string, inputs: unknown = whole) => cel.evaluate(text, { inputs, nodes: {}, run: { id: "r" } });
const node = (line: string) => `name: x
inputs: { n: number, s: string, l: "list<integer>", o: { type: object, properties: { a: string } } }
nodes:
  call: { type: request, url: x }
  it: { needs: call, ${line} }
`;

scenario("workflows", "Types are checked before a run", () => {
  const wrong = [
    ['type: transform, value: "inputs.n + inputs.s"', "expr/type"],
    ['type: transform, value: "nodes.call.output.staus"', "expr/unknown-field"],
    ['type: transform, value: "inputs.o.b"', "expr/unknown-field"],
    ['type: condition, if: "inputs.s"', "expr/type"],
    ['type: condition, if: "inputs.n + 1"', "expr/type"],
    ['type: transform, value: "1", when: "size(inputs.l)"', "expr/type"],
    ['type: transform, value: "1", when: "!inputs.s"', "expr/type"],
    ['type: transform, value: "inputs.l[inputs.n]"', "expr/type"],
    ['type: transform, value: "inputs.s.foo()"', "expr/unknown-function"],
    ['type: transform, value: "inputs.l.map(x, x + inputs.s)"', "expr/type"],
    ['type: transform, value: "nodes.call.output.tags.map(t, t.name)"', "expr/type"],
    ['type: transform, value: "inputs.n >= && 3"', "expr/syntax"],
    ['type: transform, value: "nodes[inputs.s].output"', "expr/dynamic-node"],
    ['type: transform, value: ""', "expr/syntax"],
    [`type: transform, value: "${"1+".repeat(5000)}1"`, "expr/too-large"],
  ] as const;
  for (const [line, code] of wrong) expect(codes(node(line)), line).toEqual([code]);
  const right = [
    'type: condition, if: "nodes.call.output.status == 200 && nodes.call.output.body != null"',
    'type: condition, if: "nodes.call.output == null || has(nodes.call.output.body)"',
    'type: condition, if: "inputs.n in [1, 2] || 2 in inputs.l || inputs.n > size(inputs.l)"',
    'type: transform, set: { a: "inputs.l.filter(x, x > 1).map(x, x * 2.5)", b: "inputs.l[int(inputs.n)] + 1" }',
  ];
  for (const line of right) expect(codes(node(line)), line).toEqual([]);
});

scenario("workflows", "Work is bounded", () => {
  const big = {
    l: Array.from({ length: 3000 }, (_, i) => i),
    s: "x".repeat(100_000),
    deep: JSON.parse(`${"[".repeat(3000)}${"]".repeat(3000)}`) as unknown,
  };
  const doubling = `[inputs.s]${".map(a, a + a)".repeat(25)}`;
  const hostile = [
    "inputs.l.map(a, inputs.l.map(b, inputs.l.map(c, a + b + c)))",
    "inputs.l.exists(a, inputs.l.exists(b, inputs.l.exists(c, inputs.l.exists(d, a + b + c + d < 0))))",
    "inputs.l.all(a, inputs.l.all(b, inputs.l.all(c, a < 0 || b < 0 || true)))",
    "inputs.l.filter(x, x in inputs.l).size()",
    "inputs.deep == inputs.deep && inputs.deep != []",
    "inputs.s.contains(inputs.s)",
    "inputs.l.map(x, inputs.s.split('').size())",
    doubling,
  ];
  for (const text of hostile) expect(() => value(text, big), text).toThrow(/takes more than 1000000 steps/);
  expect(value("inputs.l.filter(x, x > 2997)", big)).toEqual([2998, 2999]);
  expect(() => value("duration(inputs.s)", big)).toThrow("100000 characters");
  expect(() => value("(".repeat(100) + ")".repeat(100))).toThrow(/maxDepth/);
});

scenario("workflows", "Patterns end", () => {
  const long = { s: `${"a".repeat(30_000)}!`, p: "^(a+)+$" };
  expect(value("inputs.s.matches('^(a+)+$')", long)).toBe(false);
  expect(value("inputs.s.matches(inputs.p)", long)).toBe(false);
  expect(value("inputs.s.matches('^(a|a|aa)+!$')", long)).toBe(true);
  expect(value("inputs.s.matches('(.*)*(.*)*(.*)*x')", { s: "y".repeat(20_000) })).toBe(false);
  for (const pattern of ["(?=a)", "(a)\\\\1", "a**", "(", "[z-a]", "((a{900}){900}){900}"]) {
    expect(() => value(`'a'.matches('${pattern}')`), pattern).toThrow(/pattern/);
  }
  expect(codes(node(`type: condition, if: "inputs.s.matches('(?=a)b')"`))).toEqual(["expr/regex"]);
});

scenario("workflows", "Values are those of JSON", () => {
  const cases: [string, unknown][] = [
    ["inputs.n + 1", 4],
    ["inputs.n == 3 && 3 == inputs.n && inputs.n != 4 && inputs.n == 3.0", true],
    ["inputs.n / 2", 1.5],
    ["inputs.n % 2 == 1", true],
    ["inputs.half * 2", 5],
    ["2 in inputs.l && inputs.l == [1, 2, 3] && inputs.l[inputs.n - 1] == 3", true],
    ["inputs.o['a-b'] == 1 && inputs.o.z == null && inputs.s != null", true],
    ["inputs.s == 1", false],
    ["inputs.t.join('-') + inputs.none.join(',')", "x-y"],
    ["{'a': [1, 2.5, 'x', null], 'b': {'c': inputs.l.map(x, x * 2)}}", { a: [1, 2.5, "x", null], b: { c: [2, 4, 6] } }],
    ["timestamp('2026-01-01T00:00:00Z') + duration('90s')", "2026-01-01T00:01:30.000Z"],
    ["duration('90s')", "90s"],
    ["size(inputs.l) == inputs.n ? 'yes' : 'no'", "yes"],
    ["-inputs.n", -3],
  ];
  for (const [text, expected] of cases) expect(value(text), text).toEqual(expected);
  for (const text of ["9007199254740993", "1.0 / 0.0", "b'x'", "int"]) expect(() => value(text), text).toThrow(/JSON/);
});

scenario("workflows", "An expression reaches nothing else", () => {
  for (const text of [
    "constructor",
    "__proto__",
    "toString",
    "process.env",
    "inputs.constructor",
    "inputs.s.constructor",
    "inputs.__proto__",
    "inputs['constructor']",
    "nodes.toString",
    "now()",
    "inputs.s.getHours('Europe/Berlin')",
    "cel.bind(x, 1, x)",
    "globalThis",
    "eval('1')",
  ]) {
    expect(() => value(text), text).toThrow();
    expect(codes(node(`type: transform, value: "${text}"`)).length, text).toBeGreaterThan(0);
  }
});

const scope: Scope = {
  inputs: whole,
  nodes: { a: { output: { x: [1] }, status: "ok", error: null } },
  locals: { item: "it", index: 2 },
  run: { id: "r1", workflow: "w" },
};
const configured = (config: Record<string, unknown>, secret?: (name: string) => string) => {
  const type = TYPES.find((one) => one.type === "request")!;
  return createExpressions(secret).configure({ key: "n", config } as PlanNode, type, scope);
};

scenario("workflows", "Templates are filled", () => {
  const config = {
    url: "https://x/${{ inputs.s }}/${{ nodes.a.output }}/${{ inputs.o.z }}$${{ inputs.s }}-${{ {'a': '}}'}.a }}-${{item}}${{index}}",
    tries: "${{ inputs.n }}",
    only: "inputs.n == 3",
    program: ["echo", "${{ inputs.s }}"],
  };
  expect(configured(config)).toEqual({
    url: 'https://x/a/{"x":[1]}/${{ inputs.s }}-}}-it2',
    tries: 3,
    only: true,
    program: ["echo", "${{ inputs.s }}"],
  });
  expect(() => configured({ url: "x", tries: "${{ inputs.s }}" })).toThrow(/n: tries: /);
  expect(() => configured({ url: "${{ inputs.missing }}" })).toThrow(/No such key: missing/);
});

scenario("workflows", "A template with a missing variable is refused", () => {
  const field = (line: string) =>
    check(node(`type: request, ${line}`))
      .problems.filter(({ severity }) => severity === "error")
      .map(({ code, fix }) => `${code} ${fix}`);
  expect(field('url: "x ${{ inputs.nn }}"')).toEqual(['expr/unknown-input Did you mean "n"?']);
  expect(field('url: "x ${{ input.n }}"')).toEqual(['expr/unknown-variable Did you mean "inputs"?']);
  expect(field('url: "x ${{ inputs.n"')).toEqual([
    "template/unclosed Close it with }}, or write $${{ for the characters themselves.",
  ]);
  expect(field('url: x, program: [sh, "${{ inputs.s }}"]').map((told) => told.split(" ")[0])).toEqual([
    "template/not-here",
  ]);
  expect(field('url: "$${{ literal }} }}"')).toEqual([]);
  expect(field('url: x, tries: "${{ inputs.n }}"')).toEqual([]);
  expect(field("url: x, tries: many").map((told) => told.split(" ")[0])).toEqual(["schema/value"]);
});

scenario("workflows", "A secret goes only where it may", () => {
  const withSecrets = (line: string) => `name: x\nsecrets: [TOKEN]\nnodes:\n  a: { type: request, url: x, ${line} }\n`;
  const found = (line: string) => codes(withSecrets(line));
  expect(found('headers: { auth: "Bearer ${{ secrets.TOKE }}" }')).toEqual(["secret/undeclared"]);
  expect(found("headers: { auth: \"${{ secrets.TOKEN + 'x' }}\" }")).toEqual(["secret/expression"]);
  expect(found('description: d, only: "secrets.TOKEN == null"')).toEqual(["expr/secret"]);
  expect(codes(`name: x\nsecrets: [TOKEN]\nnodes:\n  a: { type: request, url: "\${{ secrets.TOKEN }}" }\n`)).toEqual([
    "secret/not-here",
  ]);
  const plan = planOf(withSecrets('headers: { auth: "Bearer ${{ secrets.TOKEN }}" }'));
  expect(plan.secrets).toEqual(["TOKEN"]);
  const { config } = plan.nodes[0]!;
  expect(configured(config)).toMatchObject({ headers: { auth: "Bearer «TOKEN»" } });
  expect(configured(config, (name) => `value of ${name}`)).toMatchObject({
    headers: { auth: "Bearer value of TOKEN" },
  });
  const unused = check(withSecrets("tries: 1")).problems;
  expect(unused).toMatchObject([{ severity: "warning", code: "secret/unused" }]);
});
