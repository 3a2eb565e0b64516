/**
 * Pairs of equal lines of two texts in order: a longest common subsequence by Myers' greedy algorithm ("An O(ND)
 * Difference Algorithm and Its Variations", 1986). White space at the end of a line makes no difference. Texts that
 * differ in more than `MAX_EDITS` lines share only their beginning and end.
 */
export function matchLines(before: string[], after: string[]): [number, number][] {
  const [a, b] = [before.map((line) => line.trimEnd()), after.map((line) => line.trimEnd())];
  let head = 0;
  while (head < Math.min(a.length, b.length) && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const middle = matchMiddle(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  return [
    ...Array.from({ length: head }, (_, at): [number, number] => [at, at]),
    ...middle.map(([x, y]): [number, number] => [x + head, y + head]),
    ...Array.from({ length: tail }, (_, at): [number, number] => [a.length - tail + at, b.length - tail + at]),
  ];
}

/** Blocks of a spec have some hundred lines; the trace of more edits than this would fill the memory. */
const MAX_EDITS = 1_000;

function matchMiddle(a: string[], b: string[]): [number, number][] {
  if (a.length === 0 || b.length === 0) return [];
  const trace = search(a, b);
  return trace ? backtrack(trace, a.length, b.length) : [];
}

/** The furthest reaching points per number of edits; index 0 of each row is the diagonal `-edits - 1`. */
function search(a: string[], b: string[]): Int32Array[] | null {
  const trace: Int32Array[] = [];
  const limit = Math.min(a.length + b.length, MAX_EDITS);
  const reach = new Int32Array(2 * limit + 3);
  const zero = limit + 1;
  for (let edits = 0; edits <= limit; edits += 1) {
    trace.push(reach.slice(zero - edits - 1, zero + edits + 2));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const at = zero + diagonal;
      const down = diagonal === -edits || (diagonal !== edits && reach[at - 1]! < reach[at + 1]!);
      let x = down ? reach[at + 1]! : reach[at - 1]! + 1;
      while (x < a.length && x - diagonal < b.length && a[x] === b[x - diagonal]) x += 1;
      reach[at] = x;
      if (x >= a.length && x - diagonal >= b.length) return trace;
    }
  }
  return null;
}

function backtrack(trace: Int32Array[], aLength: number, bLength: number): [number, number][] {
  const pairs: [number, number][] = [];
  let [x, y] = [aLength, bLength];
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const row = trace[edits]!;
    const diagonal = x - y;
    const at = diagonal + edits + 1;
    const down = diagonal === -edits || (diagonal !== edits && row[at - 1]! < row[at + 1]!);
    const from = down ? row[at + 1]! : row[at - 1]!;
    const [fromX, fromY] = [from, from - (diagonal + (down ? 1 : -1))];
    while (
      x > Math.max(fromX, 0) &&
      y > Math.max(fromY, 0) &&
      (x > fromX + (down ? 0 : 1) || y > fromY + (down ? 1 : 0))
    ) {
      x -= 1;
      y -= 1;
      pairs.push([x, y]);
    }
    [x, y] = [fromX, fromY];
  }
  return pairs.reverse();
}
