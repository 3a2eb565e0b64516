import { matcher, type ChangeSchema } from "../adapters/openspec/index.ts";
import { canonicalJson } from "../foundation/hash.ts";
import type { Document } from "./document.ts";
import type { ArtifactState, Stage } from "./state.ts";

const TASKS = "tasks.md";

/** A schema made ready for many changes. */
export interface ReadySchema {
  artifacts: { id: string; requires: string[]; isSpecs: boolean; fits: (path: string) => boolean }[];
  /** Whether a file's checkboxes are tasks. */
  tracks: (path: string) => boolean;
  /** Text that is another when the schema is another. */
  text: string;
}

export function makeReady(schema: ChangeSchema): ReadySchema {
  return {
    artifacts: schema.artifacts.map(({ id, generates, requires }) => {
      return { id, requires, isSpecs: generates.startsWith("specs/"), fits: matcher(generates) };
    }),
    tracks: matcher(schema.tasks ?? TASKS),
    text: canonicalJson(schema),
  };
}

/** Which parts of its schema a change has. Skipped parts count as there for what requires them. */
export function artifactStates(
  schema: ReadySchema,
  documents: ReadonlyMap<string, Document>,
  skipSpecs: boolean,
): ArtifactState[] {
  const paths = new Map(schema.artifacts.map(({ id, fits }) => [id, fitting(documents, fits)]));
  const skipped = new Set(schema.artifacts.filter(({ isSpecs }) => skipSpecs && isSpecs).map(({ id }) => id));
  const isThere = (id: string) => skipped.has(id) || paths.get(id)!.length > 0;
  return schema.artifacts.map(({ id, requires }) => {
    const files = paths.get(id)!;
    if (files.length > 0) return { id, status: "done", paths: files };
    if (skipped.has(id)) return { id, status: "skipped", paths: [] };
    return { id, status: requires.every(isThere) ? "ready" : "blocked", paths: [] };
  });
}

/** Ticks over all files that the schema tracks, or over `tasks.md` where it tracks none that is there. */
export function taskCount(
  schema: ReadySchema | null,
  documents: ReadonlyMap<string, Document>,
): { done: number; total: number } {
  const tracked = schema ? [...documents].filter(([name]) => schema.tracks(name)).map(([, document]) => document) : [];
  const fallback = documents.get(TASKS);
  const files = tracked.length > 0 ? tracked : fallback ? [fallback] : [];
  const tasks = files.flatMap(({ content }) => content.tasks);
  return { done: tasks.filter(({ done }) => done).length, total: tasks.length };
}

/**
 * The stage, from the end to the beginning: ticks say more than artifacts, and a missing design does not hold back what
 * is being built. `planned` is OpenSpec's own "planning complete".
 */
export function stageOf(
  artifacts: ArtifactState[],
  tasks: { done: number; total: number },
  approved: boolean,
): Exclude<Stage, "archived" | "abandoned"> {
  if (tasks.total > 0 && tasks.done === tasks.total) return "implemented";
  if (tasks.done > 0) return "implementing";
  if (approved) return "approved";
  if (artifacts.length > 0 && artifacts.every(({ status }) => status === "done" || status === "skipped"))
    return "planned";
  return artifacts.some(({ status }) => status === "done") || tasks.total > 0 ? "planning" : "scaffolded";
}

function fitting(documents: ReadonlyMap<string, Document>, fits: (path: string) => boolean): string[] {
  return [...documents].filter(([name]) => fits(name)).map(([, { path }]) => path);
}
