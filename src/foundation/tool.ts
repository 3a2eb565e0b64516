import type { z } from "zod";
import type { Principal } from "./principal.ts";

/** What a handler gets beside its input. */
export interface ToolContext {
  principal: Principal;
  /** Aborted when the caller goes away or the daemon stops. */
  signal: AbortSignal;
  /** Top of the worktree that the caller works in, as it said itself; the served one when absent. */
  worktree?: string;
  /** The door can show forms to the person at the caller: see `Tool.form`. */
  forms?: boolean;
  /** The form that the same call came back with before, as that client filled it in. */
  filled?: FilledForm;
}

/** One text that the person at a client is asked for (MCP elicitation). */
export interface ClientForm {
  /** Comes back with what was filled in; unguessable, and taken once. */
  id: string;
  message: string;
  /** Name, title and description of the only field. */
  field: string;
  title: string;
  description: string;
  /** Milliseconds for which a call may be held open for it. */
  waitMs: number;
}

/** A form as the client sent it back: data of that client, whoever filled it in. */
export interface FilledForm {
  id: string;
  action: "accept" | "decline" | "cancel";
  text?: string;
}

/** A call that is made in place of another one, by the same caller and with all of its own checks. */
export interface ForwardedCall {
  tool: string;
  input: unknown;
  /** Its output as the output of the tool that was called. */
  wrap: (output: Record<string, unknown>) => Record<string, unknown>;
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
  /** The tool that a call with this input stands for; null when it stands for itself. */
  forwards?: (input: unknown) => ForwardedCall | null;
  /** What the person at the caller is asked before this result is given; only where the context says `forms`. */
  form?(input: unknown, output: Record<string, unknown>, context: ToolContext): Promise<ClientForm | null>;
}

interface Handlers<Input extends z.ZodObject, Output extends z.ZodObject> {
  run(input: z.output<Input>, context: ToolContext): Promise<z.input<Output>>;
  render(output: z.output<Output>): string;
  forwards?(input: z.output<Input>): ForwardedCall | null;
  form?(input: z.output<Input>, output: z.output<Output>, context: ToolContext): Promise<ClientForm | null>;
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
      ...(handlers.forwards && {
        forwards: (input) => {
          const parsed = definition.input.safeParse(input);
          return (parsed.success ? handlers.forwards?.(parsed.data) : null) ?? null;
        },
      }),
      ...(handlers.form && {
        form: async (input, output, context) =>
          (await handlers.form?.(definition.input.parse(input), output as z.output<Output>, context)) ?? null,
      }),
    }),
  };
}
