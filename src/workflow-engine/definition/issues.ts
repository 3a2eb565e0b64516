import type { z } from "zod";
import { type Problems, quoted, suggestion } from "./problem.ts";

type Issue = z.core.$ZodIssue;

interface Context {
  problems: Problems;
  /** Of the value that was checked. */
  base: readonly PropertyKey[];
  value: unknown;
  /** Keys that may stand beside those of the schema that found an unknown one. */
  known: readonly string[];
  /** Of a mistake that is none here, such as a template where a number comes later. */
  ignore?: (path: readonly PropertyKey[], value: unknown) => boolean;
}

/** What a schema found, in words of the definition and at its places. */
export function reportIssues(issues: readonly Issue[], context: Context): void {
  for (const issue of issues) {
    const value = valueAt(context.value, issue.path);
    if (!context.ignore?.(issue.path, value)) report(issue, value, context);
  }
}

function report(issue: Issue, value: unknown, context: Context): void {
  const { problems, base } = context;
  const path = [...base, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) {
      const fix = suggestion(key, context.known);
      problems.add(
        { path: [...path, key], key: true },
        { code: "schema/unknown-key", message: `There is no field ${quoted(key)} here.`, fix },
      );
    }
    return;
  }
  if (issue.code === "invalid_union") {
    const branch = nearestBranch(issue.errors);
    if (branch) return reportIssues(branch, { ...context, base: path, value });
  }
  if (value === undefined) {
    const name = String(path.at(-1) ?? "");
    const message = `${quoted(name)} is missing.`;
    problems.add(
      { path: path.slice(0, -1), key: true },
      { code: "schema/missing", message, fix: `Write ${name}: … here.` },
    );
    return;
  }
  problems.add({ path, key: issue.code === "invalid_key" }, { code: "schema/value", ...describe(issue, value, path) });
}

function describe(issue: Issue, value: unknown, path: PropertyKey[]): { message: string; fix: string } {
  const name = quoted(String(path.at(-1) ?? "the definition"));
  if (issue.code === "invalid_value") {
    const known = issue.values.map(String);
    return { message: `${name} cannot be ${shown(value)}.`, fix: suggestion(String(value), known) };
  }
  if (issue.code === "invalid_type") {
    return { message: `${name} is ${kindOf(value)}.`, fix: `Write ${withArticle(issue.expected)}.` };
  }
  if (issue.code === "invalid_union") {
    const kinds = issue.errors
      .flat()
      .map((inner) => (inner.code === "invalid_type" ? withArticle(inner.expected) : inner.message));
    return { message: `${name} is ${kindOf(value)}.`, fix: `Write ${[...new Set(kinds)].join(" or ")}.` };
  }
  if (issue.code === "invalid_key") {
    return {
      message: `${name} is not a name that can be used.`,
      fix: sentence(issue.issues[0]?.message ?? "Use letters, digits and _"),
    };
  }
  return { message: `${name}: ${shown(value)} does not fit.`, fix: sentence(issue.message) };
}

/** The branch that got furthest says most; none where all failed at once. */
function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const near = branches.filter((issues) =>
    issues.every((issue) => issue.path.length > 0 || issue.code !== "invalid_type"),
  );
  return near.toSorted((a, b) => a.length - b.length)[0] ?? null;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<PropertyKey, unknown>)[key]
        : undefined,
    value,
  );
}

function shown(value: unknown): string {
  return typeof value === "string" ? quoted(value) : quoted(JSON.stringify(value) ?? "").slice(1, -1);
}

function kindOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a map" : withArticle(typeof value);
}

const KINDS: Record<string, string> = {
  string: "a text",
  object: "a map",
  record: "a map",
  array: "a list",
  int: "a whole number",
  boolean: "true or false",
};

function withArticle(kind: string): string {
  return KINDS[kind] ?? `a ${kind}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
