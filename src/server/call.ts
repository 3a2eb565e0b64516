import { z } from "zod";
import { type Gate, withhold } from "../access/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";
import type { Logger } from "../foundation/logger.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { ClientForm, FilledForm, Tool } from "../foundation/tool.ts";
import { namesLike } from "../foundation/near-names.ts";

export interface CallContext {
  principal: Principal;
  /** The registered agent whose token came along. */
  agent?: string;
  /** Aborted when the caller goes away. */
  signal: AbortSignal;
  /** The same key, tool and input again gives the first result instead of a second effect. */
  idempotencyKey?: string;
  /** Top of the worktree that the caller works in; the served one when absent. */
  worktree?: string;
  /** The caller can be shown a form: the result may come with one. */
  forms?: boolean;
  /** The form that this call came back with before, filled in; only the door of MCP hands one in. */
  filled?: FilledForm;
}

export interface CallResult {
  /** Fits the tool's output schema. */
  output: Record<string, unknown>;
  /** The same facts as concise markdown. */
  text: string;
  /** What the person at the caller is asked before this result is given. */
  form?: ClientForm;
}

/** Runs keyed work once and remembers its result; the daemon hands in `Idempotency` of `access`. */
export interface IdempotentCalls {
  run<T>(scope: string, key: string | undefined, inputHash: string, work: () => Promise<T>): Promise<T>;
}

/** Decides what a caller may do; the daemon hands in the `Gate` of `access`. */
export type CallGate = Pick<Gate, "admit" | "admitPaths" | "readable" | "tell">;

/** The one way a tool is called, whatever door the call came through. */
export interface Caller {
  readonly tools: readonly Tool[];
  /**
   * Finds, checks, runs and times a tool and emits `tool.called`. Throws SpecloopError only: `unknown_tool` with the names
   * that are near, `bad_input` with every field that is wrong, `forbidden`, `unauthorized` and `rate_limited` for what the
   * caller may not do, and what the tool throws.
   */
  call(name: string, input: unknown, context: CallContext): Promise<CallResult>;
}

interface CallerOptions {
  tools: readonly Tool[];
  events: Emitter;
  idempotency?: IdempotentCalls;
  /** Without one every agent may call everything that is not for people only. */
  gate?: CallGate;
  /** Resolves when what was decided so far is in the audit log: nothing is answered before. */
  recorded?(): Promise<void>;
  clock: Clock;
  logger: Logger;
}

/** Builds the caller over one table of tools; two tools of one name are a programming error and throw. */
export function createCaller(options: CallerOptions): Caller {
  const table = new Map(options.tools.map((tool) => [tool.name, { tool, schema: withoutUnknownFields(tool.input) }]));
  if (table.size !== options.tools.length) throw new SpecloopError("internal", "Two tools have the same name.");
  const call = async (name: string, input: unknown, context: CallContext): Promise<CallResult> => {
    const entry = table.get(name);
    const started = options.clock.monotonic();
    const report = (outcome: { ok: boolean; code?: string; changed?: boolean }) => {
      const ms = options.clock.monotonic() - started;
      options.events.emit("tool.called", { tool: name, ...outcome, ms, principal: context.principal });
    };
    try {
      options.gate?.admit(context, entry?.tool ?? null);
      if (!entry) throw unknownTool(name, context.principal, options.tools);
      const perform = () => run(entry, input ?? {}, context, options);
      const result = await (passedOn(entry.tool, input, context, call) ?? perform());
      const changed = entry.tool.changed?.(result.output);
      report({ ok: true, ...(changed === undefined ? {} : { changed }) });
      await options.recorded?.();
      return result;
    } catch (thrown) {
      const whole = asCallError(thrown, context.signal);
      options.gate?.tell(whole, context.principal, name.slice(0, 100));
      const error = readableError(whole, context, options);
      if (error.code === "internal") options.logger.error({ err: thrown, tool: name }, "a tool failed unexpectedly");
      if (entry) report({ ok: false, code: error.code });
      await options.recorded?.();
      throw error;
    }
  };
  return { tools: options.tools, call };
}

/** The call of the tool that was meant, as the same caller: whatever is checked for it is checked. Null when it is itself. */
function passedOn(
  { forwards }: Tool,
  given: unknown,
  context: CallContext,
  call: Caller["call"],
): Promise<CallResult> | null {
  const forwarded = forwards?.(given ?? {});
  if (!forwarded) return null;
  const { tool, input, wrap } = forwarded;
  return call(tool, input, context).then((result) => ({ ...result, output: wrap(result.output) }));
}

interface Entry {
  tool: Tool;
  schema: z.ZodObject;
}

async function run(
  entry: Entry,
  input: unknown,
  context: CallContext,
  { idempotency, gate }: CallerOptions,
): Promise<CallResult> {
  const { tool } = entry;
  const { principal, signal, idempotencyKey: key, worktree, forms, filled } = context;
  admit(entry, input, context, gate);
  signal.throwIfAborted();
  // The tool parses the input itself: handing it the parsed one would apply transforms twice.
  const given = {
    principal,
    signal,
    ...(worktree !== undefined && { worktree }),
    ...(forms && { forms }),
    ...(filled && { filled }),
  };
  const work = () => tool.run(input, given);
  const scope = `${tool.name}/${principalLabel(principal)}`;
  const whole = await (key !== undefined && idempotency
    ? idempotency.run(scope, key, inputHash(input, worktree), work)
    : work());
  const reads = gate?.readable(principal) ?? null;
  const output = reads ? withhold(whole, reads) : whole;
  const form = forms && !filled ? await tool.form?.(input, whole, given) : null;
  return { output, text: tool.render(output), ...(form && { form }) };
}

/** Throws `forbidden` for what only people may call, and `bad_input` for what the tool does not take. */
function admit({ tool, schema }: Entry, input: unknown, context: CallContext, gate: CallerOptions["gate"]): void {
  const { principal, idempotencyKey, worktree } = context;
  if (tool.personOnly && principal.kind !== "person") {
    throw new SpecloopError("forbidden", `Only a person may call ${tool.name}.`, { target: tool.name });
  }
  checkInput(tool.name, schema, input);
  gate?.admitPaths(context, tool, { input, ...(worktree !== undefined && { worktree }) });
  if (idempotencyKey !== undefined && tool.unrepeatable) {
    throw new SpecloopError("bad_input", `${tool.name} takes no idempotency key.`, { target: "idempotencyKey" });
  }
}

/** The same words mean another file in another worktree. */
function inputHash(input: unknown, worktree: string | undefined): string {
  return sha256(canonicalJson(worktree === undefined ? input : { worktree, input }));
}

/** A field that no schema knows is a typing error, and dropping it in silence would do something else than was asked. */
function withoutUnknownFields(schema: z.ZodObject): z.ZodObject {
  return schema.def.catchall === undefined ? schema.strict() : schema;
}

function checkInput(name: string, schema: z.ZodObject, input: unknown): void {
  const parsed = schema.safeParse(input);
  if (parsed.success) return;
  const fields = parsed.error.issues.map((issue) => ({
    field: issue.path.join("."),
    problem: problemOf(issue, schema),
  }));
  const sentence = fields.map(({ field, problem }) => (field === "" ? problem : `${field}: ${problem}`)).join("; ");
  const target = fields.find(({ field }) => field !== "")?.field ?? name;
  throw new SpecloopError("bad_input", `The input of ${name} is wrong: ${sentence}.`, { target, details: { fields } });
}

function problemOf(issue: z.core.$ZodIssue, schema: z.ZodObject): string {
  if (issue.code !== "unrecognized_keys" || issue.path.length > 0) return issue.message;
  const known = Object.keys(schema.shape);
  return `unknown field ${issue.keys.map((key) => `"${key}"`).join(", ")} (known: ${known.join(", ") || "none"})`;
}

function unknownTool(name: string, principal: Principal, tools: readonly Tool[]): SpecloopError {
  const names = tools.filter((tool) => principal.kind === "person" || !tool.personOnly).map((tool) => tool.name);
  const near = namesLike(name, names);
  const fix = near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `The tools are: ${names.join(", ")}.`;
  return new SpecloopError("unknown_tool", `No tool is called "${name.slice(0, 100)}".`, {
    target: name.slice(0, 100),
    fix,
  });
}

/** An error says what stands in the way, such as the answer that a question has: to this caller as far as it may read. */
function readableError(error: SpecloopError, { principal }: CallContext, { gate }: CallerOptions): SpecloopError {
  const reads = gate?.readable(principal) ?? null;
  if (!reads || !error.details) return error;
  const { code, message, target, fix, details, cause } = error;
  return new SpecloopError(code, message, {
    ...(target !== undefined && { target }),
    fix,
    details: withhold(details, reads),
    cause,
  });
}

/** What was thrown because the caller went away is `cancelled`, whatever the tool made of it. */
function asCallError(thrown: unknown, signal: AbortSignal): SpecloopError {
  if (thrown instanceof SpecloopError) return thrown;
  if (signal.aborted)
    return new SpecloopError("cancelled", "The caller went away before the call was done.", { cause: thrown });
  if (thrown instanceof z.ZodError) {
    return new SpecloopError("internal", `The tool's result does not fit its schema: ${z.prettifyError(thrown)}`, {
      cause: thrown,
    });
  }
  return toSpecloopError(thrown);
}
