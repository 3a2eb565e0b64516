// npm run bench [-- NAME …]: every benchmark, or the named ones, one after the other. Figures go into docs/limits.md by hand,
// with the machine they were taken on; nothing asserts them.
const BENCHES: Record<string, () => Promise<{ run(): Promise<unknown> }>> = {
  daemon: () => import("./daemon.ts"),
  questions: () => import("./questions.ts"),
  retrieval: () => import("./retrieval.ts"),
  similar: () => import("./similar.ts"),
  "question-load": () => import("./question-load.ts"),
  documents: () => import("./documents.ts"),
  edits: () => import("./edits.ts"),
  changes: () => import("./changes.ts"),
  bases: () => import("./bases.ts"),
  grammar: () => import("./grammar.ts"),
  archive: () => import("./archive.ts"),
  loop: () => import("./loop.ts"),
  metrics: () => import("./metrics.ts"),
  access: () => import("./access.ts"),
  "tool-servers": () => import("./tool-servers.ts"),
  "workflow-definitions": () => import("./workflow-definitions.ts"),
  workflows: () => import("./workflows.ts"),
  "workflow-statistics": () => import("./workflow-statistics.ts"),
  "workflows-team": () => import("./workflows-team.ts"),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`No benchmark is called ${unknown.join(", ")}; there are ${Object.keys(BENCHES).join(", ")}.`);
  process.exitCode = 64;
} else {
  for (const [name, load] of Object.entries(BENCHES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.log(`\n## ${name}`);
    const result = await (await load()).run();
    if (hasRows(result)) console.table(result.rows);
  }
}

function hasRows(result: unknown): result is { rows: unknown[] } {
  return typeof result === "object" && result !== null && "rows" in result;
}
