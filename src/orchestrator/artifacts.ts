import { matcher, type ChangeSchema } from "../adapters/openspec/index.ts";
import type { Document } from "./document.ts";
import type { ArtifactState, Stage } from "./state.ts";

/** Which parts of its schema a change has. Skipped parts count as there for what requires them. */
export function artifactStates(
  schema: ChangeSchema,
  documents: ReadonlyMap<string, Document>,
  skipSpecs: boolean,
): ArtifactState[] {
  const paths = new Map(schema.artifacts.map(({ id, generates }) => [id, fitting(documents, generates)]));
  const skipped = new Set(
    schema.artifacts.filter(({ generates }) => skipSpecs && generates.startsWith("specs/")).map(({ id }) => id),
  );
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
  schema: ChangeSchema | null,
  documents: ReadonlyMap<string, Document>,
): { done: number; total: number } {
  const fits = matcher(schema?.tasks ?? "tasks.md");
  const tracked = [...documents].filter(([name]) => fits(name)).map(([, document]) => document);
  const fallback = documents.get("tasks.md");
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

function fitting(documents: ReadonlyMap<string, Document>, generates: string): string[] {
  const fits = matcher(generates);
  return [...documents].filter(([name]) => fits(name)).map(([, { path }]) => path);
}
