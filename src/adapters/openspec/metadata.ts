import { z } from "zod";
import { toSpecloopError, type Diagnostic } from "../../foundation/errors.ts";
import { readYaml } from "../yaml/index.ts";
import { withoutBom } from "./lines.ts";
import type { PlanningConfig } from "./port.ts";

/** `.openspec.yaml` of a change. */
export interface ChangeMetadata {
  schema: string | null;
  created: string | null;
  goal: string | null;
  skipSpecs: boolean;
  /** Archive may delete the spec of a capability that loses its last requirement. */
  retireCapabilities: boolean;
  /** Why OpenSpec cannot read it; null when it can. */
  problem: Diagnostic | null;
}

const kebab = z.string().regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/);

/** OpenSpec 1.13's rules (core/change-metadata/schema): known keys strictly, unknown ones ignored. */
const metadataSchema = z.object({
  schema: z.string().min(1),
  created: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/, "must be a date like 2026-11-21")
    .optional(),
  goal: z.string().min(1).optional(),
  affected_areas: z.array(z.string().min(1)).optional(),
  initiative: z.strictObject({ store: kebab, id: kebab }).optional(),
  skip_specs: z.boolean().optional(),
  retire_capabilities: z.boolean().optional(),
});

const NOTHING = { schema: null, created: null, goal: null, skipSpecs: false, retireCapabilities: false };

/** Reads a change's metadata; what cannot be read is a problem with its place, never an exception. */
export function readMetadata(content: string, path: string): ChangeMetadata {
  const unreadable = (message: string, target = path): ChangeMetadata => ({
    ...NOTHING,
    problem: {
      severity: "error",
      code: "metadata_unreadable",
      message: `OpenSpec cannot read this change's metadata: ${message}`,
      target,
      fix: "Correct the YAML; it needs at least `schema: spec-driven`.",
    },
  });
  const parsed = parseYaml(content, path);
  if ("problem" in parsed) return unreadable(parsed.problem.message, parsed.problem.target);
  const result = metadataSchema.safeParse(parsed.value);
  if (!result.success) return unreadable(describe(result.error));
  const { schema, created = null, goal = null, skip_specs = false, retire_capabilities = false } = result.data;
  return { schema, created, goal, skipSpecs: skip_specs, retireCapabilities: retire_capabilities, problem: null };
}

const configFields = { schema: z.string().min(1), context: z.string(), store: z.string().min(1) };

/** Reads `openspec/config.yaml` field by field, so that one bad field does not hide the others. */
export function readConfig(content: string, path: string): PlanningConfig {
  const config: PlanningConfig = { schema: null, context: null, store: null, problems: [] };
  const complain = (message: string, target: string) =>
    config.problems.push({
      severity: "warning",
      code: "config_unreadable",
      message: `${message} OpenSpec ignores it.`,
      target,
      fix: "Correct it, or remove it.",
    });
  const parsed = parseYaml(content, path);
  if ("problem" in parsed) {
    complain(
      `The planning configuration is not YAML that can be read: ${parsed.problem.message}.`,
      parsed.problem.target,
    );
    return config;
  }
  const values = z.record(z.string(), z.unknown()).safeParse(parsed.value ?? {});
  if (!values.success) {
    complain("The planning configuration is not a mapping of keys to values.", path);
    return config;
  }
  for (const key of ["schema", "context", "store"] as const) {
    if (values.data[key] === undefined || values.data[key] === null) continue;
    const field = configFields[key].safeParse(values.data[key]);
    if (field.success) config[key] = field.data;
    else complain(`The field "${key}" of the planning configuration is not text.`, path);
  }
  return config;
}

export const NO_CONFIG: PlanningConfig = { schema: null, context: null, store: null, problems: [] };

/** The value of YAML, or why and where it cannot be read. */
export function parseYaml(
  content: string,
  path: string,
): { value: unknown } | { problem: { message: string; target: string } } {
  try {
    return { value: readYaml(withoutBom(content), path) };
  } catch (error) {
    const { message, target } = toSpecloopError(error);
    return { problem: { message, target: target ?? path } };
  }
}

/** One line of what a schema complains about: `created: Invalid ISO date`. */
export function describe(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `${path.join(".") || "the document"}: ${message}`).join("; ");
}
