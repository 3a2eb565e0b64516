import { z } from "zod";
import type { Diagnostic } from "../../foundation/errors.ts";
import { describe, parseYaml } from "./metadata.ts";

/** One thing that a change of this schema consists of. */
interface ArtifactDefinition {
  id: string;
  /** Path or glob inside the change folder. */
  generates: string;
  /** Artifacts that have to be there first. */
  requires: string[];
}

/** What a change consists of: OpenSpec's `schema.yaml`, the parts that say in which state a change is. */
export interface ChangeSchema {
  name: string;
  artifacts: ArtifactDefinition[];
  /** Path or glob of the files whose checkboxes are the change's tasks; null when the schema tracks none. */
  tasks: string | null;
}

/** The schema that every OpenSpec from 1.0 on brings along (schemas/spec-driven/schema.yaml). */
export const SPEC_DRIVEN: ChangeSchema = {
  name: "spec-driven",
  artifacts: [
    { id: "proposal", generates: "proposal.md", requires: [] },
    { id: "specs", generates: "specs/**/*.md", requires: ["proposal"] },
    { id: "design", generates: "design.md", requires: ["proposal"] },
    { id: "tasks", generates: "tasks.md", requires: ["specs", "design"] },
  ],
  tasks: "tasks.md",
};

const schemaFile = z.object({
  name: z.string().min(1),
  artifacts: z
    .array(
      z.object({
        id: z.string().min(1),
        generates: z.string().min(1).max(500),
        requires: z.array(z.string()).default([]),
      }),
    )
    .min(1)
    .max(1000),
  apply: z.object({ tracks: z.string().nullish() }).optional(),
});

/** Reads a project's `schemas/<name>/schema.yaml`: the schema, or what is wrong with it. Never throws. */
export function readSchema(content: string, path: string): ChangeSchema | Diagnostic {
  const broken = (message: string, target = path): Diagnostic => ({
    severity: "warning",
    code: "schema_unreadable",
    message: `This schema cannot be read: ${message}`,
    target,
    fix: "Correct it; `openspec schema validate` says the same.",
  });
  const parsed = parseYaml(content, path);
  if ("problem" in parsed) return broken(parsed.problem.message, parsed.problem.target);
  const result = schemaFile.safeParse(parsed.value);
  if (!result.success) return broken(describe(result.error));
  const { name, artifacts, apply } = result.data;
  const ids = new Set(artifacts.map(({ id }) => id));
  const unknown = artifacts.flatMap(({ requires }) => requires).find((id) => !ids.has(id));
  if (ids.size < artifacts.length) return broken("two artifacts have the same id");
  if (unknown) return broken(`an artifact requires "${unknown}", which is none`);
  return { name, artifacts, tasks: trackedTasks(artifacts, apply?.tracks) };
}

/** `apply.tracks` names the artifact by what it generates; without it the artifact called `tasks` counts. */
function trackedTasks(artifacts: ArtifactDefinition[], tracks: string | null | undefined): string | null {
  const wanted = artifacts.find(({ id, generates }) => (tracks ? generates === tracks : id === "tasks"));
  return wanted?.generates ?? null;
}
