import { SPEC_DRIVEN, type ChangeSchema } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";
import { artifactStates, stageOf, taskCount } from "./artifacts.ts";
import { changeFindings, documentFindings } from "./findings.ts";
import { touchedRequirements, type Touched } from "./overlap.ts";
import type { ChangeFiles, Snapshot } from "./snapshot.ts";
import type { ChangeState, DeltaState, Mergeability, OpenQuestion, Overlap, RootState } from "./state.ts";
import { targetFindings } from "./targets.ts";

/** The state of a planning root. Pure: the same snapshot gives the same state, and nothing else is looked at. */
export function derive(snapshot: Snapshot): RootState {
  const touched = touchedRequirements(snapshot.changes.values());
  const ids = [...snapshot.changes.keys()].sort();
  return {
    root: snapshot.root,
    changes: new Map(ids.map((id) => [id, deriveChange(snapshot, snapshot.changes.get(id)!, touched)])),
    archived: snapshot.archived,
    findings: rootFindings(snapshot),
  };
}

function deriveChange(snapshot: Snapshot, files: ChangeFiles, touched: Touched): ChangeState {
  const metadata = files.documents.get(".openspec.yaml")?.content.metadata ?? null;
  const schemaName = metadata?.schema ?? snapshot.config.schema ?? SPEC_DRIVEN.name;
  const schema = schemaOf(snapshot, schemaName);
  const artifacts = schema ? artifactStates(schema, files.documents, metadata?.skipSpecs === true) : [];
  const tasks = taskCount(schema, files.documents);
  const planHash = planHashOf(files);
  const stage = stageOf(artifacts, tasks, snapshot.approvals.get(files.id)?.has(planHash) === true);
  const targets = mergesOf(snapshot, files, touched).flatMap(targetFindings);
  const overlaps = touched.overlaps(files.id);
  const questions = questionsOf(files);
  const folder = `${snapshot.root}/changes/${files.id}`;
  const unknownSchema = schema ? null : schemaName;
  const whole = changeFindings({ files, folder, stage, artifacts, overlaps, questions, unknownSchema });
  return {
    id: files.id,
    root: snapshot.root,
    path: folder,
    stage,
    title: files.documents.get("proposal.md")?.content.title ?? null,
    goal: metadata?.goal ?? null,
    schema: schemaName,
    git: files.git,
    branch: files.branch,
    artifacts,
    tasks,
    deltas: deltasOf(files),
    findings: [...documentFindings(files.documents.values()), ...targets, ...whole],
    questions,
    mergeability: mergeabilityOf(targets, overlaps),
    contentHash: hashOf(revisions(files)),
    planHash,
    verdictHash: verdictHashOf(snapshot, files, schema),
  };
}

function mergeabilityOf(targets: Diagnostic[], overlaps: Overlap[]): Mergeability {
  if (targets.some(({ severity }) => severity === "error")) return { state: "would_refuse", overlaps };
  return { state: overlaps.length > 0 ? "overlaps" : "clean", overlaps };
}

/** The project's own schemas come first, as in OpenSpec. */
function schemaOf(snapshot: Snapshot, name: string): ChangeSchema | null {
  const own = snapshot.schemas.get(name);
  if (own) return "artifacts" in own ? own : null;
  return name === SPEC_DRIVEN.name ? SPEC_DRIVEN : null;
}

function deltaFiles(files: ChangeFiles) {
  return [...files.documents].flatMap(([name, document]) => {
    const { delta } = document.content;
    return delta ? [{ capability: name.slice("specs/".length, -"/spec.md".length), delta, document }] : [];
  });
}

function mergesOf(snapshot: Snapshot, files: ChangeFiles, touched: Touched) {
  return deltaFiles(files).map(({ capability, delta, document }) => ({
    capability,
    delta,
    path: document.path,
    spec: snapshot.specs.get(capability),
    addedElsewhere: (name: string) => touched.adding(capability, name).filter((id) => id !== files.id),
  }));
}

function deltasOf(files: ChangeFiles): DeltaState[] {
  return deltaFiles(files).flatMap(({ capability, delta, document }) => {
    const at = { capability, path: document.path };
    return [
      ...delta.added.map(({ name, line }) => ({ ...at, operation: "ADDED" as const, requirement: name, line })),
      ...delta.modified.map(({ name, line }) => ({ ...at, operation: "MODIFIED" as const, requirement: name, line })),
      ...delta.removed.map(({ name, line }) => ({ ...at, operation: "REMOVED" as const, requirement: name, line })),
      ...delta.renamed.map(({ from, to, line }) => ({
        ...at,
        operation: "RENAMED" as const,
        requirement: from,
        to,
        line,
      })),
    ];
  });
}

function questionsOf(files: ChangeFiles): OpenQuestion[] {
  return ["proposal.md", "design.md"].flatMap((name) => {
    const document = files.documents.get(name);
    return (document?.content.questions ?? []).map((question) => ({ path: document!.path, ...question }));
  });
}

/**
 * What an approval binds: texts with every task open, so that ticking one does not void it, and settings such as
 * `experiment.yaml`. Files of other kinds are results of the work.
 */
function planHashOf(files: ChangeFiles): string {
  return hashOf(
    [...files.documents].flatMap(([path, { content, revision }]) => {
      if (content.planHash !== "") return [[path, content.planHash]];
      return /\.ya?ml$/.test(path) ? [[path, revision ?? ""]] : [];
    }),
  );
}

/** OpenSpec judges a change beside the specs it modifies, the configuration and the schema. */
function verdictHashOf(snapshot: Snapshot, files: ChangeFiles, schema: ChangeSchema | null): string {
  const specs = deltaFiles(files).map(({ capability }) => [capability, snapshot.specs.get(capability)?.revision ?? ""]);
  return hashOf([
    ["documents", hashOf(revisions(files))],
    ["specs", hashOf(specs)],
    ["schema", canonicalJson([snapshot.config.schema, schema])],
  ]);
}

/** Name and content of every file; the size stands for what was not read. */
function revisions(files: ChangeFiles): string[][] {
  return [...files.documents].map(([path, { revision, bytes }]) => [path, revision ?? String(bytes)]);
}

/** A hash of named values that does not depend on their order. */
function hashOf(pairs: string[][]): string {
  return sha256(
    pairs
      .map((pair) => JSON.stringify(pair))
      .sort()
      .join("\n"),
  );
}

function rootFindings(snapshot: Snapshot): Diagnostic[] {
  const schemas = [...snapshot.schemas.values()].filter((schema) => "severity" in schema);
  return [...snapshot.config.problems, ...schemas, ...documentFindings(snapshot.specs.values())];
}
