import { z } from "zod";
import type { NodeType } from "../node-type.ts";
import { reportIssues } from "./issues.ts";
import { type Problems, quoted, suggestion } from "./problem.ts";
import { KEY, nodeFields, stepFields, type NodeFields, type StepFields } from "./schema.ts";
import { hasTemplate } from "../templates-text.ts";

/** A node as it was read: its own fields are checked one by one, how it stands to others is not yet. */
export interface Draft {
  key: string;
  path: PropertyKey[];
  type: NodeType;
  fields: NodeFields;
  needs: { key: string; path: PropertyKey[] }[];
  config: Record<string, unknown>;
  fallback: { node: Draft } | { value: unknown } | null;
  undo: Draft | null;
  body: { as: string; nodes: Draft[] } | null;
}

/** Reads nodes; fields that are wrong are left out, so that the rest can be looked at. */
export class DraftReader {
  /** How many nodes were read, those inside others with them. */
  count = 0;
  readonly #types: readonly NodeType[];
  readonly #problems: Problems;

  constructor(types: readonly NodeType[], problems: Problems) {
    this.#types = types;
    this.#problems = problems;
  }

  nodes(written: Record<string, unknown>, path: PropertyKey[]): Draft[] {
    return Object.entries(written).flatMap(([key, node]) => {
      const here = [...path, key];
      if (KEY.test(key)) return this.#read(node, { key, path: here, fields: nodeFields }) ?? [];
      const message = `${quoted(key)} cannot be the key of a node.`;
      const fix = "A key begins with a small letter and has small letters, digits, - and _.";
      this.#problems.add({ path: here, key: true }, { code: "schema/key", message, fix });
      return [];
    });
  }

  #read(
    written: unknown,
    { key, path, fields }: { key: string; path: PropertyKey[]; fields: typeof nodeFields | typeof stepFields },
  ): Draft | null {
    this.count += 1;
    if (typeof written !== "object" || written === null || Array.isArray(written)) {
      const fix = "Write a map that has a type.";
      this.#problems.add({ path, key: true }, { code: "schema/value", message: `${quoted(key)} is not a node.`, fix });
      return null;
    }
    const node = written as Record<string, unknown>;
    const type = this.#typeOf(node, path);
    const common = Object.keys(fields.shape);
    const entries = Object.entries(node);
    const config = Object.fromEntries(entries.filter(([name]) => !common.includes(name)));
    const own = Object.fromEntries(entries.filter(([name]) => common.includes(name)));
    this.#checkConfig(config, type, { path, common });
    const parsed = fields.safeParse(own);
    if (parsed.success) return this.#draft({ key, path, type, config }, parsed.data);
    const { issues } = parsed.error;
    reportIssues(issues, { problems: this.#problems, base: path, value: own, known: common });
    const wrong = new Set(issues.map((issue) => String(issue.path[0])));
    const rest = fields.safeParse(Object.fromEntries(Object.entries(own).filter(([name]) => !wrong.has(name))));
    return rest.success ? this.#draft({ key, path, type, config }, rest.data) : null;
  }

  #typeOf(node: Record<string, unknown>, path: PropertyKey[]): NodeType {
    const { type } = node;
    const found = this.#types.find((candidate) => candidate.type === type);
    if (found) return found;
    const known = this.#types.map((candidate) => candidate.type);
    if (typeof type === "string") {
      const message = `There is no node type ${quoted(type)}.`;
      this.#problems.add(
        { path: [...path, "type"] },
        { code: "schema/node-type", message, fix: suggestion(type, known) },
      );
    } else {
      const message = `${quoted(String(path.at(-1)))} has no type.`;
      const fix = `Write type: and one of ${known.join(", ")}.`;
      this.#problems.add({ path, key: true }, { code: "schema/missing", message, fix });
    }
    return UNKNOWN;
  }

  /** By the type's own schema; what an expression or a template stands for is checked when it has a value. */
  #checkConfig(
    config: Record<string, unknown>,
    type: NodeType,
    { path, common }: { path: PropertyKey[]; common: string[] },
  ): void {
    const result = type.config.safeParse(config);
    if (result.success) return;
    reportIssues(result.error.issues, {
      problems: this.#problems,
      base: path,
      value: config,
      known: [...fieldsOf(type), ...common],
      ignore: ([field], value) => (type.expressions.includes(String(field)) ? value !== undefined : isTemplate(value)),
    });
  }

  #draft(base: Pick<Draft, "key" | "path" | "type" | "config">, parsed: NodeFields | StepFields): Draft {
    const { key, path, type } = base;
    const fields: NodeFields = parsed;
    const { fallback, undo } = fields;
    return {
      ...base,
      fields,
      needs: needsOf(fields.needs, [...path, "needs"]),
      fallback:
        fallback && "node" in fallback
          ? this.#fallback(fallback.node, base)
          : fallback
            ? { value: fallback.value ?? null }
            : null,
      undo:
        undo === undefined
          ? null
          : this.#read(undo, { key: `${key}/undo`, path: [...path, "undo"], fields: stepFields }),
      body: this.#body(fields, path, type),
    };
  }

  #fallback(written: unknown, { key, path }: Pick<Draft, "key" | "path">): { node: Draft } | null {
    const at = { key: `${key}/fallback`, path: [...path, "fallback", "node"], fields: stepFields };
    const node = this.#read(written, at);
    return node && { node };
  }

  #body({ as, do: nodes }: NodeFields, path: PropertyKey[], type: NodeType): Draft["body"] {
    if (type.body === true && nodes !== undefined) {
      return { as: as ?? "item", nodes: this.nodes(nodes, [...path, "do"]) };
    }
    if (type.body === true) {
      const fix = "Write do: and below it the nodes that are done for each item.";
      this.#problems.add({ path, key: true }, { code: "schema/missing", message: '"do" is missing.', fix });
    }
    if (type === UNKNOWN) return null;
    for (const field of ["as", "do"] as const) {
      if (type.body === true || (field === "as" ? as : nodes) === undefined) continue;
      const message = `A ${type.type} node has no ${quoted(field)}.`;
      const fix = "Only a node with a body has it, such as map.";
      this.#problems.add({ path: [...path, field], key: true }, { code: "schema/unknown-key", message, fix });
    }
    return null;
  }
}

/** Stands where a node's type is not known, so that its place in the graph is. */
const UNKNOWN: NodeType = {
  type: "",
  description: "",
  config: z.looseObject({}),
  expressions: [],
  output: () => ({}),
  onCrash: "ask",
  execute: () => Promise.reject(new Error("a definition with mistakes is not run")),
};

function needsOf(written: string | string[] | undefined, path: PropertyKey[]): Draft["needs"] {
  if (written === undefined) return [];
  if (typeof written === "string") return [{ key: written, path }];
  return written.map((key, index) => ({ key, path: [...path, index] }));
}

function isTemplate(value: unknown): boolean {
  return typeof value === "string" && hasTemplate(value);
}

/** Names of the type's own fields, as far as its schema tells them. */
function fieldsOf(type: NodeType): string[] {
  const { shape } = type.config as { shape?: object };
  return Object.keys(shape ?? {});
}
