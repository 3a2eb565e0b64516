import type { Environment } from "@marcbachmann/cel-js";
import { LRUCache } from "lru-cache";
import { SpecloopError } from "../../foundation/errors.ts";
import { baseEnvironment, MAX_EXPRESSION } from "./environment.ts";
import { inspect, problemsOfCalls } from "./inspect.ts";
import { instrument } from "./instrument.ts";
import { MAX_WORK, Meter } from "./meter.ts";
import type { ExpressionLanguage, JsonSchema, TypeTable } from "./port.ts";
import { inPlainWords, SchemaTypes } from "./schema-types.ts";
import { type Parsed, parseWith } from "./syntax.ts";
import { toJson } from "./values.ts";

const MAX_COMPILED = 2000;

interface Compiled {
  run: Parsed["run"];
  meter: Meter;
}

/** CEL (https://cel.dev) by cel-js, with work counted, patterns in linear time and numbers of one kind. */
export class Cel implements ExpressionLanguage {
  readonly #environment = baseEnvironment({ anyVariable: true });
  readonly #compiled = new LRUCache<string, Compiled>({ max: MAX_COMPILED });

  types(variables: Record<string, JsonSchema>): TypeTable {
    return new Types(baseEnvironment({ anyVariable: false }), variables);
  }

  evaluate(expression: string, variables: Record<string, unknown>): unknown {
    const { run, meter } = this.#compile(expression);
    meter.reset();
    try {
      const value = run(Object.assign(Object.create(null) as Record<string, unknown>, variables));
      if (meter.exhausted) throw new Error("exhausted");
      return toJson(value);
    } catch (error) {
      throw failed(expression, error, meter.exhausted);
    }
  }

  #compile(expression: string): Compiled {
    const known = this.#compiled.get(expression);
    if (known) return known;
    const meter = new Meter();
    try {
      if (expression.length > MAX_EXPRESSION) throw new Error(`it is longer than ${MAX_EXPRESSION} characters`);
      const parsed = parseWith(this.#environment, expression);
      const refused = problemsOfCalls(parsed.root)[0];
      if (refused) throw new Error(refused.message.replace(/\.$/, ""));
      const { valid, error } = parsed.check();
      if (!valid) throw error;
      instrument(parsed.root, meter);
      const compiled = { run: (context: Record<string, unknown>) => parsed.run(context), meter };
      this.#compiled.set(expression, compiled);
      return compiled;
    } catch (error) {
      throw failed(expression, error, false);
    }
  }
}

class Types implements TypeTable {
  readonly #environment: Environment;
  readonly #variables: Record<string, JsonSchema>;

  constructor(environment: Environment, variables: Record<string, JsonSchema>) {
    this.#environment = environment;
    this.#variables = variables;
    const types = new SchemaTypes(environment);
    for (const [name, schema] of Object.entries(variables)) environment.registerVariable(name, types.typeOf(schema));
  }

  inspect(expression: string) {
    return inspect(expression, this.#environment, this.#variables);
  }

  with(variables: Record<string, JsonSchema>): TypeTable {
    return new Types(baseEnvironment({ anyVariable: false }), { ...this.#variables, ...variables });
  }
}

/** The library's errors say the place; ours and JavaScript's own do not. */
function failed(expression: string, error: unknown, exhausted: boolean): SpecloopError {
  if (error instanceof SpecloopError) return error;
  const short = expression.length > 200 ? `${expression.slice(0, 200)}…` : expression;
  const { summary, range, message } = error as { summary?: string; range?: object; message: string };
  const why = exhausted ? `it takes more than ${MAX_WORK} steps with these values` : inPlainWords(summary ?? message);
  return new SpecloopError("expression_failed", `\`${short}\`: ${why}.`, {
    details: { expression: short, ...range },
    ...(exhausted ? { fix: "Give it smaller values, or fewer loops inside each other." } : {}),
    cause: error,
  });
}
