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

/** Downwards on every system: not absolute, no `..`. */
const relativePath = z
  .string()
  .min(1)
  .refine((path) => !/^(?:[\\/]|[A-Za-z]:)|\0/.test(path) && !path.split(/[\\/]/).includes(".."), {
    message: "must be a relative path that stays inside",
  });

/** OpenSpec 1.13's rules (core/artifact-graph/types). */
const schemaFile = z.object({
  name: z.string().min(1),
  version: z.int().positive(),
  description: z.string().optional(),
  artifacts: z
    .array(
      z.object({
        id: z.string().min(1),
        generates: relativePath,
        description: z.string(),
        template: relativePath,
        instruction: z.string().optional(),
        requires: z.array(z.string()).default([]),
      }),
    )
    .min(1)
    .max(1000),
  apply: z
    .object({
      requires: z.array(z.string()).min(1),
      tracks: relativePath.nullish(),
      instruction: z.string().optional(),
    })
    .optional(),
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
  const { name, apply } = result.data;
  const artifacts = result.data.artifacts.map(({ id, generates, requires }) => ({ id, generates, requires }));
  const wrong = wrongReference(artifacts, apply?.requires ?? []);
  return wrong === null ? { name, artifacts, tasks: trackedTasks(artifacts, apply?.tracks) } : broken(wrong);
}

function wrongReference(artifacts: ArtifactDefinition[], applyRequires: string[]): string | null {
  const ids = new Set(artifacts.map(({ id }) => id));
  if (ids.size < artifacts.length) return "two artifacts have the same id";
  const unknown = [...artifacts.flatMap(({ requires }) => requires), ...applyRequires].find((id) => !ids.has(id));
  if (unknown !== undefined) return `"${unknown}" is required and is no artifact`;
  const circle = inCircle(artifacts);
  return circle.length === 0 ? null : `${circle.join(", ")} require each other in a circle`;
}

/** What is left when artifacts that wait for nothing are taken away again and again. */
function inCircle(artifacts: ArtifactDefinition[]): string[] {
  let left = artifacts;
  for (;;) {
    const waiting = new Set(left.map(({ id }) => id));
    const still = left.filter(({ requires }) => requires.some((id) => waiting.has(id)));
    if (still.length === left.length) return left.map(({ id }) => id);
    left = still;
  }
}

/** `apply.tracks` names the artifact by what it generates; without it the artifact called `tasks` counts. */
function trackedTasks(artifacts: ArtifactDefinition[], tracks: string | null | undefined): string | null {
  const wanted = artifacts.find(({ id, generates }) => (tracks == null ? id === "tasks" : generates === tracks));
  return wanted?.generates ?? null;
}
