import { Cel, type ExpressionLanguage, type JsonSchema, type TypeTable } from "../../adapters/expression/index.ts";
import { readLocatedYaml } from "../../adapters/yaml/index.ts";
import type { NodeType } from "../node-type.ts";
import type { Plan } from "../plan.ts";
import { assemble } from "./assemble.ts";
import { type Draft, DraftReader } from "./draft.ts";
import { readGraph } from "./graph.ts";
import { inputSchema } from "./inputs.ts";
import { reportIssues } from "./issues.ts";
import { type DefinitionProblem, Problems, quoted } from "./problem.ts";
import { type WorkflowFields, workflowFields } from "./schema.ts";
import { resultSchema, TextChecker, type View } from "./texts.ts";

const BOUNDS = { maxCharacters: 256 * 1024, maxTokens: 60_000 };
const MAX_NODES = 500;
/** Variables that are always there, and words of the expression language. */
const TAKEN = new Set(
  (
    "inputs nodes run secrets index true false null in as break const continue else for function if import let loop " +
    "package namespace return var void while int uint double bool string bytes list map type dyn google cel size has"
  ).split(" "),
);

export interface Definition {
  /** What messages call it: a path, or `the definition`. */
  file: string;
  /** YAML, of which JSON is a part. */
  text: string;
}

export interface Checked {
  /** Null when there is an error; warnings leave it. */
  plan: Plan | null;
  /** In the order of the text. */
  problems: DefinitionProblem[];
  /** What the text calls itself, also where it has mistakes. */
  name: string | null;
}

/** Checks a definition in one pass and makes its plan. Pure, never throws. */
export function checkDefinition(
  { file, text }: Definition,
  types: readonly NodeType[],
  language: ExpressionLanguage = new Cel(),
): Checked {
  const yaml = readLocatedYaml(text, BOUNDS);
  const problems = new Problems(file, text, yaml);
  for (const { code, message, start, end } of yaml.faults) {
    problems.addAt({ start, end }, { code: `yaml/${code}`, message, fix: YAML_FIXES[code] });
  }
  const broken = yaml.faults.some(({ code }) => code === "syntax" || code === "nesting" || code.startsWith("too-"));
  const name = nameOf(yaml.value);
  if (broken) return { plan: null, problems: problems.list(), name };
  const fields = readFields(yaml.value, problems);
  const plan = fields && new Checker({ problems, types, language, fields }).plan();
  return { plan: problems.failed ? null : plan, problems: problems.list(), name };
}

const YAML_FIXES: Record<ReturnType<typeof readLocatedYaml>["faults"][number]["code"], string> = {
  "too-large": "Split it into workflows that call each other.",
  "too-intricate": "Split it into workflows that call each other.",
  syntax: "Correct the YAML: indentation by spaces, a blank after each colon, quotes and brackets closed.",
  "duplicate-key": "Rename or remove one of the two.",
  alias: "Write the value out where it is used.",
  tag: "Take the tag out.",
  nesting: "Write it flatter.",
  key: "Write a text as the key.",
};

function nameOf(value: unknown): string | null {
  const name = typeof value === "object" && value !== null ? (value as { name?: unknown }).name : null;
  return typeof name === "string" ? name : null;
}

/** Also of a definition with mistakes as much as can be looked at further, so that all are told at once. */
function readFields(value: unknown, problems: Problems): WorkflowFields | null {
  const parsed = workflowFields.safeParse(value);
  if (parsed.success) return parsed.data;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const fix = "Begin with name: and nodes:.";
    problems.add({ path: [] }, { code: "schema/value", message: "This is not a workflow.", fix });
    return null;
  }
  const known = Object.keys(workflowFields.shape);
  reportIssues(parsed.error.issues, { problems, base: [], value, known });
  const wrong = new Set(parsed.error.issues.flatMap(({ path }) => (path.length > 0 ? [String(path[0])] : [])));
  const rest = Object.entries(value).filter(([key]) => known.includes(key) && !wrong.has(key));
  const usable = workflowFields.safeParse({ name: "unnamed", ...Object.fromEntries(rest) });
  return usable.success ? usable.data : null;
}

interface CheckerParts {
  problems: Problems;
  types: readonly NodeType[];
  language: ExpressionLanguage;
  fields: WorkflowFields;
}

class Checker {
  readonly #parts: CheckerParts;
  readonly #texts: TextChecker;
  readonly #bodies = new Map<object, Draft[]>();
  #nothing: TypeTable | null = null;

  constructor(parts: CheckerParts) {
    this.#parts = parts;
    this.#texts = new TextChecker(parts.problems);
  }

  plan(): Plan | null {
    const { problems, types, fields, language } = this.#parts;
    const reader = new DraftReader(types, problems);
    const input = inputSchema(fields.inputs ?? {}, problems);
    const nodes = reader.nodes(fields.nodes, ["nodes"]);
    if (!this.#hasRightSize(Math.max(reader.count, Object.keys(fields.nodes).length))) return null;
    const keys = Object.keys(fields.nodes);
    const graph = readGraph(nodes, keys, problems);
    const schemas = schemasOf(nodes, keys);
    const table = language.types({ inputs: input, nodes: objectOf(schemas), run: RUN });
    const view: View = { table, keys, reader: "output", mayRead: () => true, secrets: fields.secrets ?? [] };
    for (const node of nodes) {
      this.#node(node, { ...view, reader: node.key, mayRead: (key) => graph.isUpstream(node.key, key) }, schemas);
    }
    for (const [name, cel] of Object.entries(fields.output ?? {})) {
      this.#texts.expression(cel, { path: ["output", name] }, view);
    }
    this.#warnUnused();
    return problems.failed ? null : assemble(fields, input, { order: graph.order, bodies: this.#bodies });
  }

  #hasRightSize(count: number): boolean {
    const { problems } = this.#parts;
    if (count === 0) {
      const fix = "Write at least one node.";
      problems.add({ path: ["nodes"], key: true }, { code: "schema/no-nodes", message: "There are no nodes.", fix });
    }
    if (count <= MAX_NODES) return true;
    const message = `There are ${count} nodes; at most ${MAX_NODES} are run.`;
    const fix = "Split it into workflows that call each other, or use a map.";
    problems.add({ path: ["nodes"], key: true }, { code: "schema/too-many-nodes", message, fix });
    return false;
  }

  #node(node: Draft, view: View, schemas: Record<string, JsonSchema>): void {
    this.#texts.node(node, view);
    this.#reportNever(node);
    if (node.body) this.#body(node, view, schemas);
  }

  /** Its nodes see the item, each other and what the node itself sees. */
  #body({ path, body, key }: Draft, outer: View, schemas: Record<string, JsonSchema>): void {
    const { problems } = this.#parts;
    const { as, nodes } = body!;
    if (TAKEN.has(as)) {
      const fix = "Choose another name, such as item.";
      problems.add(
        { path: [...path, "as"] },
        { code: "schema/value", message: `${quoted(as)} means something else.`, fix },
      );
      return;
    }
    this.#reportSameKeys(nodes, outer);
    const keys = nodes.map((node) => node.key);
    const graph = readGraph(nodes, keys, problems);
    this.#bodies.set(body!, graph.order);
    const inner = { ...schemas, ...schemasOf(nodes, keys) };
    const visible = objectOf(onlyNamed(inner, nodes.map(textOf).join("\n")));
    const table = outer.table.with({ [as]: {}, index: { type: "integer" }, nodes: visible });
    for (const node of nodes) {
      const mayRead = (read: string) =>
        keys.includes(read) ? graph.isUpstream(node.key, read) : read !== key && outer.mayRead(read);
      this.#node(node, { ...outer, table, keys: [...outer.keys, ...keys], reader: node.key, mayRead }, inner);
    }
    if (nodes.length > 0) return;
    const fix = "Write at least one node below do:.";
    problems.add(
      { path: [...path, "do"], key: true },
      { code: "schema/no-nodes", message: "There are no nodes.", fix },
    );
  }

  #reportSameKeys(nodes: Draft[], { keys }: View): void {
    for (const { key, path } of nodes.filter((node) => keys.includes(node.key))) {
      const message = `${quoted(key)} is also the key of a node outside.`;
      this.#parts.problems.add({ path, key: true }, { code: "schema/key", message, fix: "Rename one of the two." });
    }
  }

  /** A node that cannot run whatever happens, and all that it promises. */
  #reportNever({ fields, path, key }: Draft): void {
    const { problems, language } = this.#parts;
    this.#nothing ??= language.types({});
    if (fields.when === undefined || !isNever(fields.when, this.#nothing, language)) return;
    const message = `${quoted(key)} can never run: its condition is always false.`;
    problems.add(
      { path: [...path, "when"] },
      { code: "graph/unreachable", message, fix: "Correct when, or take the node out." },
    );
  }

  #warnUnused(): void {
    const { problems, fields } = this.#parts;
    if (problems.failed) return;
    const { inputs, secrets } = this.#texts.used;
    for (const name of Object.keys(fields.inputs ?? {}).filter((key) => !inputs.has(key))) {
      const report = { code: "input/unused", message: `Nothing reads the input ${quoted(name)}.`, fix: "Take it out." };
      problems.add({ path: ["inputs", name], key: true }, { ...report, severity: "warning" });
    }
    for (const [index, name] of (fields.secrets ?? []).entries()) {
      if (secrets.has(name)) continue;
      const report = {
        code: "secret/unused",
        message: `No node uses the secret ${quoted(name)}.`,
        fix: "Take it out.",
      };
      problems.add({ path: ["secrets", index] }, { ...report, severity: "warning" });
    }
  }
}

const RUN: JsonSchema = {
  type: "object",
  properties: { id: { type: "string" }, workflow: { type: "string" } },
};

/** Also of nodes that could not be read: what they give is open. */
function schemasOf(nodes: Draft[], keys: readonly string[]): Record<string, JsonSchema> {
  const read = nodes.map(({ key, type, config }) => [key, resultSchema(type, config)] as const);
  return { ...Object.fromEntries(keys.map((key) => [key, {}])), ...Object.fromEntries(read) };
}

/** Making types of 500 outputs for each of 250 bodies would take seconds: those that a text cannot mean are left open. */
function onlyNamed(schemas: Record<string, JsonSchema>, text: string): Record<string, JsonSchema> {
  const words = new Set(text.match(/[a-z][a-z0-9_-]*/g));
  const named = Object.entries(schemas).map(([key, schema]) => [key, isNamed(key, words) ? schema : {}]);
  return Object.fromEntries(named) as Record<string, JsonSchema>;
}

/** In CEL a hyphen also subtracts, so a word may begin with the key. */
function isNamed(key: string, words: ReadonlySet<string>): boolean {
  return words.has(key) || [...words].some((word) => word.startsWith(`${key}-`));
}

/** All that is written in a node and in those inside it. */
function textOf({ fields, config, fallback, undo, body }: Draft): string {
  const inside = [
    ...(undo ? [undo] : []),
    ...(fallback && "node" in fallback ? [fallback.node] : []),
    ...(body?.nodes ?? []),
  ];
  return [String(fields.when), JSON.stringify(config), ...inside.map(textOf)].join("\n");
}

function objectOf(properties: Record<string, JsonSchema>): JsonSchema {
  return { type: "object", properties, additionalProperties: false };
}

/** What reads nothing has the same value in every run. */
function isNever(when: string | boolean, nothing: TypeTable, language: ExpressionLanguage): boolean {
  if (typeof when === "boolean") return !when;
  const { problems, references } = nothing.inspect(when);
  if (problems.length > 0 || references.length > 0) return false;
  try {
    return language.evaluate(when, {}) === false;
  } catch {
    return false;
  }
}
