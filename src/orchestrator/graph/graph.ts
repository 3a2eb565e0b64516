import type { DeltaState, ChangeState } from "../state.ts";

export interface GraphNode {
  id: string;
  root: string;
  stage: string;
  title: string | null;
  capabilities: string[];
}

/** `depends`: `from` needs `to` archived first. `overlaps`: both touch one requirement; such a pair is there once. */
export interface GraphEdge {
  from: string;
  to: string;
  kind: "depends" | "overlaps";
  /** `capability/requirement`, or where a document says so. */
  why: string[];
}

export interface CapabilityIndex {
  capability: string;
  active: string[];
  /** Names of folders below changes/archive. */
  archived: string[];
}

export interface ChangeGraph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  capabilities: CapabilityIndex[];
  /** An order of archiving in which nothing comes before what it needs; without what is in a ring. */
  order: string[];
  /** Changes that need each other. */
  rings: string[][];
}

export interface GraphInput {
  root: string;
  changes: readonly ChangeState[];
  /** Ids that the documents of a change name as needed, by change. */
  declared: ReadonlyMap<string, { id: string; where: string }[]>;
  archived: { name: string; capabilities: string[] }[];
}

/** Pure. */
export function changeGraph({ changes, declared, archived }: GraphInput): ChangeGraph {
  const nodes = changes.map(({ id, root, stage, title, deltas }) => ({
    id,
    root,
    stage,
    title,
    capabilities: unique(deltas.map(({ capability }) => capability)),
  }));
  const edges = [...dependencies(changes, declared), ...overlaps(changes)];
  const { order, rings } = archiveOrder(
    nodes.map(({ id }) => id),
    edges.filter(({ kind }) => kind === "depends"),
  );
  return { nodes, edges, capabilities: indexOf(nodes, archived), order, rings };
}

/** A change needs the one that adds what it modifies, removes or renames, and those that it says it needs. */
function dependencies(changes: readonly ChangeState[], declared: GraphInput["declared"]): GraphEdge[] {
  const adding = additions(changes);
  const known = new Set(changes.map(({ id }) => id));
  const edges = new Edges("depends");
  for (const { id, deltas } of changes) {
    const targets = deltas.filter(({ operation }) => operation !== "ADDED").map(keyOf);
    const needed = [
      ...targets.flatMap((key) => (adding.get(key) ?? []).map((other) => ({ id: other, where: key }))),
      ...(declared.get(id) ?? []).filter((other) => known.has(other.id)),
    ];
    for (const other of needed) if (other.id !== id) edges.add(id, other.id, other.where);
  }
  return edges.all;
}

/** Changes by the requirement that they add, or rename one to. */
function additions(changes: readonly ChangeState[]): Map<string, string[]> {
  const adding = new Map<string, string[]>();
  for (const { id, deltas } of changes) {
    for (const { capability, operation, requirement, to } of deltas) {
      const name = operation === "ADDED" ? requirement : to;
      if (name === undefined) continue;
      const key = `${capability}/${name}`;
      adding.set(key, [...(adding.get(key) ?? []), id]);
    }
  }
  return adding;
}

function overlaps(changes: readonly ChangeState[]): GraphEdge[] {
  const edges = new Edges("overlaps");
  for (const { id, mergeability } of changes) {
    for (const { change, capability, requirement } of mergeability.overlaps) {
      if (id < change) edges.add(id, change, `${capability}/${requirement}`);
    }
  }
  return edges.all;
}

class Edges {
  readonly #kind: GraphEdge["kind"];
  readonly #edges = new Map<string, GraphEdge>();

  constructor(kind: GraphEdge["kind"]) {
    this.#kind = kind;
  }

  add(from: string, to: string, why: string): void {
    const key = `${from}\0${to}`;
    const edge = this.#edges.get(key) ?? { from, to, kind: this.#kind, why: [] };
    if (!edge.why.includes(why)) edge.why.push(why);
    this.#edges.set(key, edge);
  }

  get all(): GraphEdge[] {
    return [...this.#edges.values()];
  }
}

/** What nothing waits for comes first, by name; what never gets free is in a ring or needs one. */
function archiveOrder(ids: string[], edges: GraphEdge[]): { order: string[]; rings: string[][] } {
  const needs = new Map(ids.map((id) => [id, new Set<string>()]));
  for (const { from, to } of edges) needs.get(from)?.add(to);
  const order: string[] = [];
  for (let free = freeOf(needs); free.length > 0; free = freeOf(needs)) {
    for (const id of free) needs.delete(id);
    for (const left of needs.values()) for (const id of free) left.delete(id);
    order.push(...free);
  }
  return { order, rings: ringsIn(needs) };
}

function freeOf(needs: Map<string, Set<string>>): string[] {
  return [...needs]
    .filter(([, left]) => left.size === 0)
    .map(([id]) => id)
    .sort();
}

/** Changes that reach each other. */
function ringsIn(needs: Map<string, Set<string>>): string[][] {
  const reach = new Map([...needs.keys()].map((id) => [id, reachable(id, needs)]));
  const rings = new Map<string, string[]>();
  for (const [id, there] of reach) {
    const ring = [...there].filter((other) => reach.get(other)?.has(id)).sort();
    if (there.has(id)) rings.set(ring.join("\0"), ring);
  }
  return [...rings.values()];
}

function reachable(from: string, needs: Map<string, Set<string>>): Set<string> {
  const seen = new Set<string>();
  const queue = [...(needs.get(from) ?? [])];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    queue.push(...(needs.get(id) ?? []));
  }
  return seen;
}

function indexOf(nodes: GraphNode[], archived: GraphInput["archived"]): CapabilityIndex[] {
  const all = unique([...nodes, ...archived].flatMap(({ capabilities }) => capabilities));
  return all.map((capability) => ({
    capability,
    active: nodes.filter(({ capabilities }) => capabilities.includes(capability)).map(({ id }) => id),
    archived: archived.filter(({ capabilities }) => capabilities.includes(capability)).map(({ name }) => name),
  }));
}

function keyOf({ capability, requirement }: DeltaState): string {
  return `${capability}/${requirement}`;
}

function unique(names: string[]): string[] {
  return [...new Set(names)].sort();
}
