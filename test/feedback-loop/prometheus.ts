/** One family of Prometheus' text format. Label sets are as written. */
export interface Family {
  type: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;

/**
 * Reads text format 0.0.4 by the rules of its specification and throws at the first breach: a line that does not parse, HELP or
 * TYPE twice or after samples, families that are torn apart, a label set twice, histograms that do not add up, counters
 * that are negative, no line feed at the end.
 */
export function readPrometheus(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line has no line feed");
  const families = new Map<string, Family>();
  let current: { name: string; family: Family } | null = null;
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment?.[1] === "HELP") {
      const name = comment[2]!;
      if (!NAME.test(name) || families.has(name)) throw new Error(`wrong or repeated: ${line}`);
      if (/\\(?![\\n])/.test(comment[3]!)) throw new Error(`not escaped: ${line}`);
      current = { name, family: { type: "untyped", samples: [] } };
      families.set(name, current.family);
    } else if (comment) {
      if (current?.name !== comment[2] || current!.family.samples.length > 0) throw new Error(`misplaced: ${line}`);
      if (!["counter", "gauge", "histogram", "summary", "untyped"].includes(comment[3]!)) throw new Error(line);
      current!.family.type = comment[3]!;
    } else if (current) current.family.samples.push(readSample(line, current));
    else fail(line);
  }
  for (const [name, family] of families) check(name, family);
  return families;
}

function readSample(line: string, { name: family, family: { type } }: { name: string; family: Family }) {
  const [, name, inner, value] = SAMPLE.exec(line) ?? fail(line);
  const suffix = name!.slice(family.length);
  const allowed = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  if (!name!.startsWith(family) || !allowed.includes(suffix)) fail(line);
  const number = Number(value);
  if (!Number.isFinite(number)) fail(line);
  return { name: name!, labels: readLabels(inner ?? "", line), value: number };
}

function readLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== "";) {
    const [whole, name, value] = LABEL.exec(rest) ?? fail(line);
    if (labels[name!] !== undefined) fail(line);
    labels[name!] = value!.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
    rest = rest.slice(whole!.length);
  }
  return labels;
}

function check(name: string, { type, samples }: Family): void {
  const sets = samples.map((sample) => JSON.stringify([sample.name, Object.entries(sample.labels).toSorted()]));
  if (samples.length === 0 || new Set(sets).size !== sets.length) throw new Error(`${name}: empty, or a set twice`);
  if (type !== "gauge" && samples.some(({ value }) => value < 0)) throw new Error(`${name}: negative`);
  if (type === "histogram") checkHistogram(name, samples);
}

function checkHistogram(name: string, samples: Family["samples"]): void {
  const bySet = Map.groupBy(samples, ({ labels }) =>
    JSON.stringify(Object.entries(labels).filter(([label]) => label !== "le")),
  );
  for (const [set, some] of bySet) {
    const buckets = some.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => (labels["le"] === "+Inf" ? Infinity : Number(labels["le"])));
    const counts = buckets.map(({ value }) => value);
    const rises = (values: number[]) => values.every((value, index) => index === 0 || value >= values[index - 1]!);
    const total = some.find((sample) => sample.name === `${name}_count`)?.value;
    const sum = some.filter((sample) => sample.name === `${name}_sum`);
    if (!rises(bounds) || !rises(counts) || bounds.at(-1) !== Infinity || sum.length !== 1 || counts.at(-1) !== total)
      throw new Error(`${name}${set} does not add up`);
  }
}

function fail(line: string): never {
  throw new Error(`not in the format: ${line}`);
}
