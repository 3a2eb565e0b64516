export { Cel } from "./cel.ts";
export type {
  ExpressionLanguage,
  ExpressionProblem,
  Inspected,
  JsonSchema,
  Reference,
  Span,
  TypeTable,
} from "./port.ts";
