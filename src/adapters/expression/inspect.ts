import type { Environment } from "@marcbachmann/cel-js";
import { FUNCTIONS, MAX_EXPRESSION, METHODS } from "./environment.ts";
import { compilePattern } from "./pattern.ts";
import type { ExpressionProblem, Inspected, JsonSchema, Span } from "./port.ts";
import { type Chain, chainsOf, spanOf } from "./references.ts";
import { closedFields, inPlainWords, isSchema } from "./schema-types.ts";
import { asCall, children, type Node, type Parsed, parseWith } from "./syntax.ts";

/** Parses, follows every name through the schemas, and asks the library's checker where the names are right. */
export function inspect(
  expression: string,
  environment: Environment,
  variables: Record<string, JsonSchema>,
): Inspected {
  const parsed = parse(expression, environment);
  if ("code" in parsed) return { problems: [parsed], references: [], type: "dyn" };
  const chains = chainsOf(parsed.root);
  const references = chains.map(({ root, parts, span }) => ({ root, path: parts.map(({ name }) => name), ...span }));
  const calls = problemsOfCalls(parsed.root);
  const problems = calls.length > 0 ? calls : chains.flatMap((chain) => problemOfNames(chain, variables));
  if (problems.length > 0) return { problems, references, type: "dyn" };
  const { valid, type = "dyn", error } = parsed.check();
  return valid ? { problems, references, type } : { problems: [problemOf(error, expression)], references, type: "dyn" };
}

function parse(expression: string, environment: Environment): Parsed | ExpressionProblem {
  const whole = { start: 0, end: expression.length };
  if (expression.length > MAX_EXPRESSION) {
    return { code: "too-large", message: `The expression is longer than ${MAX_EXPRESSION} characters.`, ...whole };
  }
  if (expression.trim() === "") return { code: "syntax", message: "The expression is empty.", ...whole };
  try {
    return parseWith(environment, expression);
  } catch (error) {
    return problemOf(error, expression);
  }
}

function problemOfNames(chain: Chain, variables: Record<string, JsonSchema>): ExpressionProblem[] {
  const { root, parts, span, dynamic } = chain;
  const end = span.start + root.length;
  if (!Object.hasOwn(variables, root)) {
    const known = Object.keys(variables);
    const at = { start: span.start, end };
    return [{ code: "unknown-variable", message: `There is no variable "${root}".`, word: root, known, ...at }];
  }
  if (root === "nodes" && parts.length === 0) {
    const message = "Which node is read must be written out.";
    const fix = 'Write nodes.KEY.output, or nodes["KEY"].output for a key with a hyphen.';
    return [{ code: "dynamic-node", message, fix, ...(dynamic ?? span) }];
  }
  return problemOfFields(parts, variables[root], root);
}

function problemOfFields(parts: Chain["parts"], start: unknown, root: string): ExpressionProblem[] {
  let schema: unknown = start;
  let path = root;
  for (const { name, ...span } of parts) {
    const fields = closedFields(schema);
    if (fields && !Object.hasOwn(fields, name)) {
      const message = `${path} has no "${name}".`;
      return [{ code: "unknown-field", message, word: name, known: Object.keys(fields), ...span }];
    }
    schema = fields ? fields[name] : undefined;
    if (!isSchema(schema)) return [];
    path += `.${name}`;
  }
  return [];
}

/** Functions and patterns that cannot be used; names are looked at when there are none, since loops bind names. */
export function problemsOfCalls(node: Node): ExpressionProblem[] {
  const call = asCall(node);
  const found = call ? problemOfCall(node, call) : null;
  return [...(found ? [found] : []), ...inText(node).flatMap(problemsOfCalls)];
}

/** Without the loops that stand in for what is written. */
function inText(node: Node): Node[] {
  return children(node).filter((child) => child !== node.meta.alternate);
}

function problemOfCall(
  node: Node,
  { name, receiver, args }: NonNullable<ReturnType<typeof asCall>>,
): ExpressionProblem | null {
  const known = receiver ? METHODS : FUNCTIONS;
  if (!known.includes(name) || (name.startsWith("get") && args.length > 0)) {
    return {
      code: "unknown-function",
      message: `There is no function "${name}".`,
      word: name,
      known,
      ...spanOfName(node, name, receiver),
    };
  }
  const pattern = name === "matches" ? args[0] : undefined;
  if (pattern?.op !== "value" || typeof pattern.args !== "string") return null;
  const compiled = compilePattern(pattern.args);
  if (!("problem" in compiled)) return null;
  return { code: "regex", message: `The pattern cannot be used: ${compiled.problem}.`, ...spanOf(pattern) };
}

function spanOfName(node: Node, name: string, receiver: Node | null): Span {
  const start = Math.max(node.start, node.input.indexOf(name, receiver?.end ?? node.start));
  return { start, end: start + name.length };
}

/** An error of the library, which knows its place. */
function problemOf(error: unknown, expression: string): ExpressionProblem {
  const { code, summary, range, message } = error as {
    code?: string;
    summary?: string;
    range?: { start: number; end: number };
    message: string;
  };
  const start = Math.min(range?.start ?? 0, Math.max(0, expression.length - 1));
  const span = { start, end: Math.max(start + 1, range?.end ?? expression.length) };
  if (code === "invalid_index_type") {
    const fix = "Write int(…) around the index: a number of JSON need not be whole.";
    return { code: "type", message: "A list is indexed with a whole number.", fix, ...span };
  }
  const kind = KINDS[code ?? ""] ?? (SYNTAX.test(code ?? "") ? "syntax" : "type");
  return { code: kind, message: `${inPlainWords(summary ?? message)}.`, ...span };
}

const KINDS: Record<string, ExpressionProblem["code"]> = {
  limit_exceeded: "too-large",
  unknown_variable: "unknown-variable",
  no_such_key: "unknown-field",
};
const SYNTAX =
  /^(unexpected|expected|invalid_(number|hex|integer|exponent|unicode|octal|escape|macro)|unterminated|newline|reserved|octal|bytes|parse)/;
