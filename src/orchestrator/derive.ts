import { SPEC_DRIVEN } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import { baseFindings, baseStates, staleBases, type KnownBases } from "./bases/index.ts";
import { stageOf, type ReadySchema } from "./artifacts.ts";
import { readinessOf, readyOf } from "./readiness.ts";
import { changeFindings } from "./findings.ts";
import { touchedRequirements, type Touched } from "./overlap.ts";
import { hashOf, type ChangeFiles } from "./change-files.ts";
import { rootFindings } from "./root-findings.ts";
import type { Snapshot } from "./snapshot.ts";
import type { BaseState, ChangeState, Mergeability, Overlap, RootState } from "./state.ts";
import { makeMain, targetFindings, type Merge } from "./targets.ts";

/**
 * The state of a planning root, with the texts that its deltas were written against. Pure: the same snapshot and bases
 * give the same state, and nothing else is looked at.
 */
export function derive(snapshot: Snapshot, bases: KnownBases = new Map()): RootState {
  const common = {
    snapshot,
    basesOf: (files: ChangeFiles) => baseStates(files, snapshot, bases.get(files.id)),
    touched: touchedRequirements([...snapshot.changes.values(), ...(snapshot.beside ?? [])]),
    schemaOf: once((name) => readySchema(snapshot, name)),
    mainOf: once((capability) => mainSpec(snapshot, capability)),
  };
  const ids = [...snapshot.changes.keys()].sort();
  return {
    root: snapshot.root,
    changes: new Map(ids.map((id) => [id, deriveChange(snapshot.changes.get(id)!, common)])),
    archived: snapshot.archived,
    archivedTasks: snapshot.archive.tasks,
    findings: rootFindings(snapshot),
  };
}

/** What is the same for all changes of a snapshot. */
interface Common {
  snapshot: Snapshot;
  basesOf: (files: ChangeFiles) => BaseState[];
  touched: Touched;
  schemaOf: (name: string) => ReadySchema | null;
  mainOf: (capability: string) => Merge["main"];
}

function deriveChange(files: ChangeFiles, common: Common): ChangeState {
  const { snapshot, touched } = common;
  const schemaName = files.schema ?? snapshot.config.schema ?? SPEC_DRIVEN.name;
  const schema = common.schemaOf(schemaName);
  const { artifacts, tasks } = readinessOf(files, schema);
  const stage = stageOf(artifacts, tasks, snapshot.approvals.get(files.id)?.has(files.planHash) === true);
  const targets = mergesOf(files, common).flatMap(targetFindings);
  const overlaps = touched.overlaps(files.id);
  const bases = common.basesOf(files);
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
    mergeability: mergeabilityOf(targets, bases, overlaps),
    bases,
    contentHash: files.contentHash,
    planHash: files.planHash,
    verdictHash: verdictHashOf(snapshot, files, schema?.text ?? ""),
  };
}

function mergeabilityOf(targets: Diagnostic[], bases: BaseState[], overlaps: Overlap[]): Mergeability {
  if (targets.some(({ severity }) => severity === "error")) return { state: "would_refuse", overlaps };
  if (staleBases({ bases }).length > 0) return { state: "stale_base", overlaps };
  return { state: overlaps.length > 0 ? "overlaps" : "clean", overlaps };
}

/** The project's own schemas come first, as in OpenSpec. */
function readySchema(snapshot: Snapshot, name: string): ReadySchema | null {
  const own = snapshot.schemas.get(name);
  if (own) return "artifacts" in own ? readyOf(own) : null;
  return name === SPEC_DRIVEN.name ? readyOf(SPEC_DRIVEN) : null;
}

function mainSpec(snapshot: Snapshot, capability: string): Merge["main"] {
  const document = snapshot.specs.get(capability);
  return document ? makeMain(document) : null;
}

function mergesOf(files: ChangeFiles, { touched, mainOf }: Common): Merge[] {
  return files.deltaFiles.map((deltaFile) => ({
    ...deltaFile,
    main: mainOf(deltaFile.capability),
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
