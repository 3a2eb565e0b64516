import { SpecloopError } from "../../foundation/errors.ts";
import type { Plan, PlanNode } from "../plan.ts";
import { RESTORE, restoreNode } from "../rollback/restore-node.ts";

/** The key under which the run's own output is computed where that takes an expression. */
export const OUTPUT_KEY = "@output";

/** Where a node of a run stands in its plan. */
export interface Place {
  node: PlanNode;
  /** Keys before it: `files[3]/` for `files[3]/fix`, empty at the top. */
  prefix: string;
  /** The maps around it, outermost first. */
  items: { key: string; as: string; index: number; nodes: PlanNode[] }[];
  /** What it stands in for: the node whose fallback or undo it is. */
  role: "node" | "fallback" | "undo" | "restore";
}

const SEGMENT = /^([a-z][a-z0-9_-]*)(?:\[(\d+)\])?$/;

/** Finds the node that a key of a run means: `review`, `review/fallback`, `files[3]/fix`, `files[3]/fix/undo`. */
export function locate(plan: Plan, key: string): Place {
  if (key === OUTPUT_KEY) return { node: outputNode(), prefix: "", items: [], role: "node" };
  const items: Place["items"] = [];
  let nodes: PlanNode[] | null = plan.nodes;
  let node: PlanNode | null = null;
  let role: Place["role"] = "node";
  let prefix = "";
  for (const segment of key.split("/")) {
    const [, name, index] = SEGMENT.exec(segment) ?? [];
    if (name === undefined) throw unknownKey(plan, key);
    if (nodes) node = nodes.find((candidate) => candidate.key === name) ?? null;
    else [node, role] = standIn(node, name, role);
    if (!node) throw unknownKey(plan, key);
    nodes = null;
    if (index === undefined) continue;
    if (!node.body) throw unknownKey(plan, key);
    const mapKey = role === "node" ? `${prefix}${node.key}` : key.slice(0, key.indexOf(`[${index}]`));
    items.push({ key: mapKey, as: node.body.as, index: Number(index), nodes: node.body.nodes });
    prefix = `${mapKey}[${index}]/`;
    nodes = node.body.nodes;
    role = "node";
  }
  if (!node) throw unknownKey(plan, key);
  return { node, prefix, items, role };
}

function standIn(of: PlanNode | null, name: string, role: Place["role"]): [PlanNode | null, Place["role"]] {
  if (!of) return [null, role];
  if (name === "undo") return [of.undo, "undo"];
  if (name === RESTORE) return [restoreNode(of), "restore"];
  if (name === "fallback" && of.fallback && "node" in of.fallback) return [of.fallback.node, "fallback"];
  return [null, role];
}

/** The node of a plan with this key. Throws `bad_input` also for what lies inside a map. */
export function topNode(plan: Plan, key: string): PlanNode {
  const node = plan.nodes.find((candidate) => candidate.key === key);
  if (!node) throw unknownKey(plan, key);
  return node;
}

function unknownKey(plan: Plan, key: string): SpecloopError {
  const known = plan.nodes.map((node) => node.key).join(", ");
  return new SpecloopError("bad_input", `The workflow "${plan.name}" has no node "${key}".`, {
    target: key,
    fix: `Its nodes are: ${known}.`,
  });
}

function outputNode(): PlanNode {
  return {
    key: OUTPUT_KEY,
    type: OUTPUT_KEY,
    needs: [],
    runIf: "all_ok",
    when: null,
    timeoutMs: 6e4,
    fallback: null,
    onCrash: "retry",
    undo: null,
    budget: {
      usd: null,
      tokens: null,
      ms: null,
    },
    snapshot: false,
    body: null,
    retry: {
      max: 0,
      delayMs: 0,
      factor: 1,
      maxDelayMs: 0,
      jitter: 0,
      on: [],
    },
    config: {},
  };
}

/** Nodes that nothing in the same list needs. */
export function sinks(nodes: PlanNode[]): PlanNode[] {
  const needed = new Set(nodes.flatMap((node) => node.needs));
  return nodes.filter((node) => !needed.has(node.key));
}

/** A node's key and those of everything that comes after it. `nodes` in order. */
export function withDependents(nodes: PlanNode[], key: string): Set<string> {
  const found = new Set([key]);
  for (const node of nodes) if (node.needs.some((need) => found.has(need))) found.add(node.key);
  return found;
}
