import { basename, resolve } from "node:path";

/**
 * How this very program is started again: `specloop` when it was installed as a command, else this Node with the file
 * that runs now, so that a client's configuration works from a clone as well.
 */
export function ownCommand(): string[] {
  const file = resolve(process.argv[1] ?? "specloop");
  return basename(file) === "specloop" ? ["specloop"] : [process.execPath, file];
}
