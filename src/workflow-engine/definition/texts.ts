import type { JsonSchema, Reference, TypeTable } from "../../adapters/expression/index.ts";
import { SECRET } from "../expression/index.ts";
import type { NodeType } from "../node-type.ts";
import { hasTemplate, parseTemplate } from "../templates-text.ts";
import type { Draft } from "./draft.ts";
import { type Problems, quoted, type Spot, suggestion } from "./problem.ts";

/** What the expressions of one node may read. */
export interface View {
  table: TypeTable;
  /** Keys that exist, whether or not they may be read here. */
  keys: readonly string[];
  mayRead(key: string): boolean;
  /** How messages call who reads, and whose `needs` would have to name it. */
  reader: string;
  secrets: readonly string[];
}

/** What was read of a definition's declared names. */
export interface Used {
  inputs: Set<string>;
  secrets: Set<string>;
}

interface Field {
  path: PropertyKey[];
  /** Of the node; the value may lie deeper. */
  field: string;
  type: NodeType;
  view: View;
}

/** Checks every expression and template of a definition. */
export class TextChecker {
  readonly used: Used = { inputs: new Set(), secrets: new Set() };
  readonly #problems: Problems;

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  node(node: Draft, view: View): void {
    const { fields, path, config, type } = node;
    if (typeof fields.when === "string") this.condition(fields.when, [...path, "when"], view);
    for (const [field, value] of Object.entries(config))
      this.#field(value, { path: [...path, field], field, type, view });
    if (node.undo) this.node(node.undo, { ...view, mayRead: (key) => key === node.key || view.mayRead(key) });
    if (node.fallback && "node" in node.fallback) this.node(node.fallback.node, view);
    if (node.fallback && "value" in node.fallback) this.#literal(node.fallback.value, [...path, "fallback", "value"]);
  }

  /** Must be true or false. */
  condition(cel: string, path: PropertyKey[], view: View): void {
    const type = this.expression(cel, { path }, view);
    if (type === null || type === "bool" || type === "dyn") return;
    const message = `This must be true or false, and is ${TYPE_NAMES[type] ?? "an object"}.`;
    this.#problems.add({ path }, { code: "expr/type", message, fix: "Compare it with something, such as … == …." });
  }

  /** The type of the result; null when it is wrong. */
  expression(cel: string, spot: Spot, view: View): string | null {
    if (this.#problems.full) return null;
    const from = spot.part?.start ?? 0;
    const { problems, references, type } = view.table.inspect(cel);
    for (const { code, message, word, known, fix, start, end } of problems) {
      const part = { start: from + start, end: from + Math.max(end, start + 1) };
      const help =
        word === "secrets"
          ? "Write ${{ secrets.NAME }} in a field that takes secrets."
          : (fix ?? (word === undefined ? FIXES[code] : suggestion(word, known ?? [])));
      const [kind, text] = this.#named(code, message, references, start);
      this.#problems.add(
        { path: spot.path, part },
        { code: `expr/${kind}`, message: text, fix: help ?? FIXES["syntax"]! },
      );
    }
    for (const reference of references) this.#reference(reference, { ...spot, part: shifted(reference, from) }, view);
    return problems.length > 0 ? null : type;
  }

  /** An unknown field of `nodes` or `inputs` is an unknown node or input. */
  #named(code: string, message: string, references: Reference[], at: number): [string, string] {
    const read = references.find(({ start, end, path }) => path.length > 0 && start <= at && at < end);
    const [name] = read?.path ?? [];
    if (code === "unknown-variable" && references.some(({ root, start }) => root === "secrets" && start === at)) {
      return ["secret", "A secret cannot be read in an expression."];
    }
    if (code !== "unknown-field" || !read || name === undefined) return [code, message];
    if (read.root === "inputs" && message === `inputs has no "${name}".`)
      return ["unknown-input", `There is no input ${quoted(name)}.`];
    if (read.root === "nodes" && message === `nodes has no "${name}".`)
      return ["unknown-node", `There is no node ${quoted(name)}.`];
    return [code, message];
  }

  #reference({ root, path: [name] }: Reference, spot: Spot, view: View): void {
    if (name === undefined) return;
    if (root === "inputs") this.used.inputs.add(name);
    if (root !== "nodes" || !view.keys.includes(name) || view.mayRead(name)) return;
    const message = `${quoted(view.reader)} reads ${quoted(name)} but does not depend on it.`;
    const fix =
      name === view.reader ? "A node cannot read its own output." : `Add ${name} to the needs of ${view.reader}.`;
    this.#problems.add(spot, { code: "expr/not-upstream", message, fix });
  }

  #field(value: unknown, at: Field): void {
    const { path, field, type, view } = at;
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) this.#field(item, { ...at, path: [...path, index] });
    } else if (typeof value === "object" && value !== null) {
      for (const [key, item] of Object.entries(value)) this.#field(item, { ...at, path: [...path, key] });
    } else if (typeof value !== "string") {
      return;
    } else if (type.expressions.includes(field)) {
      if (type.booleans?.includes(field)) this.condition(value, path, view);
      else this.expression(value, { path }, view);
    } else if (type.literal?.includes(field)) this.#literal(value, path);
    else this.#template(value, at);
  }

  #literal(value: unknown, path: PropertyKey[]): void {
    if (typeof value === "object" && value !== null) {
      for (const [key, item] of Object.entries(value)) this.#literal(item, [...path, key]);
    } else if (typeof value === "string" && hasTemplate(value)) {
      const message = `A template is not filled in here: ${quoted(value)}.`;
      const fix = "Write it without ${{ }}; hand values over in a field that takes them, such as env or stdin.";
      this.#problems.add({ path }, { code: "template/not-here", message, fix });
    }
  }

  #template(text: string, { path, field, type, view }: Field): void {
    if (!hasTemplate(text)) return;
    const { parts, unclosed } = parseTemplate(text);
    if (unclosed) {
      const fix = "Close it with }}, or write $${{ for the characters themselves.";
      this.#problems.add({ path, part: unclosed }, { code: "template/unclosed", message: "A ${{ is not closed.", fix });
    }
    for (const part of parts) {
      if (part.kind !== "cel") continue;
      const spot = { path, part: { start: part.start, end: Math.max(part.end, part.start + 1) } };
      if (/\bsecrets\b/.test(part.cel)) this.#secret(part.cel, spot, type.secrets?.includes(field) ?? false, view);
      else this.expression(part.cel, spot, view);
    }
  }

  #secret(cel: string, spot: Spot, allowed: boolean, { secrets }: View): void {
    const name = SECRET.exec(cel)?.[1];
    if (name === undefined) {
      const fix = "Write ${{ secrets.NAME }} alone.";
      this.#problems.add(spot, { code: "secret/expression", message: "A secret can only be handed on as it is.", fix });
    } else if (!secrets.includes(name)) {
      const message = `The secret ${quoted(name)} is not declared.`;
      const fix = secrets.length > 0 ? suggestion(name, secrets) : `Add secrets: [${name}] to the workflow.`;
      this.#problems.add(spot, { code: "secret/undeclared", message, fix });
    } else if (!allowed) {
      const message = "A secret cannot stand in this field: it would be stored and shown.";
      this.#problems.add(spot, {
        code: "secret/not-here",
        message,
        fix: "Use it in a header or an environment variable.",
      });
    } else this.used.secrets.add(name);
  }
}

function shifted({ start, end }: { start: number; end: number }, by: number): { start: number; end: number } {
  return { start: start + by, end: end + by };
}

const FIXES: Record<string, string> = {
  syntax: "Write it in CEL: comparisons, && || !, ? :, lists, has(), size(), map() and filter().",
  "too-large": "Make it smaller, or use a transform node for a part of it.",
  type: "Compare and combine values of one type; string(…), int(…) and double(…) convert.",
  regex: "Write it as RE2 does, without look-around and back references.",
};

const TYPE_NAMES: Record<string, string> = {
  string: "a text",
  int: "a number",
  double: "a number",
  list: "a list",
  map: "a map",
  null: "null",
};

/** Types of what expressions read of a node. A skipped node's output is null. */
export function resultSchema(type: NodeType, config: Record<string, unknown>): JsonSchema {
  const fields = {
    output: outputSchema(type, config),
    status: { type: "string" },
    error: { type: ["string", "null"] },
  };
  return { type: "object", properties: fields, additionalProperties: false };
}

/** The type says it; one that cannot with what is written here leaves it open. */
function outputSchema(type: NodeType, config: Record<string, unknown>): JsonSchema {
  try {
    return type.output(config);
  } catch {
    return {};
  }
}
