import { canonicalJson, sha256 } from "../../foundation/hash.ts";
import type { NodeType } from "../node-type.ts";
import type { Plan, PlanNode } from "../plan.ts";

/** One node that starts a program or contacts somebody, as a person looks at it. */
export interface ReachingNode {
  /** Where it stands: `review`, `review/undo`, `files/do/fix`. */
  key: string;
  type: string;
  what: string;
  with: string[];
}

/** Every node that reaches out: also what runs instead of another, takes it back, or stands in a map's body. */
export function reachOf(plan: Pick<Plan, "nodes">, types: readonly NodeType[]): ReachingNode[] {
  const known = new Map(types.map((type) => [type.type, type]));
  return plan.nodes.flatMap((node) => [...reachingIn(node, node.key, known)]);
}

function* reachingIn(node: PlanNode, key: string, types: ReadonlyMap<string, NodeType>): Generator<ReachingNode> {
  const reached = types.get(node.type)?.reach?.(node.config);
  if (reached) yield { key, type: node.type, ...reached };
  if (node.fallback && "node" in node.fallback) yield* reachingIn(node.fallback.node, `${key}/fallback`, types);
  if (node.undo) yield* reachingIn(node.undo, `${key}/undo`, types);
  for (const inner of node.body?.nodes ?? []) yield* reachingIn(inner, `${key}/do/${inner.key}`, types);
}

/** Names of the workflows that it runs. */
export function childrenOf(nodes: readonly PlanNode[]): string[] {
  const names = nodes.flatMap(({ type, config, fallback, undo, body }) => [
    ...(type === "workflow" && typeof config["use"] === "string" ? [config["use"]] : []),
    ...childrenOf([
      ...(fallback && "node" in fallback ? [fallback.node] : []),
      ...(undo ? [undo] : []),
      ...(body?.nodes ?? []),
    ]),
  ]);
  return [...new Set(names)];
}

/** A hash per node, and one of the rest: enough to say later what is another one now. */
export function partsOf({ nodes, hash: _hash, ...rest }: Plan): Record<string, string> {
  const parts = nodes.map((node) => [node.key, sha256(canonicalJson(node))]);
  return { ...Object.fromEntries(parts), "": sha256(canonicalJson(rest)) } as Record<string, string>;
}

/** What is another one than what was approved, line by line for people; empty where nothing is. */
export function differences(
  before: { reach: ReachingNode[]; parts: Record<string, string> },
  now: { reach: ReachingNode[]; parts: Record<string, string> },
): string[] {
  const lines = (reach: ReachingNode[]) => reach.map((node) => `${node.key}: ${lineOf(node)}`);
  const [was, is] = [lines(before.reach), lines(now.reach)];
  const told = [
    ...was.filter((line) => !is.includes(line)).map((line) => `- ${line}`),
    ...is.filter((line) => !was.includes(line)).map((line) => `+ ${line}`),
  ];
  const seen = new Set(told.map((line) => line.slice(2).split(/[:/]/)[0]));
  const keys = new Set([...Object.keys(before.parts), ...Object.keys(now.parts)]);
  const others = [...keys].filter((key) => before.parts[key] !== now.parts[key] && !seen.has(key)).toSorted();
  return [...told, ...others.map((key) => `${sign(before.parts[key], now.parts[key])} ${name(key)}`)];
}

/** A node that reaches out in one line. */
export function lineOf({ type, what, with: more }: ReachingNode): string {
  return `${type} ${what}${more.length > 0 ? ` (${more.join("; ")})` : ""}`;
}

function sign(before: string | undefined, now: string | undefined): string {
  return before === undefined ? "+" : now === undefined ? "-" : "~";
}

function name(key: string): string {
  return key === "" ? "inputs, output, budget, secrets or name" : `${key} (reaches nothing)`;
}
