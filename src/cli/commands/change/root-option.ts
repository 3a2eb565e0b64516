import type { Command } from "commander";

/** For words that take an id which several planning folders may have. */
export function withRoot(command: Command): Command {
  return command.option("--root <path>", "planning folder, where several have the id");
}
