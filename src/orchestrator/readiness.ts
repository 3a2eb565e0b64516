import type { ChangeSchema } from "../adapters/openspec/index.ts";
import { artifactStates, makeReady, taskCount, type ReadySchema } from "./artifacts.ts";
import type { ChangeFiles } from "./change-files.ts";
import type { ArtifactState, ChangeState } from "./state.ts";

interface Readiness {
  artifacts: ArtifactState[];
  tasks: ChangeState["tasks"];
}

/**
 * What a schema makes of a change, kept as long as both are the same objects: one save is one new change, and matching
 * the files of the other thousand again was half of the time until it shows.
 */
const known = new WeakMap<ChangeFiles, { schema: ReadySchema | null; readiness: Readiness }>();
const ready = new WeakMap<ChangeSchema, ReadySchema>();

/** Pure. */
export function readinessOf(files: ChangeFiles, schema: ReadySchema | null): Readiness {
  const last = known.get(files);
  if (last && last.schema === schema) return last.readiness;
  const artifacts = schema ? artifactStates(schema, files.documents, files.skipSpecs) : [];
  const readiness = { artifacts, tasks: taskCount(schema, files.documents) };
  known.set(files, { schema, readiness });
  return readiness;
}

/** Pure; the same object for the same schema. */
export function readyOf(schema: ChangeSchema): ReadySchema {
  const made = ready.get(schema) ?? makeReady(schema);
  ready.set(schema, made);
  return made;
}
