import type { Plan, PlanNode } from "../plan.ts";
import type { Scope } from "../scope.ts";
import type { RunSnapshot } from "./draft.ts";
import { locate, type Place, sinks } from "./places.ts";
import type { NodeRecord } from "./state.ts";
import type { Values } from "./values.ts";

/** Lists of maps as they were read last: each item needs its list again. */
export type Lists = Map<string, { stored: string; items: unknown[] }>;

interface Sources {
  snapshot: RunSnapshot;
  plan: Plan;
  values: Values;
  lists: Lists;
}

/** What a node's expressions see. Outputs are read only of the nodes whose name its text holds. */
export async function scopeOf(place: Place, sources: Sources): Promise<Scope> {
  const { node, items } = place;
  const text = JSON.stringify([node.when, node.config]);
  const levels = [{ prefix: "", nodes: sources.plan.nodes }];
  for (const { key, index, nodes } of items) levels.push({ prefix: `${key}[${index}]/`, nodes });
  const entries: [string, Scope["nodes"][string]][] = [];
  for (const { prefix, nodes } of levels) {
    for (const { key } of nodes) {
      const named = text.includes("nodes[") || (text.includes("nodes.") && text.includes(key));
      if (named) entries.push([key, await seen(sources.snapshot.nodes.get(prefix + key), sources.values)]);
    }
  }
  return { ...(await around(sources, text)), nodes: Object.fromEntries(entries), locals: await locals(place, sources) };
}

/** The same for the output of the whole run. */
export async function scopeOfOutput(sources: Sources): Promise<Scope> {
  const text = JSON.stringify(sources.plan.output);
  const nodes = sources.plan.nodes.filter(({ key }) => text.includes("nodes[") || text.includes(key));
  const entries = await Promise.all(
    nodes.map(async ({ key }) => [key, await seen(sources.snapshot.nodes.get(key), sources.values)] as const),
  );
  return { ...(await around(sources, text)), nodes: Object.fromEntries(entries), locals: {} };
}

/** The outputs of the nodes that nothing else needs: of one its output, of several an object by key. */
export async function resultsOf(
  nodes: PlanNode[],
  prefix: string,
  { snapshot, values }: Pick<Sources, "snapshot" | "values">,
): Promise<Record<string, unknown>> {
  const entries: [string, unknown][] = [];
  for (const { key } of sinks(nodes)) entries.push([key, await outputOf(snapshot.nodes.get(prefix + key), values)]);
  return Object.fromEntries(entries);
}

/** What a map's items came to, in their order; null for one that failed. */
export async function gather(key: string, sources: Sources): Promise<unknown> {
  const row = sources.snapshot.nodes.get(key);
  const body = locate(sources.plan, key).node.body;
  if (!row?.map || !body) throw new Error(`${key} has no items`);
  const single = sinks(body.nodes).length === 1;
  const failures = new Set(row.map.failed);
  const results: unknown[] = [];
  for (let index = 0; index < row.map.total; index++) {
    const outputs = failures.has(index) ? null : await resultsOf(body.nodes, `${key}[${index}]/`, sources);
    results.push(single && outputs ? Object.values(outputs)[0] : outputs);
  }
  const failed = row.map.failed.map((index) => ({ index, error: whyFailed(body.nodes, `${key}[${index}]/`, sources) }));
  return { results, failed };
}

function whyFailed(nodes: PlanNode[], prefix: string, { snapshot }: Sources): string {
  const rows = nodes.map((node) => snapshot.nodes.get(prefix + node.key));
  return rows.find((row) => row?.status === "failed")?.error?.message ?? "It was cancelled.";
}

async function around({ snapshot, values }: Sources, text: string): Promise<Pick<Scope, "inputs" | "run">> {
  const { id, workflow, input } = snapshot.run;
  return { inputs: text.includes("inputs") ? await values.load(input) : {}, run: { id, workflow } };
}

async function locals({ items }: Place, { snapshot, values, lists }: Sources): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const { key, as, index } of items) {
    const stored = snapshot.nodes.get(key)?.items ?? "[]";
    let list = lists.get(key);
    if (list?.stored !== stored) {
      list = { stored, items: (await values.load(stored)) as unknown[] };
      lists.set(key, list);
    }
    found[as] = list.items[index];
    found["index"] = index;
  }
  return found;
}

async function seen(row: NodeRecord | undefined, values: Values): Promise<Scope["nodes"][string]> {
  const output = await outputOf(row, values);
  return { output, status: row?.status ?? "pending", error: row?.error?.message ?? null };
}

async function outputOf(row: NodeRecord | undefined, values: Values): Promise<unknown> {
  return row?.output ? await values.load(row.output) : null;
}
