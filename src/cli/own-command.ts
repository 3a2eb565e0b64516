import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/**
 * How this very program is started again by a client that knows nothing of this shell: `specloop` when it was installed as
 * a command for everywhere, else this Node with the file that runs now. `npx specloop` is such a case as well: its folder
 * is on the PATH of npm alone.
 */
export function ownCommand(): string[] {
  const file = resolve(process.argv[1] ?? "specloop");
  const isOnPath = basename(file) === "specloop" && !dirname(file).endsWith(join("node_modules", ".bin"));
  return isOnPath ? ["specloop"] : [process.execPath, realpath(file)];
}

function realpath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
