import { checkPath } from "./arguments.ts";
import type { GitRunner } from "./run.ts";

export interface BlameRequest {
  path: string;
  /** 1-based, inclusive. */
  startLine: number;
  endLine: number;
}

/** One line of the working tree and the commit that it came with. */
export interface BlamedLine {
  line: number;
  text: string;
  /** Null for a line that is not committed yet. */
  commit: string | null;
  /** The line's number in that commit. */
  originalLine: number;
}

const HEADER = /^([0-9a-f]{40,64}) (\d+) (\d+)/;
const NOT_COMMITTED = /^0+$/;

/** See Git.blame: git-blame(1) in its porcelain form, of the file as it is in the working tree. */
export async function readBlame(run: GitRunner, { path, startLine, endLine }: BlameRequest): Promise<BlamedLine[]> {
  const range = `${Math.max(1, Math.trunc(startLine))},${Math.max(1, Math.trunc(endLine))}`;
  const args = [
    "-c",
    "blame.ignoreRevsFile=",
    "blame",
    "--no-textconv",
    "--line-porcelain",
    "-L",
    range,
    "--",
    checkPath(path),
  ];
  const blamed: BlamedLine[] = [];
  let current: Omit<BlamedLine, "text"> | null = null;
  for (const line of (await run.read(args)).split("\n")) {
    const header = HEADER.exec(line);
    if (line.startsWith("\t") && current) {
      blamed.push({ ...current, text: line.slice(1).replace(/\r$/, "") });
      current = null;
    } else if (header && !current) {
      const [, commit = "", original, final] = header;
      current = {
        line: Number(final),
        originalLine: Number(original),
        commit: NOT_COMMITTED.test(commit) ? null : commit,
      };
    }
  }
  return blamed;
}
