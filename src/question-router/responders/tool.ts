import { neutralise } from "../../adapters/llm/index.ts";
import { Terms } from "../../adapters/search/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Live } from "../../foundation/options.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { QuestionOptions } from "../options.ts";
import type { AnsweringTool, ToolAnswers } from "../tool-answers.ts";
import { MAX_ANSWER } from "../types.ts";
import type { Query, Responder, Response } from "./responder.ts";

interface Dependencies {
  tools: ToolAnswers;
  options: Live<QuestionOptions>;
  clock: Clock;
}

/** Milliseconds that a tool is given at least. */
const LEAST_MS = 250;
/** Characters of a failure in a route. */
const MAX_REASON = 300;
/** The router itself asks: the person who approved the server approved that its tools answer questions. */
const ROUTER: Principal = { kind: "system", name: "question-router" };

/**
 * Asks the tools whose capabilities touch the question, one after the other. What a tool says is data: it is given as an
 * answer with its name and nothing in it is followed.
 */
export class ToolResponder implements Responder {
  readonly name = "tool";
  readonly #deps: Dependencies;
  readonly #terms = new Terms();

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Without a tool that answers it only says so, and the question need not be kept before. */
  get slow(): boolean {
    return this.#deps.tools.answering().length > 0;
  }

  async respond(query: Query, signal: AbortSignal): Promise<Response> {
    const { tools, options, clock } = this.#deps;
    const { enabled, timeoutMs, maxTools, confidence } = options.current.tools;
    // What somebody may do is said by documents and people, whatever a policy says.
    if (query.kind === "authority") return declined("tools do not say what somebody may do");
    if (!enabled) return declined("switched off by questions.tools.enabled");
    const chosen = this.#touching(query.text, tools.answering()).slice(0, maxTools);
    if (chosen.length === 0) return declined("no tool is named to answer such questions");
    const until = clock.monotonic() + timeoutMs;
    const failures: string[] = [];
    for (const tool of chosen) {
      const left = Math.ceil(until - clock.monotonic());
      // Too little to say anything of it: a tool is not counted as failing for the time that another one took.
      if (left < Math.min(LEAST_MS, timeoutMs)) break;
      try {
        const { text, cost } = await tools.ask(tool, query.text, { principal: ROUTER, signal, timeoutMs: left });
        const answer = neutralise(text).trim().slice(0, MAX_ANSWER);
        if (answer !== "")
          return {
            outcome: "answered",
            text: answer,
            citations: [],
            confidence,
            by: `tool:${tool.id}`,
            ...(cost && { cost }),
          };
        failures.push(`${tool.id} says nothing`);
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push(`${tool.id}: ${shortened(error instanceof Error ? error.message : String(error))}`);
      }
    }
    return declined(failures.join("; "));
  }

  /** By priority, then by how many of its words the question holds. */
  #touching(text: string, tools: AnsweringTool[]): AnsweringTool[] {
    const asked = new Set(this.#terms.ofQuestion(text).map(({ term }) => term));
    const touched = ({ capabilities }: AnsweringTool) =>
      capabilities.filter((words) => this.#terms.ofText(words).every((term) => asked.has(term))).length;
    return tools
      .map((tool) => ({ tool, words: touched(tool) }))
      .filter(({ words }) => words > 0)
      .sort((a, b) => a.tool.priority - b.tool.priority || b.words - a.words || (a.tool.id < b.tool.id ? -1 : 1))
      .map(({ tool }) => tool);
  }
}

/** Why it failed may be the server's own words, and a route is read by everybody. */
function shortened(message: string): string {
  const line = neutralise(message).replaceAll(/\s+/g, " ").trim();
  return line.length <= MAX_REASON ? line : `${line.slice(0, MAX_REASON - 1)}…`;
}

function declined(reason: string): Response {
  return { outcome: "declined", reason };
}
