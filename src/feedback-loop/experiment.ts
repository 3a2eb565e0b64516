import { z } from "zod";
import { readYaml, writeYaml } from "../adapters/yaml/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";

/** Name of the file inside a change folder that makes the change an experiment. */
/** Where changes lie that the loop proposes. */
export const CHANGES = "openspec/changes";
export const EXPERIMENT_FILE = "experiment.yaml";
export const LOOP_AUTHOR = "system:feedback-loop";
/** Longer text than this is no lesson and no edit of an experiment. */
const MAX_TEXT = 100_000;

const edit = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("replace_section"),
    section: z.string().min(1),
    occurrence: z.int().min(1).optional(),
    content: z.string().max(MAX_TEXT),
  }),
  z.strictObject({
    kind: z.literal("append_to_section"),
    section: z.string().min(1),
    occurrence: z.int().min(1).optional(),
    content: z.string().max(MAX_TEXT),
  }),
  z.strictObject({
    kind: z.literal("replace_text"),
    find: z.string().min(1).max(MAX_TEXT),
    replace: z.string().max(MAX_TEXT),
  }),
  z.strictObject({ kind: z.literal("write"), content: z.string().max(MAX_TEXT) }),
]);

const action = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("setting"),
    key: z.string().regex(/^[a-z][A-Za-z]*(?:\.[a-z][A-Za-z]*)+$/),
    from: z.number(),
    to: z.number(),
  }),
  z.strictObject({ kind: z.literal("document"), path: z.string().min(1).max(500), edit }),
  z.strictObject({
    kind: z.literal("lesson"),
    title: z.string().min(3).max(200),
    text: z.string().min(1).max(MAX_TEXT),
  }),
]);

/** `experiment.yaml`: what is tried, how it is judged and how it is undone, all written down before anything is done. */
const schema = z.strictObject({
  version: z.literal(1),
  /** One sentence that can turn out false. */
  hypothesis: z.string().min(10).max(1000),
  primary: z.strictObject({
    name: z.string(),
    better: z.enum(["higher", "lower"]),
    /** Share: absolute difference. Milliseconds: relative difference. Smaller effects are not worth keeping. */
    minimumEffect: z.number().min(0.001).max(1),
  }),
  baseline: z.number().nullable(),
  expected: z.number().nullable(),
  /** What must not become worse by more than the limit (share: absolute, milliseconds: relative). */
  guards: z.array(z.strictObject({ metric: z.string(), limit: z.number().min(0).max(1) })).max(5),
  judge: z.strictObject({
    kind: z.literal("paired_replay"),
    sample: z.literal("questions"),
    split: z.literal("validation"),
    minimumPairs: z.int().min(5).max(10_000),
    /** Chance of keeping a change without effect: at most 0.1, whoever wrote the file. */
    alpha: z.number().min(0.0001).max(0.1),
  }),
  horizonDays: z.number().min(0.01).max(365),
  unit: z.literal("question"),
  actions: z.array(action).min(1).max(5),
  /** The implementing commit is reverted, whole; this says to what. */
  undo: z.strictObject({
    kind: z.literal("revert_commit"),
    settings: z
      .array(z.strictObject({ key: z.string(), value: z.number() }))
      .max(5)
      .default([]),
  }),
  proposedAt: z.string().max(40),
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
  author: z.string().min(1).max(200),
  /** Written by the loop when it has decided. */
  verdict: z.looseObject({ verdict: z.string() }).optional(),
});

export type Experiment = z.output<typeof schema>;
export type Action = Experiment["actions"][number];

/** Reads `experiment.yaml`; `invalid_change` with the place when it isn't one. */
export function parseExperiment(text: string, path: string): Experiment {
  const parsed = schema.safeParse(readYaml(text, path, "invalid_change"));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const place = issue.path.join(".") || "the file";
  throw new SpecloopError("invalid_change", `${path}: ${place}: ${issue.message}`, {
    target: path,
    fix: "docs/reference/experiment.md describes every key.",
  });
}

const HEADER = `# What this change tries, how it is judged and how it is undone. Merging the change approves exactly this file.
`;

export function renderExperiment(experiment: Experiment): string {
  return HEADER + writeYaml(experiment);
}

/** The same for the same idea: actions and the metric they aim at, without figures, dates and words. */
export function experimentFingerprint({ actions, primary }: Pick<Experiment, "actions" | "primary">): string {
  return sha256(canonicalJson([actions, primary.name])).slice(0, 16);
}

/** What one experiment touches; two that touch the same thing would disturb each other's measurement. */
export function surfacesOf(experiment: Pick<Experiment, "actions">): string[] {
  return experiment.actions.map((action) => {
    if (action.kind === "setting") return action.key;
    return action.kind === "document" ? action.path : lessonPath(action.title);
  });
}

/** Where a lesson is kept. */
export function lessonPath(title: string): string {
  return `openspec/lessons/${slug(title)}.md`;
}

/** Lower-case words joined by hyphens, at most 60 characters; a hash where nothing is left, as for CJK titles. */
export function slug(text: string): string {
  const words = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  const short = words.slice(0, 60).replace(/-+$/, "");
  return short.length >= 3 ? short : `lesson-${sha256(text).slice(0, 8)}`;
}
