import type { Kysely } from "kysely";
import { setYamlKey } from "../../adapters/yaml/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { canonicalJson } from "../../foundation/hash.ts";
import { CHANGES, EXPERIMENT_FILE, type Experiment } from "../experiment.ts";
import { beforeAndAfter } from "../figures.ts";
import { LOOP_PRINCIPAL } from "../identity.ts";
import { metricNamed } from "../metrics/index.ts";
import { CONFIG_FILE, configWith, pathsOf, readIfThere, settingIn, type PlannedFile } from "../plan.ts";
import { renderVerdict } from "../report.ts";
import type { ExperimentRow, SampleTables } from "../tables.ts";
import type { Verdict } from "../verdict.ts";
import type { Documents } from "../ports.ts";
import { originOf, ownCommits, type ImplementDependencies } from "./implement.ts";

export interface SettleDependencies extends ImplementDependencies {
  samples: Kysely<SampleTables>;
}

/**
 * Does what a verdict asks for: undo where it says reverted, then the verdict into the change, then the news. The
 * verdict is durable already; every part looks whether it was done before, so it may be cut off anywhere.
 */
export async function settle(dependencies: SettleDependencies, decided: ExperimentRow): Promise<ExperimentRow> {
  const { store, events, git } = dependencies;
  const experiment = JSON.parse(decided.experiment) as Experiment;
  const verdict = JSON.parse(decided.verdict!) as Verdict;
  let row = decided;
  const { commit: head } = await git.head();
  if (!head || !(await git.isAncestor(row.implement_commit!, head))) {
    return store.set(row, { waiting: "the branch that is checked out does not contain the change" });
  }
  if (row.state === "reverted" && row.revert_commit === null) {
    const undone = await undo(dependencies, row, { experiment, verdict, head });
    row = await store.set(row, { revert_commit: undone.commit });
    for (const { key, from, to } of undone.settings) events.emit("setting.changed", { key, from: to, to: from });
  }
  const commit = await writeVerdict(dependencies, row, { experiment, verdict });
  row = await store.set(row, { verdict_commit: commit, settled: 1, waiting: null });
  events.emit("experiment.decided", {
    experimentId: row.id,
    proposalId: row.proposal_id,
    changeId: row.change_id,
    verdict: verdict.verdict,
    commit: row.state === "reverted" ? row.revert_commit : row.implement_commit,
  });
  return row;
}

interface Decided {
  experiment: Experiment;
  verdict: Verdict;
}

interface Undone {
  /** The commit that undid it; null when somebody had changed every one of its settings before. */
  commit: string | null;
  settings: Setting[];
}

/** Throws while git is busy or when a document was edited since: the next round tries again, and says why it waits. */
async function undo(
  dependencies: SettleDependencies,
  row: ExperimentRow,
  { experiment, verdict, head }: Decided & { head: string },
): Promise<Undone> {
  const { git, documents } = dependencies;
  const all = settingsOf(experiment);
  const own = await ownCommits(git, pathsOf(experiment)[0]!, row.proposal_id);
  const made = own.find((commit) => commit !== row.implement_commit);
  if (made) return { commit: made, settings: all };
  const request = { reason: `Undo: ${verdict.reason.slice(0, 200)}`, principal: LOOP_PRINCIPAL, origin: originOf(row) };
  try {
    return { commit: landed(await documents.revert({ commit: row.implement_commit!, ...request })), settings: all };
  } catch (error) {
    const edited = error instanceof SpecloopError && error.code === "stale_revision";
    if (!edited || all.length < experiment.actions.length) throw error;
  }
  // The file changed since: only our own keys go back, and only where they still have our value.
  const text = (await git.read(head, CONFIG_FILE))?.toString("utf8") ?? "";
  const back = all.filter(({ key, to }) => settingIn(text, key) === to);
  if (back.length === 0) return { commit: null, settings: [] };
  const state = await git.pathState(CONFIG_FILE);
  if (state !== "clean")
    throw new SpecloopError("document_busy", `${CONFIG_FILE} has changes that are not committed (${state}).`, {
      target: CONFIG_FILE,
      fix: "Commit or undo them; the experiment is undone afterwards.",
    });
  const files = [
    await configWith(
      documents,
      back.map(({ key, from }) => [key, from]),
    ),
  ];
  const result = await documents.update({ files, ...request, approved: true });
  return { commit: landed(result), settings: back };
}

type Setting = Extract<Experiment["actions"][number], { kind: "setting" }>;

function settingsOf({ actions }: Experiment): Setting[] {
  return actions.filter((action) => action.kind === "setting");
}

/** The commit that did it; one on a branch of ours has done nothing yet. */
function landed({ commit, status, message }: { commit: string | null; status: string; message: string }): string {
  if (commit && status === "committed") return commit;
  throw new SpecloopError("git_busy", `The commit waits: ${message}`);
}

/** Null when the change is no longer where it was (archived, deleted): the verdict stays in the database. */
async function writeVerdict(
  { documents, samples, store, git }: SettleDependencies,
  row: ExperimentRow,
  { experiment, verdict }: Decided,
): Promise<string | null> {
  const folder = `${CHANGES}/${row.change_id}`;
  const path = `${folder}/${EXPERIMENT_FILE}`;
  const file = await readIfThere(documents, path);
  if (!file) return null;
  const summary = summaryOf(row, verdict);
  const written = (await git.read("HEAD", path))?.toString("utf8") ?? "";
  if (canonicalJson(settingIn(written, "verdict") ?? null) === canonicalJson(summary)) {
    return (await ownCommits(git, path, row.proposal_id))[0] ?? null;
  }
  const metric = metricNamed(experiment.primary.name);
  const live = metric ? await beforeAndAfter(samples, metric, row.implemented_at!) : null;
  const pairs = await store.pairsOf(row.id, verdict.look);
  const report = renderVerdict(row, { experiment, verdict, live, pairs });
  const block = setYamlKey(file.content, ["verdict"], summary);
  const result = await documents.update({
    files: [
      { path: `${folder}/verdict.md`, edits: [{ kind: "write", content: report }] },
      { path, edits: [{ kind: "write", content: block }], baseRevision: file.revision },
      ...(await tickedTasks(documents, folder, verdict)),
    ],
    reason: `Record the verdict: ${verdict.verdict}`,
    principal: LOOP_PRINCIPAL,
    origin: originOf(row),
    approved: true,
  });
  return result.commit;
}

/** What `experiment.yaml` says in the end; a change that has it is never carried out again. */
function summaryOf(row: ExperimentRow, verdict: Verdict): Record<string, unknown> {
  return {
    verdict: verdict.verdict,
    reason: verdict.reason,
    pairs: verdict.pairs,
    gained: verdict.gained,
    lost: verdict.lost,
    effect: Number(verdict.effect.toPrecision(4)),
    p: Number(verdict.p.toPrecision(4)),
    commit: row.revert_commit ?? row.implement_commit,
    decidedAt: new Date(verdict.at).toISOString(),
  };
}

/** All tasks of the change are done once it is decided for good. */
async function tickedTasks(documents: Documents, folder: string, { verdict }: Verdict): Promise<PlannedFile[]> {
  const file = verdict === "inconclusive" ? null : await readIfThere(documents, `${folder}/tasks.md`);
  const content = file?.content.replaceAll(/^(\s*[-*] )\[ \]/gm, "$1[x]");
  if (!file || content === undefined || content === file.content) return [];
  return [{ path: `${folder}/tasks.md`, edits: [{ kind: "write", content }], baseRevision: file.revision }];
}
