import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import type { EventBus } from "../../foundation/events.ts";
import { QUICK_ACTIONS, type QuickAction } from "../../workflow-engine/index.ts";
import type { CallContext, Caller } from "../call.ts";
import type { DoorGate } from "../door-gate.ts";
import type { Exchange } from "../http-exchange.ts";
import { contextOf } from "./caller-of.ts";
import { RunStream } from "./run-stream.ts";

const ROOT = "/api/workflows";
const EXECUTIONS = `${ROOT}/executions`;

const execute = z.strictObject({
  workflow: z.string(),
  input: z.unknown().optional(),
  budget: z.unknown().optional(),
  onceKey: z.unknown().optional(),
  waitMs: z.unknown().optional(),
});
const rows = z.object({ workflows: z.array(z.looseObject({ origin: z.string() })) });
const run = z.looseObject({ id: z.string() });

/** One address: its method, its parts (`:` any part), and what answers. */
interface Route {
  method: "GET" | "POST";
  parts: string[];
  answer(exchange: Exchange, part: string): Promise<void>;
}

/**
 * `/api/workflows/…`: workflows, their runs and statistics as plain JSON, each over the tool that does the same, so that
 * rights, audit and idempotency are those of every call. With and without a slash at the end.
 */
export class WorkflowRoutes implements Disposable {
  readonly #caller: Caller;
  readonly #streams: RunStream;
  readonly #routes: Route[];

  constructor(caller: Caller, { events, gate }: { events: EventBus; gate?: Pick<DoorGate, "readable"> | undefined }) {
    this.#caller = caller;
    this.#streams = new RunStream({ caller, events, gate });
    this.#routes = this.#table();
  }

  /** Whether an address is one of these. */
  static has(path: string): boolean {
    return path === ROOT || path.startsWith(`${ROOT}/`);
  }

  async answer(exchange: Exchange): Promise<void> {
    const parts = exchange.url.pathname
      .slice(ROOT.length)
      .split("/")
      .filter((part) => part !== "");
    const fitting = this.#routes.filter((route) => fits(route.parts, parts));
    const fixed = fitting.filter((route) => !route.parts.includes(":"));
    // A word of ours is no workflow's name, whatever the method.
    const here = fixed.length > 0 ? fixed : fitting;
    const asked = exchange.method === "HEAD" ? "GET" : exchange.method;
    const route = here.find(({ method }) => method === asked);
    if (!route) throw nothing(exchange, here);
    const index = route.parts.findIndex((part) => part === ":");
    await route.answer(exchange, index < 0 ? "" : decoded(parts[index]!));
  }

  [Symbol.dispose](): void {
    this.#streams[Symbol.dispose]();
  }

  /** In this order: the fixed words come before names. */
  #table(): Route[] {
    const get = (path: string, answer: Route["answer"]): Route => ({ method: "GET", parts: path.split(" "), answer });
    const post = (path: string, answer: Route["answer"]): Route => ({ method: "POST", parts: path.split(" "), answer });
    return [
      { method: "GET", parts: [], answer: (exchange) => this.#show(exchange, "workflow_list", {}) },
      get("templates", (exchange) => this.#templates(exchange)),
      get("templates :", (exchange, name) => this.#template(exchange, name)),
      get("executions", (exchange) => this.#show(exchange, "run_list", pageOf(exchange))),
      get("executions :", (exchange, id) =>
        this.#show(exchange, "run_get", { run: id, ...numberIn(exchange, "waitMs") }),
      ),
      get("executions : events", async (exchange, id) => this.#streams.answer(exchange, id, contextOf(exchange))),
      get("stats overview", (exchange) => this.#stats(exchange, {})),
      get("stats :", (exchange, name) => this.#stats(exchange, { name })),
      post("execute", (exchange) => this.#execute(exchange)),
      post("quick :", (exchange, action) => this.#quick(exchange, action)),
      get(":", (exchange, name) => this.#show(exchange, "workflow_get", { name })),
    ];
  }

  async #show(exchange: Exchange, tool: string, input: object): Promise<void> {
    exchange.reply(200, await this.#call(tool, input, contextOf(exchange)));
  }

  async #call(tool: string, input: object, context: CallContext): Promise<Record<string, unknown>> {
    return (await this.#caller.call(tool, input, context)).output;
  }

  async #templates(exchange: Exchange): Promise<void> {
    const { workflows } = rows.parse(await this.#call("workflow_list", {}, contextOf(exchange)));
    exchange.reply(200, { templates: workflows.filter(({ origin }) => origin === "builtin") });
  }

  async #template(exchange: Exchange, name: string): Promise<void> {
    const found = await this.#call("workflow_get", { name }, contextOf(exchange));
    if (found["origin"] === "builtin") return exchange.reply(200, found);
    throw new SpecloopError("unknown_workflow", `"${name}" is no template but a workflow of this repository.`, {
      target: name,
      fix: `Get ${ROOT}/${encodeURIComponent(name)}.`,
    });
  }

  async #stats(exchange: Exchange, which: { name?: string }): Promise<void> {
    const found = await this.#call("workflow_stats", { ...which, ...numberIn(exchange, "days") }, contextOf(exchange));
    const { overview, workflow } = z.object({ overview: z.unknown(), workflow: z.unknown() }).parse(found);
    exchange.reply(200, which.name === undefined ? overview : workflow);
  }

  async #execute(exchange: Exchange): Promise<void> {
    const given = execute.safeParse((await exchange.json()) ?? {});
    if (!given.success) {
      throw new SpecloopError("bad_input", `The body is wrong: ${z.prettifyError(given.error).replaceAll("\n", " ")}`, {
        target: "body",
        fix: 'Send {"workflow": "NAME", "input": {…}}; budget, onceKey and waitMs may come with it.',
      });
    }
    const { workflow, ...rest } = given.data;
    await this.#begin(exchange, { name: workflow, ...rest });
  }

  /** The body is the input of the template that the action stands for. */
  async #quick(exchange: Exchange, action: string): Promise<void> {
    if (!isQuick(action)) {
      throw new SpecloopError("not_found", `There is no quick action "${action.slice(0, 100)}".`, {
        target: action.slice(0, 100),
        fix: `There are ${Object.keys(QUICK_ACTIONS).join(", ")}.`,
      });
    }
    const { workflow, input } = QUICK_ACTIONS[action];
    const given = input.safeParse((await exchange.json()) ?? {});
    if (given.success) return this.#begin(exchange, { name: workflow, input: given.data });
    throw new SpecloopError("bad_input", `The body is wrong: ${z.prettifyError(given.error).replaceAll("\n", " ")}`, {
      target: "body",
      fix: `It may have ${Object.keys(input.shape).join(", ")}; topic is needed.`,
    });
  }

  async #begin(exchange: Exchange, request: object): Promise<void> {
    const begun = run.parse(await this.#call("workflow_run", request, contextOf(exchange)));
    exchange.reply(202, begun, { location: `${EXECUTIONS}/${begun.id}` });
  }
}

function isQuick(action: string): action is QuickAction {
  return Object.hasOwn(QUICK_ACTIONS, action);
}

function fits(pattern: string[], parts: string[]): boolean {
  return pattern.length === parts.length && pattern.every((part, index) => part === ":" || part === parts[index]);
}

function nothing({ url, method }: Exchange, here: Route[]): SpecloopError {
  const path = url.pathname.slice(0, 200);
  const methods = [...new Set(here.map((route) => route.method))];
  if (methods.length > 0) {
    const message = `${method.slice(0, 20)} is not possible here.`;
    return new SpecloopError("not_found", message, { target: path, fix: `Use ${methods.join(" or ")}.` });
  }
  return new SpecloopError("not_found", `There is nothing at ${path}.`, {
    target: path,
    fix: `Below ${ROOT}/ there are {name}, execute, executions/{id}, executions/{id}/events, templates/{name}, quick/{action}, stats/overview and stats/{name}.`,
  });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new SpecloopError("bad_input", `"${part.slice(0, 100)}" is not percent-encoded as it should be.`);
  }
}

function pageOf(exchange: Exchange): object {
  const { searchParams } = exchange.url;
  const text = (name: string) => (searchParams.has(name) ? { [name]: searchParams.get(name) } : {});
  return { ...text("state"), ...text("workflow"), ...numberIn(exchange, "limit") };
}

/** A number of the query, left to the tool to judge. */
function numberIn({ url }: Exchange, name: string): object {
  const text = url.searchParams.get(name);
  return text === null ? {} : { [name]: text.trim() === "" ? text : Number(text) };
}
