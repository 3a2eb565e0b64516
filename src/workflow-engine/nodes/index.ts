import type { Llm } from "../../adapters/llm/index.ts";
import type { NodeType } from "../node-type.ts";
import type { AgentDesk, DocumentDesk, Prices, QuestionDesk, ToolDesk } from "../ports.ts";
import { agent } from "./agent.ts";
import { approval } from "./approval.ts";
import { command, type CommandPlace } from "./command.ts";
import { condition } from "./condition.ts";
import { document } from "./document.ts";
import { http } from "./http.ts";
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
    http,
    document(nothing()),
  ];
}

/** What node types work with that the engine has not; `rooms.ts` fills it. */
export interface NodePorts {
  llm: Llm;
  prices: Prices;
  agents: AgentDesk;
  tools: ToolDesk;
  questions: QuestionDesk;
  documents: DocumentDesk;
  commands: CommandPlace;
  now: () => number;
}

/** The types that reach out, beside those that are the engine's own. */
export function nodeTypes({ llm: models, prices, ...ports }: NodePorts): NodeType[] {
  return [
    transform,
    condition,
    llm({ llm: models, prices }),
    agent(ports.agents, ports.now),
    question(ports.questions, ports.now),
    tool(ports.tools),
    command(ports.commands),
    http,
    document(ports.documents),
  ] as NodeType[];
}

/** Stands for any port and refuses every use of it. */
function nothing(): never {
  const refuse = () => {
    throw new Error("This node type only describes; the engine's own are carried out.");
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `never` fits every port
  return new Proxy(refuse, { get: refuse }) as never;
}
