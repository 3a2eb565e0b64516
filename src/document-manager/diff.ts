const CONTEXT = 3;
const MAX_CHARACTERS = 20_000;

/**
 * A unified diff of two texts as one hunk from the first to the last line that differs. Null stands for "no file". Cut
 * behind 20,000 characters, and says so.
 */
export function unifiedDiff(path: string, before: string | null, after: string | null): string {
  if (before === after) return "";
  const old = lines(before);
  const now = lines(after);
  let head = 0;
  while (head < Math.min(old.length, now.length) && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const from = Math.max(0, head - CONTEXT);
  const keep = Math.max(0, tail - CONTEXT);
  const hunk = [
    ...old.slice(from, head).map((line) => ` ${line}`),
    ...old.slice(head, old.length - tail).map((line) => `-${line}`),
    ...now.slice(head, now.length - tail).map((line) => `+${line}`),
    ...old.slice(old.length - tail, old.length - keep).map((line) => ` ${line}`),
  ];
  const title = [
    `--- ${before === null ? "/dev/null" : `a/${path}`}`,
    `+++ ${after === null ? "/dev/null" : `b/${path}`}`,
  ];
  const range = `@@ -${span(from, old.length - keep)} +${span(from, now.length - keep)} @@`;
  return cut([...title, range, ...hunk.map(withMark)].join("\n"));
}

/** Lines with their line ends, so that a change of line ends alone is seen. */
function lines(text: string | null): string[] {
  return text === null || text === "" ? [] : (text.match(/[^\n]*\n|[^\n]+$/g) ?? []);
}

function withMark(line: string): string {
  return line.endsWith("\n") ? line.slice(0, -1) : `${line}\n\\ No newline at end of file`;
}

function span(from: number, to: number): string {
  const count = to - from;
  return `${count === 0 ? from : from + 1},${count}`;
}

function cut(text: string): string {
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS)}\n… (diff cut)`;
}
