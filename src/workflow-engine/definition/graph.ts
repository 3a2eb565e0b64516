import type { Draft } from "./draft.ts";
import { type Problems, quoted, suggestion } from "./problem.ts";

/** How nodes stand to each other. */
export interface Graph {
  /** Every node after what it needs, otherwise as written. Nodes of a cycle come last. */
  order: Draft[];
  /** Whether `key` comes to an end before `node` begins. */
  isUpstream(node: string, key: string): boolean;
}

/** `keys`: of all nodes, those that could not be read with them. */
export function readGraph(nodes: Draft[], keys: readonly string[], problems: Problems): Graph {
  const byKey = new Map(nodes.map((node) => [node.key, node]));
  for (const node of nodes) reportNeeds(node, keys, problems);
  const order = inOrder(nodes, byKey);
  reportCycles(
    nodes.filter((node) => !order.includes(node)),
    byKey,
    problems,
  );
  const above = ancestors(order, new Set(keys));
  const rest = nodes.filter((node) => !order.includes(node));
  return { order: [...order, ...rest], isUpstream: (node, key) => mayBeAbove(above.get(node), key, byKey) };
}

function reportNeeds({ key, needs }: Draft, keys: readonly string[], problems: Problems): void {
  const seen = new Set<string>();
  for (const need of needs) {
    if (!keys.includes(need.key)) {
      const fix = suggestion(
        need.key,
        keys.filter((other) => other !== key),
      );
      problems.add(
        { path: need.path },
        { code: "graph/unknown-node", message: `There is no node ${quoted(need.key)}.`, fix },
      );
    } else if (need.key === key) {
      const message = `${quoted(key)} needs itself.`;
      problems.add({ path: need.path }, { code: "graph/cycle", message, fix: "Take it out of needs." });
    } else if (seen.has(need.key)) {
      const message = `${quoted(need.key)} is needed twice.`;
      problems.add({ path: need.path }, { code: "graph/duplicate-need", message, fix: "Take one of the two out." });
    }
    seen.add(need.key);
  }
}

/** Kahn's algorithm (Topological sorting of large networks, 1962), the earliest written first. */
function inOrder(nodes: Draft[], byKey: Map<string, Draft>): Draft[] {
  const open = new Map(nodes.map((node) => [node.key, needed(node, byKey).length]));
  const after = new Map<string, Draft[]>(nodes.map((node) => [node.key, []]));
  for (const node of nodes) for (const need of needed(node, byKey)) after.get(need)?.push(node);
  const place = new Map(nodes.map((node, index) => [node.key, index]));
  let ready = nodes.filter((node) => open.get(node.key) === 0);
  const order: Draft[] = [];
  while (ready.length > 0) {
    order.push(...ready);
    const next: Draft[] = [];
    for (const done of ready) {
      for (const node of after.get(done.key) ?? []) {
        const left = open.get(node.key)! - 1;
        open.set(node.key, left);
        if (left === 0) next.push(node);
      }
    }
    ready = next.toSorted((a, b) => place.get(a.key)! - place.get(b.key)!);
  }
  return order;
}

/** Once each, and without itself: those mistakes are told by themselves. */
function needed(node: Draft, byKey: Map<string, Draft>): string[] {
  return [...new Set(node.needs.map(({ key }) => key))].filter((key) => byKey.has(key) && key !== node.key);
}

/** One report for each separate cycle, at the need that closes it. */
function reportCycles(stuck: Draft[], byKey: Map<string, Draft>, problems: Problems): void {
  const told = new Set<string>();
  for (const start of stuck) {
    const cycle = told.has(start.key) ? null : cycleFrom(start, stuck, byKey);
    if (!cycle || cycle.some(({ key }) => told.has(key))) continue;
    for (const { key } of cycle) told.add(key);
    const last = cycle[0]!;
    const closing = last.needs.find(({ key }) => key === cycle[1]?.key) ?? { path: last.path };
    const message = `The nodes wait for each other: ${wayOf(cycle.map(({ key }) => key))}.`;
    problems.add({ path: closing.path }, { code: "graph/cycle", message, fix: "Take one of these needs out." });
  }
}

const MAX_SHOWN = 12;

function wayOf(keys: string[]): string {
  if (keys.length <= MAX_SHOWN) return keys.join(" needs ");
  const [shown, last] = [keys.slice(0, MAX_SHOWN - 2), keys.at(-1)];
  return `${shown.join(" needs ")} needs ${keys.length - MAX_SHOWN + 1} more, which need ${last}`;
}

/** Walks from need to need until a node comes again; what led there is cut off. */
function cycleFrom(start: Draft, stuck: Draft[], byKey: Map<string, Draft>): Draft[] | null {
  const inside = new Set(stuck.map(({ key }) => key));
  const way: Draft[] = [];
  const place = new Map<string, number>();
  let node: Draft | undefined = start;
  while (node && !place.has(node.key)) {
    place.set(node.key, way.length);
    way.push(node);
    const next: string | undefined = needed(node, byKey).find((key) => inside.has(key));
    node = next === undefined ? undefined : byKey.get(next);
  }
  return node ? [...way.slice(place.get(node.key)), node] : null;
}

function ancestors(order: Draft[], keys: ReadonlySet<string>): Map<string, Set<string>> {
  const above = new Map<string, Set<string>>();
  for (const node of order) {
    const all = new Set<string>();
    for (const { key } of node.needs.filter((need) => keys.has(need.key))) {
      all.add(key);
      for (const further of above.get(key) ?? []) all.add(further);
    }
    above.set(node.key, all);
  }
  return above;
}

/** In doubt yes: what a node that could not be read needs is not known, and its own mistake is told. */
function mayBeAbove(above: Set<string> | undefined, key: string, byKey: Map<string, Draft>): boolean {
  if (!above || above.has(key) || !byKey.has(key)) return true;
  return [...above].some((ancestor) => !byKey.has(ancestor));
}
