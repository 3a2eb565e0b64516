import { Cel } from "../src/adapters/expression/index.ts";
import { checkDefinition, describedNodeTypes } from "../src/workflow-engine/index.ts";

const ROUNDS = 9;
const EVALUATIONS = 20_000;

type Row = Record<string, string | number>;

/** Checking definitions of 10, 50 and 500 nodes, and evaluating expressions: processor time, the median of the rounds. */
export async function run(): Promise<{ name: string; rows: Row[] }> {
  const types = describedNodeTypes();
  const language = new Cel();
  const rows = [10, 50, 500].map((count): Row => {
    const text = chain(count);
    const ms = median(() => {
      const { plan } = checkDefinition({ file: "bench.yaml", text }, types, language);
      if (plan?.nodes.length !== count) throw new Error("the definition was not checked");
    });
    return { what: `check ${count} nodes`, characters: text.length, ms: ms.toFixed(1) };
  });
  return { name: "workflow-definitions", rows: [...rows, ...expressions(language)] };
}

/** Each node reads the one before it, and has a condition, a mapping of two fields and a timeout. */
function chain(count: number): string {
  const nodes = Array.from({ length: count }, (_, i) => {
    const before = i === 0 ? "inputs.n" : `nodes.n${i - 1}.output.a + 1`;
    const needs = i === 0 ? "" : `n${i - 1}`;
    return `  n${i}:
    type: transform
    description: Node ${i}
    needs: [${needs}]
    when: inputs.n > ${i}
    timeout: 10m
    set:
      a: ${before}
      text: "'x' + string(inputs.n)"
`;
  });
  return `name: bench\ninputs: { n: number }\nnodes:\n${nodes.join("")}`;
}

function expressions(language: Cel): Row[] {
  const items = Array.from({ length: 50 }, (_, i) => ({ n: i, name: `item ${i}` }));
  const variables = { inputs: { n: 3, s: "a", items } };
  const texts = ['inputs.n >= 3 && inputs.s == "a"', "inputs.items.filter(i, i.n > 25).map(i, i.name)"];
  return texts.map((text) => {
    const ms = median(() => {
      for (let i = 0; i < EVALUATIONS / 20; i += 1) language.evaluate(text, variables);
    });
    return { what: text, characters: text.length, "µs each": ((ms * 1000) / (EVALUATIONS / 20)).toFixed(1) };
  });
}

function median(work: () => void): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
}
