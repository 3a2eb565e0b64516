import type { Budget, Plan, PlanNode } from "../plan.ts";
import type { Standing } from "../cost/period-budgets.ts";
import { countOf, type Histogram } from "../statistics/histogram.ts";
import type { Past, Spreads } from "./past.ts";
import { timesOf } from "./past.ts";
import type { Forecast } from "./shapes.ts";
import { type Range, rangeOf, sumOf } from "./spread.ts";

export interface Asked {
  plan: Plan;
  /** Limits of this run. */
  budget: Budget;
  past: Past;
  /** Budgets of periods that hold for it. */
  standings: readonly Standing[];
  /** Models that could be used instead. */
  models: readonly string[];
  /** What a call costs, dollars; null where nobody knows. */
  price: (call: { model: string; tokensIn: number; tokensOut: number }) => number | null;
}

/** What a run will probably use. What nobody knows is null and never 0. */
export function forecastOf(asked: Asked): Forecast {
  const { plan, past } = asked;
  const nodes = placesOf(plan.nodes, "").map(({ place, node }) => nodeForecast(place, node, past.nodes.get(place)));
  const amounts = amountsOf(past, nodes);
  const found = {
    workflow: plan.name,
    hash: plan.hash,
    ...amounts,
    nodes,
    approvals: approvalsIn(plan),
    cheaper: cheaperModels(asked, amounts.usd),
  };
  return { ...found, warnings: warningsOf(asked, found) };
}

type NodeForecast = Forecast["nodes"][number];
type Amounts = Pick<Forecast, "basis" | "runs" | "ms" | "tokens" | "usd">;

/** Whole runs say most, because they know what is skipped, how often maps repeat and what is tried again. */
function amountsOf({ own, named }: Past, nodes: NodeForecast[]): Amounts {
  if (timesOf(own) > 0) return { basis: "definition", runs: timesOf(own), ...rangesOf(own) };
  if (timesOf(named) > 0) return { basis: "workflow", runs: timesOf(named), ...rangesOf(named) };
  const known = nodes.filter(({ count }) => count > 0);
  if (known.length === 0) return { basis: "none", runs: 0, ms: null, tokens: null, usd: null };
  const all = (of: "ms" | "tokens" | "usd") => {
    const ranges = nodes.map((node) => node[of]);
    return ranges.every((range) => range !== null) ? sumOf(ranges) : null;
  };
  const runs = Math.min(...known.map(({ count }) => count));
  return { basis: "nodes", runs, ms: all("ms"), tokens: all("tokens"), usd: all("usd") };
}

function rangesOf(spreads: Spreads): Pick<Amounts, "ms" | "tokens" | "usd"> {
  const range = (histogram: Histogram | undefined) => (histogram ? rangeOf(histogram) : null);
  // Where one of them called something of unknown price, what the others cost says nothing about the next.
  const priced = countOf(spreads.usd ?? new Map()) === timesOf(spreads);
  return { ms: range(spreads.ms), tokens: range(spreads.tokens), usd: priced ? range(spreads.usd) : null };
}

function nodeForecast(node: string, { type, config }: PlanNode, spreads: Spreads | undefined): NodeForecast {
  const model = typeof config["model"] === "string" ? config["model"] : null;
  if (!spreads) return { node, type, model, count: 0, ms: null, tokens: null, usd: null };
  return { node, type, model, count: timesOf(spreads), ...rangesOf(spreads) };
}

/** Nodes as the statistics name them: those of a map's body are `files[]/fix`. */
function placesOf(nodes: readonly PlanNode[], prefix: string): { place: string; node: PlanNode }[] {
  return nodes.flatMap((node) => [
    { place: prefix + node.key, node },
    ...placesOf(node.body?.nodes ?? [], `${prefix}${node.key}[]/`),
  ]);
}

function approvalsIn(plan: Plan): Forecast["approvals"] {
  return placesOf(plan.nodes, "")
    .filter(({ node }) => node.type === "approval")
    .map(({ place, node: { config, when } }) => {
      const prompt = typeof config["prompt"] === "string" ? config["prompt"] : "";
      return { node: place, what: when === null ? prompt : `${prompt} (when ${when})` };
    });
}

/** Other models for the same tokens, of those whose price is known; the three cheapest that save a twentieth or more. */
function cheaperModels({ past, models, price }: Asked, now: Range | null): Forecast["cheaper"] {
  const total = { calls: 0, tokensIn: 0, tokensOut: 0, usd: 0, unpriced: 0 };
  for (const { count, tokensIn, tokensOut, usd, unpriced } of past.calls) {
    total.calls += count;
    total.tokensIn += tokensIn;
    total.tokensOut += tokensOut;
    total.usd += usd;
    total.unpriced += unpriced;
  }
  if (total.calls === 0 || total.usd === 0 || total.unpriced > 0 || now === null) return [];
  const used = new Set(past.calls.map(({ model }) => model));
  return models
    .filter((model) => used.size > 1 || !used.has(model))
    .flatMap((model) => {
      const usd = price({ model, tokensIn: total.tokensIn, tokensOut: total.tokensOut });
      if (usd === null || usd > total.usd * 0.95) return [];
      const share = usd / total.usd;
      return [{ model, usd: { p50: now.p50 * share, p90: now.p90 * share } }];
    })
    .toSorted((a, b) => a.usd.p50 - b.usd.p50)
    .slice(0, 3);
}

const UNITS = { usd: dollars, tokens: (amount: number) => `${Math.round(amount)} tokens`, ms: seconds };

function warningsOf(
  { budget, standings, past }: Asked,
  { ms, tokens, usd, nodes }: Amounts & { nodes: NodeForecast[] },
): string[] {
  const amounts = { usd, tokens, ms };
  const warnings: string[] = [];
  for (const unit of ["usd", "tokens", "ms"] as const) {
    const [limit, range] = [budget[unit], amounts[unit]];
    const say = UNITS[unit];
    if (limit === null || range === null || range.p90 <= limit) continue;
    const likely = range.p50 > limit ? "It will probably use" : "It may use";
    const amount = range.p50 > limit ? range.p50 : range.p90;
    warnings.push(`${likely} ${say(amount)}, more than its budget of ${say(limit)}: it pauses there and asks.`);
  }
  for (const { unit, scope, per, period, limit, used } of standings) {
    const range = amounts[unit];
    const left = Math.max(0, limit - used);
    if (left > 0 && (range === null || range.p90 <= left)) continue;
    const rest = left === 0 ? "Nothing is" : `Only ${UNITS[unit](left)} are`;
    warnings.push(`${rest} left of the ${UNITS[unit](limit)} for ${scope} in the ${per} ${period}.`);
  }
  const unpriced = [...new Set(past.calls.filter((call) => call.unpriced > 0).map(({ model }) => model))];
  if (unpriced.length > 0)
    warnings.push(`The price of ${unpriced.join(", ")} is unknown: write it under prices.models.`);
  const calling = nodes
    .filter(({ type, count }) => ["llm", "agent"].includes(type) && count === 0)
    .map(({ node }) => node);
  if (calling.length > 0) warnings.push(`Nothing is known yet of what ${calling.join(", ")} will use.`);
  return warnings;
}

function dollars(usd: number): string {
  return `$${usd < 0.1 ? usd.toFixed(4) : usd.toFixed(2)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
