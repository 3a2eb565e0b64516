import { Cel, type ExpressionLanguage } from "../../adapters/expression/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { NodeType, WovenPart } from "../node-type.ts";
import type { PlanNode } from "../plan.ts";
import type { Expressions, Scope } from "../scope.ts";
import { asText, hasTemplate, parseTemplate } from "../templates-text.ts";

/** A prompt or a request body longer than this is not written by a template. */
const MAX_TEXT = 4 * 1024 * 1024;

/** `secrets.NAME` and nothing else: a secret is handed on, never looked into. */
export const SECRET = /^secrets\.([A-Za-z_][A-Za-z0-9_]*)$/;

/**
 * Expressions and templates with values. `secret` gives the value of a secret by its name when a node is carried out;
 * without it `«NAME»` stands in its place, which is what may be stored and shown.
 */
export function createExpressions(
  secret: (name: string) => string = (name) => `«${name}»`,
  language: ExpressionLanguage = new Cel(),
): Expressions {
  const evaluate = (expression: string, scope: Scope) => language.evaluate(expression, variablesOf(scope));
  return {
    evaluate,
    configure: (node, type, scope) => {
      const value = (cel: string) => {
        const name = SECRET.exec(cel)?.[1];
        return name === undefined ? evaluate(cel, scope) : secret(name);
      };
      return parsed(node, type, filled(node.config, type, value));
    },
  };
}

function variablesOf({ inputs, nodes, locals, run }: Scope): Record<string, unknown> {
  return { ...locals, inputs, nodes, run };
}

function filled(
  config: Record<string, unknown>,
  type: NodeType,
  value: (cel: string) => unknown,
): Record<string, unknown> {
  const fields = Object.entries(config).map(([field, written]) => {
    if (type.literal?.includes(field)) return [field, written];
    const weave = type.weave && Object.hasOwn(type.weave, field) ? type.weave[field] : undefined;
    const fill = type.expressions.includes(field) ? value : (text: string) => fillTemplate(text, value, weave);
    return [field, mapTexts(written, fill)];
  });
  return Object.fromEntries(fields) as Record<string, unknown>;
}

/** Every text in a value replaced; what is not text stays. */
function mapTexts(value: unknown, replace: (text: string) => unknown): unknown {
  if (typeof value === "string") return replace(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, replace));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTexts(item, replace)]));
}

function fillTemplate(text: string, value: (cel: string) => unknown, weave?: (parts: WovenPart[]) => string): unknown {
  if (!hasTemplate(text)) return text;
  const { parts, unclosed, whole } = parseTemplate(text);
  if (unclosed) throw new SpecloopError("expression_failed", `A template is not closed: ${text.slice(unclosed.start)}`);
  const [only] = parts;
  if (whole && only?.kind === "cel" && !weave) return value(only.cel);
  const woven = parts.map((part) => (part.kind === "text" ? part.text : { value: value(part.cel), cel: part.cel }));
  const filledIn = (weave ?? plainly)(woven);
  if (filledIn.length <= MAX_TEXT) return filledIn;
  throw new SpecloopError("expression_failed", `A template became a text of ${filledIn.length} characters.`);
}

function plainly(parts: WovenPart[]): string {
  return parts.map((part) => (typeof part === "string" ? part : asText(part.value))).join("");
}

function parsed(node: PlanNode, type: NodeType, config: Record<string, unknown>): unknown {
  const result = type.config.safeParse(config);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = [...(issue?.path ?? [])].join(".");
  throw new SpecloopError("expression_failed", `${node.key}: ${field}: ${issue?.message ?? "does not fit"}`, {
    target: node.key,
    cause: result.error,
  });
}
