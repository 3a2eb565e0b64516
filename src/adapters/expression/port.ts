/** A place in the text of an expression: offsets in UTF-16 units, the end exclusive. */
export interface Span {
  start: number;
  end: number;
}

/** What can be wrong with an expression before it has values. */
export type ExpressionCode =
  | "syntax"
  | "too-large"
  | "unknown-variable"
  | "unknown-field"
  | "unknown-function"
  | "type"
  | "dynamic-node"
  | "regex";

export interface ExpressionProblem extends Span {
  code: ExpressionCode;
  message: string;
  /** The word that is not known, and those that are, for a suggestion. */
  word?: string;
  known?: string[];
  fix?: string;
}

/** A variable that an expression reads, as far as its fields are named: `nodes.a.output[0].x` reads `a`, `output`. */
export interface Reference extends Span {
  root: string;
  path: string[];
}

export type JsonSchema = Record<string, unknown>;

/** What is known of an expression without values. */
export interface Inspected {
  problems: ExpressionProblem[];
  references: Reference[];
  /** CEL's name of the result's type; `dyn` where it is not known. */
  type: string;
}

/** Types of the variables that expressions may read. */
export interface TypeTable {
  /** Parses and checks; finds the first mistake of the text. Never throws. */
  inspect(expression: string): Inspected;
  /** The table with more variables, such as the item of a map. */
  with(variables: Record<string, JsonSchema>): TypeTable;
}

/**
 * The expression language: pure, no loops but over data, no clock, no randomness, no access beyond the variables.
 * Evaluating costs bounded work whatever the expression and the data are.
 */
export interface ExpressionLanguage {
  types(variables: Record<string, JsonSchema>): TypeTable;
  /** The value as plain JSON. Throws `expression_failed` with the place in `details.start` and `details.end`. */
  evaluate(expression: string, variables: Record<string, unknown>): unknown;
}
