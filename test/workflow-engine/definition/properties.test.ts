import fc from "fast-check";
import { Document, Scalar } from "yaml";
import { expect, test } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import { compilePattern } from "../../../src/adapters/expression/pattern.ts";
import { readLocatedYaml } from "../../../src/adapters/yaml/index.ts";
import { workflow, type WorkflowBuilder } from "../../../src/workflow-engine/index.ts";
import { check, TYPES } from "./house.ts";

interface Graph {
  needs: number[][];
  /** The order in which the nodes are written. */
  order: number[];
}

/** Acyclic: a node needs only nodes with smaller numbers. */
const graphs: fc.Arbitrary<Graph> = fc.integer({ min: 2, max: 200 }).chain((size) =>
  fc.record({
    needs: fc.tuple(
      ...Array.from({ length: size }, (_, i) =>
        fc.uniqueArray(fc.nat(Math.max(0, i - 1)), { maxLength: i === 0 ? 0 : 4 }),
      ),
    ),
    order: fc.shuffledSubarray(
      Array.from({ length: size }, (_, i) => i),
      { minLength: size, maxLength: size },
    ),
  }),
);

/** What is written instead of one node, and the one code that tells it. */
const DEFECTS: Record<string, (at: number, graph: Graph) => string | null> = {
  "graph/cycle": (at, { needs }) => {
    const below = needs.findIndex((list) => list.includes(at));
    return below === -1
      ? `{ type: transform, needs: [n${at}], value: "1" }`
      : `{ type: transform, needs: [n${below}], value: "1" }`;
  },
  "graph/unknown-node": () => '{ type: transform, needs: [missing], value: "1" }',
  "graph/unreachable": () => '{ type: transform, when: 1 == 2, value: "1" }',
  "expr/unknown-node": () => "{ type: transform, value: nodes.missing.output }",
  "expr/not-upstream": (at, { needs }) => {
    const free = needs.findIndex((_, other) => other !== at);
    return `{ type: transform, value: nodes.n${free}.output }`;
  },
  "expr/unknown-input": () => "{ type: transform, value: inputs.missing }",
  "expr/syntax": () => '{ type: transform, value: "1 +" }',
  "schema/unknown-key": () => '{ type: transform, value: "1", valeu: 2 }',
  "schema/node-type": () => "{ type: transfrom }",
  "schema/value": () => '{ type: transform, value: "1", timeout: soon }',
};

function written({ needs, order }: Graph, at = -1, instead: string | null = null): string {
  const lines = order.map((i) => {
    const keys = needs[i]!.map((key) => `n${key}`);
    const value = keys.length > 0 ? `[${keys.map((key) => `nodes.${key}.output`).join(", ")}]` : "1";
    return `  n${i}: ${i === at && instead !== null ? instead : `{ type: transform, needs: [${keys.join(", ")}], value: "${value}" }`}`;
  });
  return `name: random\nnodes:\n${lines.join("\n")}\n`;
}

scenario(
  "workflows",
  "Large random graphs are put in order",
  () => {
    fc.assert(
      fc.property(graphs, fc.nat(), fc.constantFrom(...Object.keys(DEFECTS)), (graph, seed, code) => {
        const { plan, problems } = check(written(graph));
        expect(problems).toEqual([]);
        const seen = new Set<string>();
        for (const node of plan!.nodes) {
          for (const need of node.needs) expect(seen.has(need)).toBe(true);
          seen.add(node.key);
        }
        expect(seen.size).toBe(graph.needs.length);
        const at = seed % graph.needs.length;
        const spoilt = check(written(graph, at, DEFECTS[code]!(at, graph)));
        expect(spoilt.plan).toBeNull();
        expect([...new Set(spoilt.problems.map((problem) => problem.code))]).toEqual([code]);
      }),
      { numRuns: 40 },
    );
  },
  60_000,
);

test("what a builder makes is what its YAML says", () => {
  fc.assert(
    fc.property(graphs, fc.string({ maxLength: 40, unit: "grapheme" }), (graph, words) => {
      const start: WorkflowBuilder<string> = workflow("random").describe(words);
      const built = graph.needs.reduce(
        (flow, needs, i) =>
          flow.node(`n${i}`, {
            type: "transform",
            needs: needs.map((key) => `n${key}`),
            set: { text: JSON.stringify(words).replaceAll("\\u", "u") },
          }),
        start,
      );
      const { plan, problems } = built.check(TYPES);
      expect(problems).toEqual([]);
      const asJson = check(JSON.stringify(built.definition()));
      expect(asJson.plan?.hash).toBe(plan?.hash);
    }),
    { numRuns: 20 },
  );
}, 60_000);

test("every character of a YAML text is pointed at where it stands, whichever way the text is written", () => {
  const texts = fc
    .array(
      fc.constantFrom("a", "b", " ", "\n", "'", '"', "\\", "é", "😀", "word", "  ", "#", ": ", "longer words here"),
      { maxLength: 30 },
    )
    .map((parts) => parts.join(""));
  const styles = fc.constantFrom("PLAIN", "QUOTE_SINGLE", "QUOTE_DOUBLE", "BLOCK_LITERAL", "BLOCK_FOLDED");
  fc.assert(
    fc.property(texts, styles, fc.constantFrom(20, 80), (text, style, lineWidth) => {
      const scalar = new Scalar(text);
      scalar.type = style as "PLAIN";
      const document = new Document({ outer: { key: "" } });
      document.setIn(["outer", "key"], scalar);
      const source = document.toString({ lineWidth });
      const yaml = readLocatedYaml(source, { maxCharacters: 10_000, maxTokens: 1000 });
      // The library folds some texts so that they read differently: nothing to point at.
      fc.pre((yaml.value as { outer: { key: unknown } }).outer.key === text);
      for (const [index, character] of Array.from({ length: text.length }, (_, i) => [i, text[i]!] as const)) {
        if (/\s/.test(character)) continue;
        const { start } = yaml.within(["outer", "key"], { start: index, end: index + 1 });
        expect(["\\", character], `${JSON.stringify(source)} ${index}`).toContain(source[start]);
      }
    }),
    { numRuns: 2000 },
  );
});

test("patterns match what JavaScript's match, on patterns that both know", () => {
  const atom = fc.constantFrom(
    "a",
    "b",
    ".",
    "[ab]",
    "[^a]",
    "\\d",
    "\\w",
    "^",
    "$",
    "\\b",
    "(?:ab|c)",
    "(a|)",
    "[a-c-]",
    "\\.",
  );
  const piece = fc
    .tuple(atom, fc.constantFrom("", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"))
    .map(([one, times]) => (/^(\^|\$|\\b)$/.test(one) ? one : one + times));
  const pattern = fc
    .array(
      fc.array(piece, { minLength: 1, maxLength: 5 }).map((p) => p.join("")),
      { minLength: 1, maxLength: 3 },
    )
    .map((p) => p.join("|"));
  const text = fc
    .array(fc.constantFrom("a", "b", "c", "1", " ", ".", "-", "\n", "_"), { maxLength: 12 })
    .map((c) => c.join(""));
  fc.assert(
    fc.property(pattern, text, (source, subject) => {
      const compiled = compilePattern(source);
      expect("problem" in compiled ? compiled.problem : compiled.test(subject), `${source} ${subject}`).toBe(
        new RegExp(source).test(subject),
      );
    }),
    { numRuns: 5000 },
  );
});
