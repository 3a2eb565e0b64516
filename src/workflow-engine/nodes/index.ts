import type { NodeType } from "../node-type.ts";
import { agent } from "./agent.ts";
import { approval } from "./approval.ts";
import { command } from "./command.ts";
import { condition } from "./condition.ts";
import { document } from "./document.ts";
import { llm } from "./llm.ts";
import { map } from "./map.ts";
import { question } from "./question.ts";
import { tool } from "./tool.ts";
import { transform } from "./transform.ts";
import { wait } from "./wait.ts";
import { workflow } from "./workflow.ts";

/**
 * The node types as definitions are checked with them, the same with and without a daemon: fields, outputs, rules. They
 * have nothing to work with, so none of them can be carried out.
 */
export function describedNodeTypes(): NodeType[] {
  return [
    transform,
    condition,
    map,
    wait(nothing()),
    approval(nothing()),
    workflow(nothing()),
    llm(nothing()),
    agent(nothing(), nothing()),
    question(nothing(), nothing()),
    tool(nothing()),
    command(nothing()),
    document(nothing()),
  ];
}

/** Stands for any port and refuses every use of it. */
function nothing(): never {
  const refuse = () => {
    throw new Error("This node type only describes; the engine's own are carried out.");
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `never` fits every port
  return new Proxy(refuse, { get: refuse }) as never;
}
