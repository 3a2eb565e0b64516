import { SpecloopError } from "../foundation/errors.ts";
import type { CliContext } from "./context.ts";

interface Terminal extends NodeJS.ReadableStream {
  isTTY: true;
  setRawMode(raw: boolean): unknown;
}

const ENTER = /[\r\n]/;
const INTERRUPT = "\u0003";
const BACKSPACES = new Set(["\u007f", "\b"]);

/** Whether somebody can be asked: secrets are typed, never piped. */
export function isTerminal(stdin: NodeJS.ReadableStream): stdin is Terminal {
  return (stdin as Partial<Terminal>).isTTY === true && typeof (stdin as Partial<Terminal>).setRawMode === "function";
}

/** One line that is not shown while it is typed. Throws `bad_input` where there is no terminal, `cancelled` on Ctrl-C. */
export async function askHidden({ stdin, output, signal }: CliContext, prompt: string): Promise<string> {
  if (!isTerminal(stdin))
    throw new SpecloopError("bad_input", "A code is typed on a terminal, and there is none.", {
      fix: "Run the command in a terminal of your own.",
    });
  // Before anybody is asked: what is typed at once would be shown otherwise.
  stdin.setRawMode(true);
  try {
    output.prompt(prompt);
    return await readLine(stdin, signal);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    output.prompt("\n");
  }
}

function readLine(stdin: Terminal, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let typed = "";
  const take = (chunk: Buffer | string) => {
    for (const character of chunk.toString()) {
      if (ENTER.test(character)) return resolve(typed);
      if (character === INTERRUPT) return reject(new SpecloopError("cancelled", "Interrupted."));
      typed = BACKSPACES.has(character) ? typed.slice(0, -1) : typed + character;
    }
  };
  const stop = () => reject(new SpecloopError("cancelled", "Interrupted."));
  stdin.on("data", take);
  stdin.on("end", stop);
  signal.addEventListener("abort", stop, { once: true });
  stdin.resume();
  return promise.finally(() => {
    stdin.off("data", take);
    stdin.off("end", stop);
    signal.removeEventListener("abort", stop);
  });
}
