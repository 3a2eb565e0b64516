import type { z } from "zod";
import type { Principal } from "./principal.ts";

/** What a handler gets beside its input. */
export interface ToolContext {
  principal: Principal;
  /** Aborted when the caller goes away or the daemon stops. */
  signal: AbortSignal;
  /** Top of the worktree that the caller works in, as it said itself; the served one when absent. */
  worktree?: string;
}

/**
 * What a tool does to the world, the source of MCP's annotations: `read` changes nothing; `add` only adds; `write` may
 * replace what was there; `world` may reach beyond the repository.
 */
export type Effect = "read" | "add" | "write" | "world";

export interface ToolDefinition<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  /** `noun_verb`, at most 40 characters of `[a-z0-9_]`. */
  name: string;
  title: string;
  /** What it does and when to use it, for an agent: at most 600 characters. */
  description: string;
  input: Input;
  output: Output;
  effect: Effect;
  /** The same call twice has the effect of one. */
  idempotent?: boolean;
  /** `default` tools are what every MCP client sees (at most 12); `full` ones need `--toolset full`, the CLI or REST. */
  toolset: "default" | "full";
  /** Tools that only a person may call are never listed to agents, and refused with `forbidden`. */
  personOnly?: boolean;
  /** What it decides is told by audited events of its own, so the entry of the call itself may follow the answer. */
  tellsItself?: boolean;
  /** Whether a call with this result changed anything; one that did not is audited like a read. Absent: every call did. */
  changed?(output: z.output<Output>): boolean;
  /** Its result holds a secret that is shown once: it is not kept for an idempotency key. */
  unrepeatable?: boolean;
}

export interface Tool extends ToolDefinition {
  /** Takes unparsed input (the door parses it with `input` first) and returns what fits `output`. */
  run(input: unknown, context: ToolContext): Promise<Record<string, unknown>>;
  /** The result as concise markdown: what a model or a person reads. */
  render(output: Record<string, unknown>): string;
}

interface Handlers<Input extends z.ZodObject, Output extends z.ZodObject> {
  run(input: z.output<Input>, context: ToolContext): Promise<z.input<Output>>;
  render(output: z.output<Output>): string;
}

/**
 * Defines a tool in two steps, so that literal types of the output schema are inferred:
 * `defineTool({name, input, output, …}).handle({run, render})`.
 */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  definition: ToolDefinition<Input, Output>,
): { handle(handlers: Handlers<Input, Output>): Tool } {
  return {
    handle: (handlers) => ({
      ...definition,
      run: async (input, context) =>
        definition.output.parse(await handlers.run(definition.input.parse(input), context)),
      render: (output) => handlers.render(output as z.output<Output>),
    }),
  };
}
