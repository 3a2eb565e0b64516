import type { Kysely } from "kysely";
import { countOf, type Histogram } from "../statistics/histogram.ts";
import { counted, type Counted, keyOf, spreads, type Which } from "../statistics/read.ts";
import type { WorkflowTables } from "../tables.ts";

const MEASURES = ["ms", "tokens", "usd"] as const;
export type Measure = (typeof MEASURES)[number];

/** How the three amounts of something were spread. */
export type Spreads = Record<Measure, Histogram | undefined>;

/** How often it ended well. */
export function timesOf({ ms }: Spreads): number {
  return ms ? countOf(ms) : 0;
}

/** What is known of a workflow's past, by node. */
export interface Past {
  /** Of this definition, and of all definitions of this name. */
  own: Spreads;
  named: Spreads;
  /** Of the named workflow's nodes, by key; of those with another definition, too. */
  nodes: Map<string, Spreads>;
  /** Sums of nodes by key and model. */
  calls: Counted[];
}

export async function pastOf(
  db: Kysely<WorkflowTables>,
  { workflow, hash, from }: { workflow: string; hash: string; from: string },
): Promise<Past> {
  const runs = { from, workflow, node: "" };
  const nodes = { from, workflow };
  return {
    own: await onesOf(db, { ...runs, hash }),
    named: await onesOf(db, runs),
    nodes: await byNode(db, nodes),
    calls: (await counted(db, nodes, ["node", "model"])).filter(
      ({ outcome, model }) => outcome === "ok" && model !== "",
    ),
  };
}

async function onesOf(db: Kysely<WorkflowTables>, which: Which): Promise<Spreads> {
  const [ms, tokens, usd] = await Promise.all(MEASURES.map((measure) => spreads(db, { ...which, measure }, [])));
  const all = keyOf([]);
  return { ms: ms?.get(all), tokens: tokens?.get(all), usd: usd?.get(all) };
}

async function byNode(db: Kysely<WorkflowTables>, which: Which): Promise<Map<string, Spreads>> {
  const [ms, tokens, usd] = await Promise.all(MEASURES.map((measure) => spreads(db, { ...which, measure }, ["node"])));
  return new Map(
    [...(ms?.keys() ?? [])].map((key) => [
      String((JSON.parse(key) as unknown[])[0]),
      { ms: ms?.get(key), tokens: tokens?.get(key), usd: usd?.get(key) },
    ]),
  );
}
