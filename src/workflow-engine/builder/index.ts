import type { z } from "zod";
import { writeYaml } from "../../adapters/yaml/index.ts";
import { type Checked, checkDefinition } from "../definition/check.ts";
import type { budget, nodeFields, retry } from "../definition/schema.ts";
import type { NodeType } from "../node-type.ts";

type Fields = z.input<typeof nodeFields>;

/** A node as it is written in YAML. `needs` may only name nodes that were added before, so there is no cycle. */
export interface NodeInput<Keys extends string> extends Omit<Fields, "needs" | "do"> {
  needs?: Keys | Keys[];
  /** Of a map: `(body) => body.node(…)`. */
  do?: (body: BodyBuilder<never>) => BodyBuilder<string>;
  /** The fields of the node's type. */
  [field: string]: unknown;
}

type Nodes = Record<string, Record<string, unknown>>;

/** The nodes of a map's body. */
class BodyBuilder<Keys extends string> {
  readonly nodes: Nodes;

  constructor(nodes: Nodes) {
    this.nodes = nodes;
  }

  node<Key extends string>(key: Key, node: NodeInput<Keys>): BodyBuilder<Keys | Key> {
    return new BodyBuilder(withNode(this.nodes, key, node));
  }
}

/**
 * Builds the definition that YAML would be, for programs that make workflows: `workflow("ship").input("change",
 * "string").node("plan", {type: "transform", set: {…}}).toYaml()`. Every step gives a new builder.
 */
export class WorkflowBuilder<Keys extends string> {
  readonly #definition: Record<string, unknown>;

  constructor(definition: Record<string, unknown>) {
    this.#definition = definition;
  }

  version(version: number | string): WorkflowBuilder<Keys> {
    return this.#with({ version });
  }

  describe(description: string): WorkflowBuilder<Keys> {
    return this.#with({ description });
  }

  /** `string`, `list<string>`, `number?`, or JSON Schema. */
  input(name: string, type: string | Record<string, unknown>): WorkflowBuilder<Keys> {
    return this.#with({ inputs: { ...(this.#definition["inputs"] as object | undefined), [name]: type } });
  }

  /** Allows nodes to use secrets of these names. */
  secrets(...names: string[]): WorkflowBuilder<Keys> {
    return this.#with({ secrets: [...((this.#definition["secrets"] as string[] | undefined) ?? []), ...names] });
  }

  budget(limits: z.input<typeof budget>): WorkflowBuilder<Keys> {
    return this.#with({ budget: limits });
  }

  /** For nodes that say nothing themselves. */
  defaults(defaults: { retry?: z.input<typeof retry>; timeout?: string }): WorkflowBuilder<Keys> {
    return this.#with({ defaults });
  }

  /** A key that is there already is an error of the program: throws. */
  node<Key extends string>(key: Key, node: NodeInput<Keys>): WorkflowBuilder<Keys | Key> {
    return new WorkflowBuilder({ ...this.#definition, nodes: withNode(this.#definition["nodes"] as Nodes, key, node) });
  }

  /** CEL of each field of the run's output. */
  output(fields: Record<string, string>): WorkflowBuilder<Keys> {
    return this.#with({ output: fields });
  }

  /** Plain JSON, which is YAML too. */
  definition(): Record<string, unknown> {
    return structuredClone(this.#definition);
  }

  toYaml(): string {
    return writeYaml(this.#definition);
  }

  /** What the same text in a file would give; places are those of `toYaml()`. */
  check(types: readonly NodeType[]): Checked {
    return checkDefinition({ file: "the definition", text: this.toYaml() }, types);
  }

  #with(part: Record<string, unknown>): WorkflowBuilder<Keys> {
    return new WorkflowBuilder({ ...this.#definition, ...part });
  }
}

export function workflow(name: string): WorkflowBuilder<never> {
  return new WorkflowBuilder({ name, nodes: {} });
}

function withNode(nodes: Nodes, key: string, { do: body, ...node }: NodeInput<string>): Nodes {
  if (Object.hasOwn(nodes, key)) throw new Error(`The workflow has a node "${key}" already.`);
  const inner = body ? { do: body(new BodyBuilder({})).nodes } : {};
  return { ...nodes, [key]: { ...node, ...inner } };
}
