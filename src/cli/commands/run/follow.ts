import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { SpecloopError } from "../../../foundation/errors.ts";
import type { ControlClient } from "../../../server/control-client.ts";
import { askLine } from "../../ask-line.ts";
import { callTool, connect, type CliContext } from "../../context.ts";
import { isTerminal } from "../../terminal.ts";
import { type Run, type RunNode, runShape, runView } from "../../views/run.ts";
import { eventLine, eventsShape, liveLines } from "../../views/run-live.ts";
import { forPeople, typed } from "../../wording.ts";

/** How often a terminal is drawn anew. */
const DRAW_MS = 120;
/** The longest that one call waits; then it is asked again. */
const LOOK_MS = 500;
/** How long a second Ctrl-C is waited for. */
const SECOND_MS = 3000;
/** How long a cancelled run may take to end while somebody watches. */
const CANCEL_MS = 15_000;

const MOVING = new Set(["running", "cancelling", "undoing"]);

/**
 * Follows a run until it ends or needs somebody, shows it, and gives the exit code: 0 for what went well, 1 for what
 * failed or was cancelled, 75 for what waits, 130 where the person left.
 */
export async function finish(context: CliContext, begun: Run): Promise<number> {
  const state = await tell(context, begun);
  if (state === null) return 130;
  if (state === "succeeded" || state === "undone") return 0;
  return state === "failed" || state === "cancelled" ? 1 : 75;
}

/** The same after something was said to a run: 0 when that was done, unless the run failed. */
export async function finishSaying(context: CliContext, told: Run): Promise<number> {
  const state = await tell(context, told);
  if (state === null) return 130;
  return state === "failed" ? 1 : 0;
}

/** Follows a run and shows it; the state that it came to, null when the person left. */
async function tell(context: CliContext, begun: Run): Promise<string | null> {
  const run = await follow(context, begun);
  if (run) context.output.result(run, () => runView(run, context.output, context));
  return run?.state ?? null;
}

/** The run when it does not go on by itself; null when the person left it to itself. */
async function follow(context: CliContext, begun: Run): Promise<Run | null> {
  const { output, stdin } = context;
  await using client = await connect(context);
  const watch = output.live() ? new OnTerminal(context) : new AsLines(context, client);
  const mayAsk = output.live() !== null && isTerminal(stdin) && !context.env["SPECLOOP_AGENT_TOKEN"];
  const put = new Set<string>();
  let run = begun;
  try {
    for (;;) {
      await watch.show(run);
      const gate = mayAsk ? asked(run).find(({ key }) => !put.has(key)) : undefined;
      if (gate) {
        put.add(gate.key);
        watch.clear();
        run = await answer(context, client, { run, gate });
      } else if (!goesOn(run)) break;
      else run = runShape.parse((await look(context, client, run)).output);
    }
  } catch (error) {
    watch.clear();
    if (!context.signal.aborted) throw error;
    return leave(context, begun.id);
  }
  watch.clear();
  return run;
}

/** Whether it goes on without anybody: something is under way, or a time or another run is waited for. */
function goesOn({ state, nodes }: Run): boolean {
  if (MOVING.has(state)) return true;
  const waiting = nodes.filter(({ status }) => status === "waiting");
  const byItself = ({ type, dueAt }: RunNode) => type === "workflow" || (type === "wait" && dueAt !== null);
  return state === "waiting" && waiting.length > 0 && waiting.every(byItself);
}

/** The next look at a run; rejects as soon as the person interrupts. */
async function look({ signal }: CliContext, client: ControlClient, { id, state }: Run) {
  signal.throwIfAborted();
  // A call waits only for what is under way.
  if (state === "waiting") await sleep(LOOK_MS, undefined, { signal });
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(new SpecloopError("cancelled", "Interrupted."));
  signal.addEventListener("abort", stop, { once: true });
  const answer = client.call("run_get", { run: id, waitMs: LOOK_MS });
  // Closing the connection ends the call that nobody waits for any more.
  answer.catch(() => {});
  return Promise.race([answer, promise]).finally(() => signal.removeEventListener("abort", stop));
}

function asked({ nodes }: Run): RunNode[] {
  return nodes.filter(({ status, signal }) => status === "waiting" && signal?.startsWith("approve:"));
}

const shown = z.object({ prompt: z.string().default(""), show: z.record(z.string(), z.unknown()).default({}) });

/** Asks the person at the terminal for what an approval node asks. No answer leaves it waiting. */
async function answer(
  context: CliContext,
  client: ControlClient,
  { run, gate }: { run: Run; gate: RunNode },
): Promise<Run> {
  const { output } = context;
  const { prompt, show } = shown.catch({ prompt: "", show: {} }).parse(gate.shown);
  output.note(`\n${output.style("bold", gate.key)}  ${prompt}`);
  for (const [name, value] of Object.entries(show)) {
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    output.note(`${output.style("dim", `${name}:`)} ${text.replaceAll("\n", "\n  ")}`);
  }
  const said = (await askLine(context, "[y]es  [n]o  [l]ater > "))?.trim().toLowerCase() ?? "";
  const again = () => client.call("run_get", { run: run.id }).then((found) => runShape.parse(found.output));
  if (!/^[yn]/.test(said)) return again();
  const approved = said.startsWith("y");
  const comment = approved ? "" : ((await askLine(context, "why not (may be empty) > ")) ?? "").trim();
  try {
    await client.call("run_approve", { run: run.id, node: gate.key, approved, comment });
  } catch (error) {
    if (!(error instanceof SpecloopError)) throw error;
    output.problem(`${error.message}\n  ${forPeople(error.fix, context)}`);
  }
  return again();
}

/** Leaves the run to itself; an interrupt soon after that cancels it. */
async function leave(context: CliContext, id: string): Promise<Run | null> {
  const { output, again } = context;
  const back = typed(`specloop run watch ${id}`, context);
  output.problem(`\nThe run goes on. \`${back}\` comes back to it; Ctrl-C once more cancels it.`);
  await sleep(SECOND_MS, undefined, again && { signal: again }).catch(() => {});
  if (!again?.aborted) return null;
  output.problem("Cancelling …");
  await callTool(context, "run_cancel", { run: id });
  const { output: ended } = await callTool(context, "run_get", { run: id, waitMs: CANCEL_MS });
  return runShape.parse(ended);
}

interface Watch {
  show(run: Run): Promise<void>;
  clear(): void;
}

/** Draws the run in its place, with a clock that goes on between looks. */
class OnTerminal implements Watch {
  readonly #output: CliContext["output"];
  #draw: ((lines: string[]) => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #run: Run | null = null;

  constructor({ output }: CliContext) {
    this.#output = output;
  }

  async show(run: Run): Promise<void> {
    this.#run = run;
    this.#draw ??= this.#output.live();
    this.#timer ??= setInterval(() => this.#paint(), DRAW_MS);
    this.#paint();
  }

  clear(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#draw?.([]);
    this.#draw = null;
  }

  #paint(): void {
    if (this.#run) this.#draw?.(liveLines(this.#run, Date.now(), this.#output));
  }
}

/** Where no terminal is: one line for each thing that happens. */
class AsLines implements Watch {
  readonly #output: CliContext["output"];
  readonly #client: ControlClient;
  #seen = 0;

  constructor({ output }: CliContext, client: ControlClient) {
    this.#output = output;
    this.#client = client;
  }

  async show({ id }: Run): Promise<void> {
    for (;;) {
      const { output } = await this.#client.call("run_events", { run: id, after: this.#seen });
      const { events } = eventsShape.parse(output);
      for (const event of events) {
        const line = eventLine(event);
        if (line !== null) this.#output.note(line);
        this.#seen = event.seq;
      }
      if (events.length === 0) return;
    }
  }

  clear(): void {}
}
