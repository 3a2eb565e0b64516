import { Environment } from "@marcbachmann/cel-js";

/** A text of more nodes is a program, which belongs in a command. */
const LIMITS = { maxAstNodes: 2000, maxDepth: 40, maxListElements: 500, maxMapEntries: 500, maxCallArguments: 16 };
export const MAX_EXPRESSION = 8192;

/** Numbers of JSON arrive as doubles and literals are ints, which CEL never mixes; here they are one kind. */
export function baseEnvironment(options: { anyVariable: boolean }): Environment {
  const environment = new Environment({
    homogeneousAggregateLiterals: false,
    unlistedVariablesAreDyn: options.anyVariable,
    limits: LIMITS,
  });
  for (const [operator, work] of Object.entries(ARITHMETIC)) {
    const handler = (a: number | bigint, b: number | bigint) => work(Number(a), Number(b));
    environment.registerOperator(`double ${operator} int: double`, handler);
    environment.registerOperator(`int ${operator} double: double`, handler);
    if (operator === "%") environment.registerOperator("double % double: double", handler);
  }
  // oxlint-disable-next-line eqeqeq -- 1n == 1 is what is asked for
  environment.registerOperator("double == int", (a: unknown, b: unknown) => a == b);
  return environment;
}

const ARITHMETIC: Record<string, (a: number, b: number) => number> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
};

/** Functions that depend on nothing but their arguments; the library has more, such as those of the local time zone. */
export const FUNCTIONS = ["size", "int", "double", "string", "bool", "dyn", "has", "timestamp", "duration"];
export const LOOPS = ["all", "exists", "exists_one", "map", "filter"];
export const METHODS = LOOPS.concat(
  (
    "size contains startsWith endsWith matches indexOf lastIndexOf substring split join trim lowerAscii upperAscii " +
    "getFullYear getMonth getDate getDayOfMonth getDayOfWeek getHours getMinutes getSeconds getMilliseconds"
  ).split(" "),
);
