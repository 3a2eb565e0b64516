import { createInterface, type Interface } from "node:readline";
import { SpecloopError } from "../foundation/errors.ts";
import type { CliContext } from "./context.ts";

/** One line of who sits at the terminal; null at the end of input. Throws `cancelled` on Ctrl-C. */
export async function askLine({ stdin, output, signal }: CliContext, prompt: string): Promise<string | null> {
  output.prompt(prompt);
  // Not a terminal to readline: editors and shells own it while nobody is asked.
  const lines = createInterface({ input: stdin, terminal: false });
  return firstLine(lines, signal).finally(() => {
    lines.close();
    stdin.pause();
  });
}

function firstLine(lines: Interface, signal: AbortSignal): Promise<string | null> {
  const { promise, resolve, reject } = Promise.withResolvers<string | null>();
  const stop = () => reject(new SpecloopError("cancelled", "Interrupted."));
  if (signal.aborted) stop();
  lines.once("line", resolve);
  lines.once("close", () => resolve(null));
  signal.addEventListener("abort", stop, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", stop));
}
