import type { ParsedDelta } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import { sha256 } from "../foundation/hash.ts";
import type { Document } from "./document.ts";
import { documentFindings } from "./document-findings.ts";
import type { DeltaState, OpenQuestion, Place } from "./state.ts";

/** One change's files as they were found. */
export interface FoundFiles {
  id: string;
  /** By path inside the change folder. */
  documents: Map<string, Document>;
  /** There are more files than are looked at. */
  truncated: boolean;
  /** What git says about them. */
  git: Place;
  branch: string | null;
}

/** The files of one change with what follows from them alone, worked out once when they are read. */
export interface ChangeFiles extends FoundFiles {
  /** Heading of the proposal. */
  title: string | null;
  goal: string | null;
  /** Schema that its metadata names. */
  schema: string | null;
  skipSpecs: boolean;
  retiresCapabilities: boolean;
  deltaFiles: DeltaFile[];
  deltas: DeltaState[];
  questions: OpenQuestion[];
  /** Problems of single files. */
  findings: Diagnostic[];
  contentHash: string;
  planHash: string;
}

interface DeltaFile {
  capability: string;
  path: string;
  delta: ParsedDelta;
}

/** Pure. */
export function changeOf(found: FoundFiles): ChangeFiles {
  const deltaFiles = deltaFilesOf(found);
  const metadata = found.documents.get(".openspec.yaml")?.content.metadata;
  return {
    ...found,
    title: found.documents.get("proposal.md")?.content.title ?? null,
    goal: metadata?.goal ?? null,
    schema: metadata?.schema ?? null,
    skipSpecs: metadata?.skipSpecs ?? false,
    retiresCapabilities: metadata?.retireCapabilities ?? false,
    deltaFiles,
    deltas: deltaFiles.flatMap(deltasOf),
    questions: questionsOf(found),
    findings: documentFindings(found.documents.values()),
    contentHash: hashOf([...found.documents].map(([path, { revision, bytes }]) => [path, revision ?? String(bytes)])),
    planHash: planHashOf(found),
  };
}

/** A hash of named values that does not depend on their order. */
export function hashOf(pairs: string[][]): string {
  const lines = pairs.map((pair) => JSON.stringify(pair));
  return sha256(lines.sort().join("\n"));
}

function deltaFilesOf({ documents }: FoundFiles): DeltaFile[] {
  return [...documents].flatMap(([name, { path, content }]) => {
    const capability = name.slice("specs/".length, -"/spec.md".length);
    return content.delta ? [{ capability, path, delta: content.delta }] : [];
  });
}

function deltasOf({ capability, delta, path }: DeltaFile): DeltaState[] {
  const at = { capability, path };
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
}

function questionsOf({ documents }: FoundFiles): OpenQuestion[] {
  return ["proposal.md", "design.md"].flatMap((name) => {
    const document = documents.get(name);
    return (document?.content.questions ?? []).map(({ line, text, answered }) => ({
      path: document!.path,
      line,
      text,
      answered,
    }));
  });
}

/**
 * What an approval binds: texts with every task open, so that ticking one does not void it, and settings such as
 * `experiment.yaml`. Files of other kinds are results of the work.
 */
function planHashOf({ documents }: FoundFiles): string {
  return hashOf(
    [...documents].flatMap(([path, { content, revision }]) => {
      if (content.planHash !== "") return [[path, content.planHash]];
      return /\.ya?ml$/.test(path) ? [[path, revision ?? ""]] : [];
    }),
  );
}
