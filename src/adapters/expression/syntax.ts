import type { ASTNode, Environment } from "@marcbachmann/cel-js";

/**
 * What the library's nodes carry beside its published types (8.0.0, pinned): macros such as `map` stand in `alternate` as
 * the loop that they are, and a checked node calls what its operator does through `handle`.
 */
export interface Node {
  readonly op: string;
  readonly args: unknown;
  /** The text of the whole expression. */
  readonly input: string;
  /** Of a field access, where the field's name begins. */
  readonly pos: number;
  readonly start: number;
  readonly end: number;
  readonly meta: { evaluate: Evaluate; alternate?: Node; macro?: unknown };
  handle?: (...operands: unknown[]) => unknown;
  setMeta(key: "evaluate", value: Evaluate): void;
}
type Evaluate = (evaluator: unknown, node: Node, context: unknown) => unknown;

export interface Parsed {
  root: Node;
  run(context: Record<string, unknown>): unknown;
  check(): { valid: boolean; type?: string; error?: unknown };
}

export function parseWith(environment: Environment, expression: string): Parsed {
  const parsed = environment.parse(expression);
  return { root: asNode(parsed.ast), run: (context) => parsed(context) as unknown, check: () => parsed.check() };
}

function asNode(ast: ASTNode): Node {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the library publishes only a part of its nodes
  return ast as unknown as Node;
}

/** The nodes directly below, in the order of the text; a loop stands in for the macro that it was written as. */
export function children(node: Node): Node[] {
  const found: Node[] = [];
  collect(node.args, found);
  if (node.meta.alternate) found.push(node.meta.alternate);
  return found;
}

function collect(value: unknown, into: Node[]): void {
  if (Array.isArray(value)) for (const item of value) collect(item, into);
  else if (isNode(value)) into.push(value);
  else if (isPlain(value)) for (const item of Object.values(value)) collect(item, into);
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "op" in value && "meta" in value;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** `name` and the arguments of a call of either form, with the receiver where there is one; null for other nodes. */
export function asCall(node: Node): { name: string; receiver: Node | null; args: Node[] } | null {
  if (node.op !== "call" && node.op !== "rcall") return null;
  const parts: unknown[] = Array.isArray(node.args) ? node.args : [];
  const [name, second, third] = parts;
  if (typeof name !== "string") return null;
  return node.op === "call"
    ? { name, receiver: null, args: nodes(second) }
    : { name, receiver: isNode(second) ? second : null, args: nodes(third) };
}

function nodes(value: unknown): Node[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}
