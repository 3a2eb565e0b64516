import { SPEC_DRIVEN } from "../adapters/openspec/index.ts";
import { baseFindings, baseStates, type Base, type KnownBases } from "./bases/index.ts";
import { stageOf, type ReadySchema } from "./artifacts.ts";
import { readinessOf, readyOf } from "./readiness.ts";
import { changeFindings } from "./findings.ts";
import { touchedRequirements, type Touched } from "./overlap.ts";
import { hashOf, type ChangeFiles } from "./change-files.ts";
import { mergeabilityOf } from "./mergeability.ts";
import { rootFindings } from "./root-findings.ts";
import type { Snapshot } from "./snapshot.ts";
import type { ChangeState, RootState } from "./state.ts";
import { makeMain, targetFindings, type Merge } from "./targets.ts";

/**
 * The state of a planning root, with the texts that its deltas were written against. Pure: the same snapshot and bases
 * give the same state, and nothing else is looked at.
 */
export function derive(snapshot: Snapshot, bases: KnownBases = new Map()): RootState {
  const common = {
    snapshot,
    basesOf: (files: ChangeFiles) => bases.get(files.id),
    touched: touchedRequirements([...snapshot.changes.values(), ...(snapshot.beside ?? [])]),
    schemaOf: once((name) => readySchema(snapshot, name)),
    mainOf: once((capability) => mainSpec(snapshot, capability)),
  };
  const ids = [...snapshot.changes.keys()].sort();
  return {
    root: snapshot.root,
    changes: new Map(ids.map((id) => [id, stateOf(snapshot.changes.get(id)!, common)])),
    archived: snapshot.archived,
    archivedTasks: snapshot.archive.tasks,
    findings: rootFindings(snapshot),
  };
}

/** What is the same for all changes of a snapshot. */
interface Common {
  snapshot: Snapshot;
  basesOf: (files: ChangeFiles) => ReadonlyMap<string, Base> | undefined;
  touched: Touched;
  schemaOf: (name: string) => ReadySchema | null;
  mainOf: (capability: string) => Merge["main"];
}

/**
 * States with what they were derived from: one save is one new change, and working out the other thousand again was most
 * of the time until it shows.
 */
const derived = new WeakMap<ChangeFiles, { from: unknown[]; state: ChangeState }>();

function stateOf(files: ChangeFiles, common: Common): ChangeState {
  const from = groundsOf(files, common);
  const last = derived.get(files);
  if (last?.from.length === from.length && from.every((part, index) => part === last.from[index])) return last.state;
  const state = deriveChange(files, common);
  derived.set(files, { from, state });
  return state;
}

/** All that a state follows from besides the change's own files: texts, and objects that are others when they changed. */
function groundsOf(files: ChangeFiles, common: Common): unknown[] {
  const { snapshot, touched } = common;
  const schemaName = schemaNameOf(files, snapshot);
  return [
    snapshot.root,
    schemaName,
    common.schemaOf(schemaName),
    isApproved(files, snapshot),
    touched.around(files.id),
    ...files.deltaFiles.map(({ capability }) => snapshot.specs.get(capability)),
    ...(common.basesOf(files)?.values() ?? []),
  ];
}

function schemaNameOf(files: ChangeFiles, { config }: Snapshot): string {
  return files.schema ?? config.schema ?? SPEC_DRIVEN.name;
}

function isApproved({ id, planHash }: ChangeFiles, { approvals }: Snapshot): boolean {
  return approvals.get(id)?.has(planHash) === true;
}

function deriveChange(files: ChangeFiles, common: Common): ChangeState {
  const { snapshot, touched } = common;
  const schemaName = schemaNameOf(files, snapshot);
  const schema = common.schemaOf(schemaName);
  const { artifacts, tasks } = readinessOf(files, schema);
  const stage = stageOf(artifacts, tasks, isApproved(files, snapshot));
  const targets = mergesOf(files, common).flatMap(targetFindings);
  const overlaps = touched.overlaps(files.id);
  const bases = baseStates(files, snapshot, common.basesOf(files));
  const folder = `${snapshot.root}/changes/${files.id}`;
  const unknownSchema = schema ? null : schemaName;
  const whole = changeFindings({ files, folder, stage, artifacts, tasks, overlaps, unknownSchema });
  return {
    id: files.id,
    root: snapshot.root,
    path: folder,
    stage,
    title: files.title,
    goal: files.goal,
    schema: schemaName,
    git: files.git,
    branch: files.branch,
    artifacts,
    tasks,
    deltas: files.deltas,
    findings: [...files.findings, ...targets, ...baseFindings(files.id, bases), ...whole],
    questions: files.questions,
    mergeability: mergeabilityOf({ refusals: [...targets, ...whole], bases, overlaps }),
    bases,
    contentHash: files.contentHash,
    planHash: files.planHash,
    verdictHash: verdictHashOf(snapshot, files, schema?.text ?? ""),
  };
}

/** The project's own schemas come first, as in OpenSpec. */
function readySchema(snapshot: Snapshot, name: string): ReadySchema | null {
  const own = snapshot.schemas.get(name);
  if (own) return "artifacts" in own ? readyOf(own) : null;
  return name === SPEC_DRIVEN.name ? readyOf(SPEC_DRIVEN) : null;
}

function mainSpec(snapshot: Snapshot, capability: string): Merge["main"] {
  // A folder above it that may not be read may hold it.
  const parts = capability.split("/");
  const closed = parts.map((_part, depth) => snapshot.specs.get(parts.slice(0, depth).join("/")));
  const document = snapshot.specs.get(capability) ?? closed.find((above) => above?.problem);
  return document ? makeMain(document) : null;
}

function mergesOf(files: ChangeFiles, { touched, mainOf }: Common): Merge[] {
  return files.deltaFiles.map((deltaFile) => ({
    ...deltaFile,
    main: mainOf(deltaFile.capability),
    retires: files.retiresCapabilities,
    addedElsewhere: (name) => touched.adding(deltaFile.capability, name).filter((id) => id !== files.id),
  }));
}

/** The function with its answers kept. */
function once<Value>(work: (name: string) => Value): (name: string) => Value {
  const known = new Map<string, Value>();
  return (name) => {
    if (!known.has(name)) known.set(name, work(name));
    return known.get(name) as Value;
  };
}

/** OpenSpec judges a change beside the specs it modifies, the configuration and the schema. */
function verdictHashOf(snapshot: Snapshot, files: ChangeFiles, schema: string): string {
  const specs = files.deltaFiles.map(({ capability }) => [capability, snapshot.specs.get(capability)?.revision ?? ""]);
  return hashOf([["documents", files.contentHash], ["schema", schema], ...specs]);
}
