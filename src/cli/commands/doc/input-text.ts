import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { SpecloopError } from "../../../foundation/errors.ts";
import type { CliContext } from "../../context.ts";

/** `-` is stdin, `@FILE` a file, anything else the text itself. */
export async function inputText(context: CliContext, given: string): Promise<string> {
  if (given === "-") return text(context.stdin);
  if (!given.startsWith("@")) return given;
  return readFile(given.slice(1), "utf8").catch((cause: unknown) => {
    const fix = "Name a file that can be read after @, or give the text itself.";
    throw new SpecloopError("bad_input", `The file ${given.slice(1)} cannot be read.`, { fix, cause });
  });
}
