import type { JsonSchema } from "../../adapters/expression/index.ts";
import { canonicalJson, sha256 } from "../../foundation/hash.ts";
import type { Body, Budget, FailureKind, Plan, PlanNode, Retry } from "../plan.ts";
import type { Draft } from "./draft.ts";
import { milliseconds, type StepFields, type WorkflowFields } from "./schema.ts";

const DEFAULT_TIMEOUT = 600_000;
const DEFAULT_DELAY = 1000;
const DEFAULT_MAX_DELAY = 60_000;
const DEFAULT_FACTOR = 2;
const DEFAULT_JITTER = 0.2;
/** What may be gone the next time; a refusal and a mistake are not. */
const PASSING: FailureKind[] = ["timeout", "overload", "unavailable"];

type Defaults = NonNullable<WorkflowFields["defaults"]>;

/** Nodes in the order of running: those of the graph, and those of each body. */
interface Order {
  order: Draft[];
  bodies: ReadonlyMap<object, Draft[]>;
}

/** The plan of a definition without mistakes. */
export function assemble(fields: WorkflowFields, input: JsonSchema, { order, bodies }: Order): Plan {
  const { name, version, description, secrets, output } = fields;
  const plan = {
    name,
    version: version === undefined ? null : String(version),
    description: description ?? "",
    input,
    budget: budgetOf(fields.budget),
    secrets: secrets ?? [],
    nodes: order.map((node) => planNode(node, fields.defaults ?? {}, bodies)),
    output: output ?? {},
  };
  return { ...plan, hash: hashOf(plan) };
}

/** Nodes that were written in another order are the same definition. */
function hashOf(plan: Omit<Plan, "hash">): string {
  const nodes = plan.nodes.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return sha256(canonicalJson({ ...plan, nodes: nodes.map((node) => ({ ...node, needs: node.needs.toSorted() })) }));
}

function planNode(draft: Draft, defaults: Defaults, bodies: Order["bodies"]): PlanNode {
  const { key, type, fields, needs, config, fallback, undo, body } = draft;
  const inner = (node: Draft) => planNode(node, defaults, bodies);
  return {
    key,
    type: type.type,
    needs: needs.map((need) => need.key),
    runIf: fields.run_if ?? "all_ok",
    when: fields.when === undefined ? null : String(fields.when),
    retry: retryOf(fields.retry ?? defaults.retry),
    timeoutMs: timeoutOf(draft, defaults),
    fallback: fallback && "node" in fallback ? { node: inner(fallback.node) } : fallback,
    onCrash: fields.on_crash ?? type.onCrashOf?.(config) ?? type.onCrash,
    undo: undo && inner(undo),
    budget: budgetOf(fields.budget),
    snapshot: fields.snapshot ?? false,
    body: body && bodyOf(body.as, bodies.get(body) ?? [], inner),
    config,
  };
}

function bodyOf(as: string, nodes: Draft[], inner: (node: Draft) => PlanNode): Body {
  return { as, nodes: nodes.map(inner) };
}

function timeoutOf({ fields, type }: Draft, defaults: Defaults): number {
  const written = fields.timeout ?? defaults.timeout;
  return written === undefined ? (type.timeoutMs ?? DEFAULT_TIMEOUT) : milliseconds(written);
}

function retryOf(written: StepFields["retry"]): Retry {
  const { max, delay, factor, max_delay, jitter, on } =
    typeof written === "object" ? written : ({ max: written ?? 0 } as Exclude<StepFields["retry"], number | undefined>);
  return {
    max,
    delayMs: delay === undefined ? DEFAULT_DELAY : milliseconds(delay),
    factor: factor ?? DEFAULT_FACTOR,
    maxDelayMs: max_delay === undefined ? DEFAULT_MAX_DELAY : milliseconds(max_delay),
    jitter: jitter ?? DEFAULT_JITTER,
    on: on ?? PASSING,
  };
}

function budgetOf(written: StepFields["budget"]): Budget {
  const { usd, tokens, time } = written ?? {};
  return { usd: usd ?? null, tokens: tokens ?? null, ms: time === undefined ? null : milliseconds(time) };
}
