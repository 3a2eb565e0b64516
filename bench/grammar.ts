import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseDelta, parseSpec, parseTasks } from "../src/adapters/openspec/index.ts";
import { documentOf, roleInChange } from "../src/orchestrator/document.ts";

const projectRoot = resolve(import.meta.dirname, "..");
const dist = join(projectRoot, "node_modules/@fission-ai/openspec/dist");
const ROUNDS = 7;
/** Files per round, at least: few would be read by code that is not compiled yet. */
const READ = 1000;

interface Theirs {
  parseDeltaSpec(text: string): unknown;
  extractRequirementsSection(text: string): unknown;
  parseTaskLines(text: string): unknown;
}

/** One line of a result: what was measured and its figures. */
type Row = Record<string, string | number>;

/**
 * Reading each file of our own planning folder, and of a folder named by BENCH_PLANNING, beside OpenSpec's own parsers in
 * the same run, in turns. Microseconds of processor time per file, the median round: other work does not count.
 */
export async function run(): Promise<{ name: string; rows: Row[] }> {
  const folders = [join(projectRoot, "openspec"), process.env["BENCH_PLANNING"]].filter((path) => path !== undefined);
  const rows: Row[] = [];
  for (const folder of folders) rows.push(...(await measure(folder)));
  rows.push(...hostile());
  return { name: "grammar", rows };
}

async function measure(folder: string): Promise<Row[]> {
  const theirs = await loadTheirs();
  const read = (pattern: string) =>
    globSync(pattern, { cwd: folder }).map((file) => readFileSync(join(folder, file), "utf8"));
  const sets: [string, string[], (text: string) => unknown, (text: string) => unknown][] = [
    ["deltas", read("changes/**/specs/**/spec.md"), parseDelta, (text) => theirs.parseDeltaSpec(text)],
    ["main specs", read("specs/**/spec.md"), parseSpec, (text) => theirs.extractRequirementsSection(text)],
    ["tasks", read("changes/**/tasks.md"), parseTasks, (text) => theirs.parseTaskLines(text)],
  ];
  return sets
    .filter(([, texts]) => texts.length > 0)
    .map(([what, texts, ours, other]) => {
      const [mine, reference]: [number[], number[]] = [[], []];
      for (let round = 0; round < ROUNDS; round += 1) {
        mine.push(perFile(texts, ours));
        reference.push(perFile(texts, other));
      }
      const size = Math.round(texts.reduce((sum, text) => sum + text.length, 0) / texts.length);
      return {
        what: `${what} of ${folder}`,
        files: texts.length,
        characters: size,
        ours: median(mine),
        openspec: median(reference),
      };
    });
}

async function loadTheirs(): Promise<Theirs> {
  const load = async (path: string) => (await import(pathToFileURL(join(dist, path)).href)) as Theirs;
  return { ...(await load("core/parsers/requirement-blocks.js")), ...(await load("utils/task-progress.js")) };
}

/** A megabyte that was made to take long, everything that is read of it; milliseconds. */
function hostile(): Row[] {
  const fills = { "line ends": "\n", "a line end per two bytes": "a\n", tasks: "- [x] a\n", scenarios: "#### s\nb\n" };
  return Object.entries(fills).map(([what, fill]) => {
    const text = `## ADDED Requirements\n### Requirement: A\n${fill.repeat(2 ** 20 / fill.length)}`;
    const bytes = Buffer.from(text);
    const times = Array.from({ length: ROUNDS }, () => {
      const started = process.cpuUsage();
      for (const name of ["proposal.md", "specs/a/spec.md"])
        documentOf(`openspec/changes/x/${name}`, roleInChange(name), bytes);
      const { user, system } = process.cpuUsage(started);
      return (user + system) / 1000;
    });
    return {
      what: `1 MB of ${what}, as proposal and as delta`,
      files: 2,
      characters: text.length,
      "ms for both": median(times),
    };
  });
}

function perFile(texts: string[], parse: (text: string) => unknown): number {
  const started = process.cpuUsage();
  const turns = Math.ceil(READ / texts.length);
  for (let turn = 0; turn < turns; turn += 1) for (const text of texts) parse(text);
  const { user, system } = process.cpuUsage(started);
  return (user + system) / texts.length / turns;
}

function median(values: number[]): number {
  return Math.round((values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0) * 10) / 10;
}

if (import.meta.main) console.table((await run()).rows);
