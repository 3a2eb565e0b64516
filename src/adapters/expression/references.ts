import { LOOPS } from "./environment.ts";
import type { Span } from "./port.ts";
import { asCall, children, isNode, type Node } from "./syntax.ts";

/** A chain of named fields from a variable on, each with its place. */
export interface Chain {
  root: string;
  parts: ({ name: string } & Span)[];
  span: Span;
  /** Something follows whose name is only known with values: `nodes[inputs.x]`. */
  dynamic: Span | null;
}

/** What the expression reads of its variables; the variables of its own loops are not among it. */
export function chainsOf(root: Node): Chain[] {
  const found: Chain[] = [];
  walk(root, new Set(), found);
  return found;
}

function walk(node: Node, bound: ReadonlySet<string>, found: Chain[]): void {
  const call = asCall(node);
  if (call) {
    const variable = LOOPS.includes(call.name) && call.receiver ? call.args[0] : undefined;
    const inner = variable?.op === "id" ? new Set([...bound, String(variable.args)]) : bound;
    if (call.receiver) walk(call.receiver, bound, found);
    for (const argument of call.args) if (argument !== variable) walk(argument, inner, found);
    return;
  }
  const chain = chainOf(node);
  if (chain) {
    if (!bound.has(chain.root)) found.push(chain);
    for (const index of indices(node)) walk(index, bound, found);
    return;
  }
  for (const child of children(node)) walk(child, bound, found);
}

function chainOf(node: Node): Chain | null {
  if (node.op === "id") return { root: String(node.args), parts: [], span: spanOf(node), dynamic: null };
  const access = accessOf(node);
  const chain = access && chainOf(access.left);
  if (!chain) return null;
  const span = spanOf(node);
  if (chain.dynamic) return { ...chain, span };
  return access.part
    ? { ...chain, parts: [...chain.parts, access.part], span }
    : { ...chain, span, dynamic: access.span };
}

interface Access {
  left: Node;
  /** Null where the name is not written out. */
  part: Chain["parts"][number] | null;
  span: Span;
  index: Node | null;
}

function accessOf(node: Node): Access | null {
  if ((node.op !== "." && node.op !== "[]") || !Array.isArray(node.args)) return null;
  const [left, right]: unknown[] = node.args;
  if (!isNode(left)) return null;
  const name = isNode(right) ? (right.op === "value" ? right.args : undefined) : right;
  const span = isNode(right) ? spanOf(right) : { start: node.pos, end: node.end };
  return { left, part: typeof name === "string" ? { name, ...span } : null, span, index: isNode(right) ? right : null };
}

/** The expressions in brackets along a chain, which may read variables themselves. */
function indices(node: Node): Node[] {
  const access = accessOf(node);
  if (!access) return [];
  return [...indices(access.left), ...(access.index && access.part === null ? [access.index] : [])];
}

export function spanOf({ start, end }: Node): Span {
  return { start, end };
}
