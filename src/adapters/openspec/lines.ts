/** The lines of a document as OpenSpec reads it: no BOM, every line end counts, fenced code is masked. */
export interface Lines {
  /** Without line ends; index 0 is line 1. */
  text: string[];
  /** Whether the line belongs to a fenced code block, its fences included. */
  fenced: boolean[];
}

/** Splits once and masks fences in one pass: a fence is three or more backticks or tildes, indented or not. */
export function splitLines(content: string): Lines {
  const text = withoutBom(content).split(/\r\n|\r|\n/);
  const fenced: boolean[] = [];
  let open: Fence | null = null;
  for (const line of text) {
    const fence = fenceOf(line);
    fenced.push(open !== null || fence !== null);
    if (open === null) open = fence;
    else if (fence && fence.bare && fence.mark === open.mark && fence.length >= open.length) open = null;
  }
  return { text, fenced };
}

export function withoutBom(content: string): string {
  return content.startsWith("\uFEFF") ? content.slice(1) : content;
}

interface Fence {
  mark: string;
  length: number;
  /** Nothing but white space follows: only such a line closes a block. */
  bare: boolean;
}

function fenceOf(line: string): Fence | null {
  const trimmed = line.trimStart();
  const mark = trimmed[0];
  if (mark !== "`" && mark !== "~") return null;
  let length = 1;
  while (trimmed[length] === mark) length += 1;
  return length < 3 ? null : { mark, length, bare: trimmed.slice(length).trim() === "" };
}
