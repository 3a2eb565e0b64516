import type { Diagnostic } from "../foundation/errors.ts";
import type { ChangeFiles } from "./change-files.ts";
import { proposalFindings } from "./proposal-findings.ts";
import type { ArtifactState, Overlap, Stage } from "./state.ts";

/** What the findings of a change as a whole are made from. */
export interface ChangeFacts {
  files: ChangeFiles;
  /** Folder of the change, relative to the repository. */
  folder: string;
  stage: Stage;
  artifacts: ArtifactState[];
  tasks: { done: number; total: number };
  overlaps: Overlap[];
  /** Name of a schema that nobody knows, null when it is known. */
  unknownSchema: string | null;
}

/** Problems of a change as a whole. */
export function changeFindings(facts: ChangeFacts): Diagnostic[] {
  const wrapped = wrapping(facts);
  return [
    ...unknownSchema(facts),
    ...(wrapped.length > 0 ? wrapped : proposalFindings(facts)),
    ...overlapping(facts),
    ...notArchived(facts),
    ...unanswered(facts),
    ...tooMany(facts),
  ];
}

function unknownSchema({ unknownSchema, folder }: ChangeFacts): Diagnostic[] {
  if (unknownSchema === null) return [];
  return [
    {
      severity: "warning",
      code: "unknown_schema",
      message: `No schema "${unknownSchema}" can be read in openspec/schemas, among your own schemas or in OpenSpec, so only tasks.md says how far this is.`,
      target: `${folder}/.openspec.yaml`,
      fix: "Add the schema below openspec/schemas, or name one that `openspec schemas` lists.",
    },
  ];
}

const MARK_OF_CHANGE = /^((?:[^/]+\/){1,3})(?:\.openspec\.yaml|(?:proposal|tasks|design)\.md|specs\/.+)$/;

/** A folder that holds nothing but folders with changes in them: OpenSpec sees none of these and refuses to archive it. */
function wrapping({ files: { id, documents }, artifacts, folder }: ChangeFacts): Diagnostic[] {
  const names = [...documents.keys()];
  const isChange = names.some((name) => !name.includes("/") || name.startsWith("specs/"));
  if (isChange || artifacts.some(({ status }) => status === "done")) return [];
  const inner = names.flatMap((name) => MARK_OF_CHANGE.exec(name)?.[1]?.slice(0, -1) ?? [])[0];
  if (inner === undefined) return [];
  return [
    {
      severity: "error",
      code: "change_nested",
      message: `${id} is no change but a folder around one: OpenSpec looks for changes directly below changes/ alone.`,
      target: `${folder}/${inner}`,
      fix: `Move it: git mv ${folder}/${inner} ${folder.slice(0, folder.lastIndexOf("/"))}/${id}-${inner.replaceAll("/", "-")}`,
    },
  ];
}

/** One finding per requirement, however many changes touch it. */
function overlapping({ overlaps, folder }: ChangeFacts): Diagnostic[] {
  const places = new Map<string, Overlap[]>();
  for (const overlap of overlaps) {
    const key = `${overlap.capability}\0${overlap.requirement}`;
    places.set(key, [...(places.get(key) ?? []), overlap]);
  }
  return [...places.values()].map((same) => {
    const { capability, requirement } = same[0]!;
    const others = same.map(({ change }) => change).join(", ");
    const verb = same.length === 1 ? "touches" : "touch";
    return {
      severity: "warning",
      code: "overlap",
      message: `${others} ${verb} "${requirement}" of ${capability} as well; the one archived last replaces the other's text.`,
      target: `${folder}/specs/${capability}/spec.md`,
      fix: `Agree with ${others} on one text, and write the later delta against the earlier one's result.`,
    };
  });
}

function notArchived({ stage, files, folder }: ChangeFacts): Diagnostic[] {
  if (stage !== "implemented" || files.git === "branch") return [];
  return [
    {
      severity: "info",
      code: "done_not_archived",
      message: "Every task is done, and the specs do not say so yet.",
      target: folder,
      fix: `Call change_archive with the id ${files.id}.`,
    },
  ];
}

function unanswered({ files: { questions } }: ChangeFacts): Diagnostic[] {
  const open = questions.filter(({ answered }) => !answered);
  const first = open[0];
  if (!first) return [];
  const message =
    open.length === 1 ? "1 open question has no answer." : `${open.length} open questions have no answer.`;
  return [
    {
      severity: "info",
      code: "open_questions",
      message,
      target: `${first.path}:${first.line}`,
      fix: "Answer it with change_process, which writes the answer below it.",
    },
  ];
}

function tooMany({ files, folder }: ChangeFacts): Diagnostic[] {
  if (!files.truncated) return [];
  return [
    {
      severity: "warning",
      code: "document_too_large",
      message: "The change holds more files than are looked at.",
      target: folder,
      fix: "Keep generated files outside the change.",
    },
  ];
}
