import type { NodeType } from "./node-type.ts";
import type { PlanNode } from "./plan.ts";

/** What expressions and templates see. */
export interface Scope {
  inputs: unknown;
  /** By key: what ended so far of the nodes that the expression may name. A skipped or failed node's output is null. */
  nodes: Record<string, { output: unknown; status: string; error: string | null }>;
  /** Inside a map's body: the item under the name of `as`, and `index`. */
  locals: Record<string, unknown>;
  run: { id: string; workflow: string };
}

/** What the engine needs of `expression/`. Everything here is pure and throws `expression_failed`. */
export interface Expressions {
  /** The value of a CEL expression as plain JSON. */
  evaluate(expression: string, scope: Scope): unknown;
  /** The configuration of a node with its expressions and templates replaced by values and checked by the type's schema. */
  configure(node: PlanNode, type: NodeType, scope: Scope): unknown;
}
