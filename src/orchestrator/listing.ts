import { SpecloopError, type Diagnostic } from "../foundation/errors.ts";
import type { RootKeeper } from "./keeper.ts";
import { ARCHIVE_DATE, archiveNameOf } from "./proposals.ts";
import { archivedFindings } from "./root-findings.ts";
import type { ChangeState, ChangeView, Stage } from "./state.ts";

export interface ListRequest {
  stage?: Stage | undefined;
  /** Only changes of this planning root. */
  root?: string | undefined;
  cursor?: string | undefined;
  /** 1 to 100, 20 when absent. */
  limit?: number | undefined;
  includeArchived?: boolean | undefined;
}

/** A line of the list. */
export interface ChangeSummary {
  id: string;
  root: string;
  stage: Stage;
  title: string | null;
  git: ChangeState["git"];
  tasks: { done: number; total: number };
  findings: { errors: number; warnings: number };
  openQuestions: number;
  /** OpenSpec's verdict on what it is now; null while there is none. */
  valid: boolean | null;
  mergeability: ChangeState["mergeability"]["state"];
}

export interface ChangePage {
  changes: ChangeSummary[];
  /** For the next page; null on the last. */
  cursor: string | null;
  total: number;
  /** Problems of the planning roots themselves. */
  findings: Diagnostic[];
}

/** Active and proposed changes; archived and abandoned ones when they are asked for. */
export function listChanges(keepers: RootKeeper[], request: ListRequest): ChangePage {
  const { stage, root, limit = 20, includeArchived = false } = request;
  const wanted = keepers.filter((keeper) => root === undefined || keeper.root.name === root);
  const all = wanted.flatMap((keeper) => [
    ...[...keeper.state.changes.values()].map((state) => ({ keeper, state })),
    ...(includeArchived || stage === "archived" ? archivedOf(keeper) : []),
    ...(includeArchived || stage === "abandoned" ? abandonedOf(keeper) : []),
  ]);
  const fitting = all
    .filter(({ state }) => stage === undefined || state.stage === stage)
    .map((found) => ({ ...found, key: keyOf(found.state) }))
    .sort(byPlace);
  const after = request.cursor === undefined ? "" : decode(request.cursor);
  const rest = fitting.filter(({ key }) => key > after);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const cursor = last && rest.length > limit ? encode(last.key) : null;
  const changes = page.map(({ keeper, state }) => summarize(keeper.view(state)));
  return { changes, cursor, total: fitting.length, findings: wanted.flatMap(({ state }) => state.findings) };
}

/** The change with this id, also an archived or abandoned one; the first group of keepers that has it counts. */
export function findChange(groups: RootKeeper[][], id: string, root: string | undefined): FoundChange {
  const wanted = groups.map((keepers) => keepers.filter((keeper) => root === undefined || keeper.root.name === root));
  const active = wanted.map((keepers) => keepers.flatMap((keeper) => activeOf(keeper, id)));
  const former = wanted.map((keepers) => keepers.flatMap((keeper) => formerOf(keeper, id)));
  const found = [...active, ...former].find((rows) => rows.length > 0) ?? [];
  if (found.length > 1) {
    const roots = found.map(({ keeper }) => keeper.root.name);
    throw new SpecloopError("ambiguous_target", `${id} exists in ${roots.join(" and ")}.`, {
      target: id,
      fix: "Name the root as well.",
      details: { roots },
    });
  }
  if (!found[0]) throw new SpecloopError("unknown_change", `There is no change "${id}".`, { target: id });
  return found[0];
}

export interface FoundChange {
  keeper: RootKeeper;
  state: ChangeState;
}

function activeOf(keeper: RootKeeper, id: string): FoundChange[] {
  const state = keeper.state.changes.get(id);
  return state ? [{ keeper, state }] : [];
}

function formerOf(keeper: RootKeeper, id: string): FoundChange[] {
  const name = archiveNameOf(id, keeper.state.archived);
  const root = keeper.root.path;
  if (name !== null) return [{ keeper, state: archivedState(keeper, id, name) }];
  const isAbandoned = keeper.remembered.get(id)?.stage === "abandoned";
  return isAbandoned ? [{ keeper, state: formerState(root, id, "abandoned", `${root}/changes/${id}`) }] : [];
}

function archivedOf(keeper: RootKeeper): FoundChange[] {
  return keeper.state.archived.map((name) => {
    const id = name.replace(ARCHIVE_DATE, "");
    return { keeper, state: archivedState(keeper, id, name) };
  });
}

function abandonedOf(keeper: RootKeeper): FoundChange[] {
  const gone = [...keeper.remembered].filter(
    ([id, { stage }]) => stage === "abandoned" && !keeper.state.changes.has(id),
  );
  return gone.map(([id]) => ({ keeper, state: formerState(keeper.root.path, id, "abandoned", id) }));
}

function archivedState({ state, root }: RootKeeper, id: string, name: string): ChangeState {
  const path = `${root.path}/changes/archive/${name}`;
  const tasks = state.archivedTasks.get(name);
  const former = formerState(root.path, id, "archived", path);
  const { done = 0, total = 0 } = tasks ?? {};
  return { ...former, tasks: { done, total }, findings: archivedFindings(path, tasks) };
}

/** What is known of a change that is over: its files are not read. */
function formerState(root: string, id: string, stage: Stage, path: string): ChangeState {
  return {
    id,
    root,
    path,
    stage,
    title: null,
    goal: null,
    schema: "",
    git: "committed",
    branch: null,
    artifacts: [],
    tasks: { done: 0, total: 0 },
    deltas: [],
    findings: [],
    questions: [],
    mergeability: { state: "clean", overlaps: [] },
    bases: [],
    contentHash: "",
    planHash: "",
    verdictHash: "",
  };
}

function summarize(view: ChangeView): ChangeSummary {
  const { id, root, stage, title, git, tasks, findings, questions, validity, mergeability } = view;
  const count = (severity: string) => findings.filter((finding) => finding.severity === severity).length;
  return {
    id,
    root,
    stage,
    title,
    git,
    tasks,
    findings: { errors: count("error"), warnings: count("warning") },
    openQuestions: questions.filter(({ answered }) => !answered).length,
    valid: validity.current ? (validity.verdict?.valid ?? null) : null,
    mergeability: mergeability.state,
  };
}

function keyOf({ root, id, stage }: Pick<ChangeSummary, "root" | "id" | "stage">): string {
  return [root, id, stage].join("\0");
}

function byPlace(a: { key: string }, b: { key: string }): number {
  return a.key < b.key ? -1 : 1;
}

function encode(key: string): string {
  return Buffer.from(key, "utf8").toString("base64url");
}

function decode(cursor: string): string {
  const key = Buffer.from(cursor, "base64url").toString("utf8");
  if (key.split("\0").length === 3 && encode(key) === cursor) return key;
  throw new SpecloopError("bad_input", "The cursor is none that this list gave.", { target: "cursor" });
}
