import type { Meter } from "./meter.ts";
import { compilePattern } from "./pattern.ts";
import { asCall, children, type Node } from "./syntax.ts";

const COMPARING = new Set(["==", "!=", "in"]);

/**
 * Makes a checked expression pay for what it does, and matches patterns in linear time: the library itself counts
 * nothing, and its `matches` is JavaScript's, which can run for hours.
 */
export function instrument(root: Node, meter: Meter): void {
  const seen = new Set<Node>();
  const visit = (node: Node) => {
    if (seen.has(node)) return;
    seen.add(node);
    payForEvaluation(node, meter);
    payForOperands(node, meter);
    children(node).forEach(visit);
  };
  visit(root);
}

function payForEvaluation(node: Node, meter: Meter): void {
  if (node.meta.alternate !== undefined || node.meta.macro !== undefined) return;
  const { evaluate } = node.meta;
  node.setMeta("evaluate", (evaluator, self, context) => {
    meter.charge(1);
    return evaluate(evaluator, self, context);
  });
}

function payForOperands(node: Node, meter: Meter): void {
  const call = asCall(node);
  const handle = call?.name === "matches" ? matchLinearly(meter) : node.handle;
  if (typeof handle !== "function") return;
  if (call) {
    node.handle = (...operands) => {
      payForArguments(call.name, operands.find(Array.isArray) ?? [], meter);
      const result = handle(...operands);
      meter.chargeFor(result);
      return result;
    };
  } else if (COMPARING.has(node.op)) {
    node.handle = (left, right, ...rest) => {
      meter.chargeForAll(left);
      meter.chargeForAll(right);
      return handle(left, right, ...rest);
    };
  } else if (node.op === "+" || node.op === "comprehension") {
    node.handle = (left, right, ...rest) => {
      meter.chargeFor(left);
      if (node.op === "+") meter.chargeFor(right);
      return handle(left, right, ...rest);
    };
  }
}

const SEARCHING = new Set(["contains", "indexOf", "lastIndexOf", "split", "startsWith", "endsWith"]);
/** The library reads these with a pattern that takes the square of the length. */
const SHORT = new Set(["duration", "timestamp"]);
const MAX_SHORT = 64;

function payForArguments(name: string, given: unknown[], meter: Meter): void {
  for (const value of given) meter.chargeFor(value);
  const [text, needle] = given;
  if (SEARCHING.has(name) && typeof text === "string" && typeof needle === "string") {
    meter.charge(Math.ceil((text.length * needle.length) / 1024));
  }
  if (SHORT.has(name) && typeof text === "string" && text.length > MAX_SHORT) {
    throw new Error(`${name}() was given a text of ${text.length} characters`);
  }
}

function matchLinearly(meter: Meter): NonNullable<Node["handle"]> {
  return (operands) => {
    const [text, pattern] = Array.isArray(operands) ? (operands as unknown[]) : [];
    if (typeof text !== "string" || typeof pattern !== "string") {
      throw new Error("matches() takes a text and a pattern");
    }
    const compiled = compilePattern(pattern);
    if ("problem" in compiled)
      throw new Error(`the pattern "${pattern.slice(0, 200)}" cannot be used: ${compiled.problem}`);
    meter.charge(compiled.cost(text));
    return compiled.test(text);
  };
}
