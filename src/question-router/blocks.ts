/** A piece of a passage that is given whole or not at all. */
export interface Block {
  text: string;
  /** Lines from the beginning of the passage's text. */
  line: number;
  lines: number;
  /** The header of the table that this row stands in: a row is not understood without it. */
  header?: string;
}

const FENCE = /^\s*(```+|~~~+)/;
const BEGINS = /^\s*(?:[-*+]|\d+[.)])\s|^#{1,6}\s/;
const SCENARIO = /^#{1,6}\s+Scenario:/i;
const TABLE = /^\s*\|.*\|\s*$/;
const RULE = /^\s*\|[\s:|-]+\|\s*$/;

/** Paragraphs, list items, rows of tables, scenarios and fenced code of a text, none larger than `most` where it can be cut. */
export function blocksOf(text: string, most: number): Block[] {
  return joinScenarios(paragraphs(text)).flatMap((block) => {
    if (TABLE.test(block.text.split("\n")[0]!)) return rows(block);
    if (block.text.length <= most || SCENARIO.test(block.text)) return [block];
    return FENCE.test(block.text) ? [shortened(block, most)] : sentences(block, most);
  });
}

/** An item keeps its continuation lines, and code all of its lines. */
function paragraphs(text: string): Block[] {
  const blocks: Block[] = [];
  let fence: string | null = null;
  let open = false;
  for (const [line, content] of text.split("\n").entries()) {
    const marker = FENCE.exec(content)?.[1] ?? null;
    const begins = fence === null && (!open || BEGINS.test(content));
    if (content.trim() === "" && fence === null) open = false;
    else if (begins) {
      blocks.push({ text: content, line, lines: 1 });
      open = true;
    } else append(blocks, content);
    if (marker !== null) fence = fence === null ? marker : marker.startsWith(fence) ? null : fence;
  }
  return blocks;
}

function append(blocks: Block[], line: string): void {
  const block = blocks.at(-1);
  if (!block) return;
  block.text += `\n${line}`;
  block.lines += 1;
}

/** A scenario without one of its steps says something else. */
function joinScenarios(blocks: Block[]): Block[] {
  const joined: Block[] = [];
  for (const block of blocks) {
    const before = joined.at(-1);
    if (before && SCENARIO.test(before.text) && /^\s*[-*+]\s/.test(block.text)) {
      const gap = block.line - before.line - before.lines;
      before.text += "\n".repeat(gap + 1) + block.text;
      before.lines += gap + block.lines;
    } else joined.push({ ...block });
  }
  return joined;
}

function rows(table: Block): Block[] {
  const { text, line } = table;
  const lines = text.split("\n");
  if (lines.length <= 2) return [table];
  const [first, rule] = lines;
  if (rule === undefined || !RULE.test(rule)) return lines.map((row, at) => ({ text: row, line: line + at, lines: 1 }));
  const header = `${first}\n${rule}`;
  return lines.slice(2).map((row, at) => ({ text: row, line: line + 2 + at, lines: 1, header }));
}

/** Code that is too long ends early, and still ends as code. */
function shortened({ text, line, lines }: Block, most: number): Block {
  const all = text.split("\n");
  const kept: string[] = [];
  let size = 0;
  for (const next of all.slice(0, -1)) {
    if (size + next.length > most) break;
    kept.push(next);
    size += next.length + 1;
  }
  const fence = FENCE.exec(text)?.[1] ?? "```";
  return { text: [...kept, "…", fence].join("\n"), line, lines };
}

/** A paragraph that would fill the answer alone is taken by sentences. */
function sentences(block: Block, most: number): Block[] {
  let seen = 0;
  return [...new Intl.Segmenter("en", { granularity: "sentence" }).segment(block.text)].map(({ segment }) => {
    const breaks = segment.split("\n").length - 1;
    const text = segment.trimEnd();
    const sentence = {
      text: text.slice(0, most),
      line: block.line + seen,
      lines: Math.max(1, text.split("\n").length),
    };
    seen += breaks;
    return sentence;
  });
}
