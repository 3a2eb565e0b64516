import type { DocumentEdit } from "../adapters/markdown/index.ts";
import { readYaml, setYamlKey, writeYaml } from "../adapters/yaml/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { lessonPath, type Action, type Experiment } from "./experiment.ts";
import type { Documents } from "./ports.ts";

/** The committed configuration, where settings are changed. */
export const CONFIG_FILE = "specloop.yaml";

/** One file of an implementing commit. */
export interface PlannedFile {
  path: string;
  edits: DocumentEdit[];
  baseRevision?: string;
}

interface PlanContext {
  documents: Documents;
  proposalId: string;
  /** Day of the approval, `2026-11-21`. */
  day: string;
}

/** The edits that carry an experiment out; all files together are one commit. */
export async function planFiles({ actions }: Experiment, context: PlanContext): Promise<PlannedFile[]> {
  const files: PlannedFile[] = [];
  const settings = actions.filter((action) => action.kind === "setting");
  if (settings.length > 0)
    files.push(
      await configWith(
        context.documents,
        settings.map(({ key, to }) => [key, to]),
      ),
    );
  for (const action of actions) {
    if (action.kind === "document") files.push({ path: action.path, edits: [action.edit] });
    if (action.kind === "lesson")
      files.push({ path: lessonPath(action.title), edits: [{ kind: "write", content: lesson(action, context) }] });
  }
  return files;
}

/** Files that an experiment touches. */
export function pathsOf({ actions }: Experiment): string[] {
  const paths = actions.map((action) => {
    if (action.kind === "setting") return CONFIG_FILE;
    return action.kind === "document" ? action.path : lessonPath(action.title);
  });
  return [...new Set(paths)];
}

/** The configuration with these keys set and everything else as it is. */
export async function configWith(documents: Documents, values: [key: string, value: number][]): Promise<PlannedFile> {
  const file = await readIfThere(documents, CONFIG_FILE);
  const content = values.reduce((text, [key, value]) => setYamlKey(text, key.split("."), value), file?.content ?? "");
  return {
    path: CONFIG_FILE,
    edits: [{ kind: "write", content }],
    ...(file ? { baseRevision: file.revision } : {}),
  };
}

/** The number that a configuration text gives a key; undefined when it does not name it. */
export function settingIn(text: string, key: string): unknown {
  let value: unknown = readYaml(text, CONFIG_FILE);
  for (const part of key.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.entries(value).find(([name]) => name === part)?.[1];
  }
  return value;
}

export async function readIfThere(
  documents: Documents,
  path: string,
): Promise<{ revision: string; content: string } | null> {
  try {
    return await documents.read(path);
  } catch (error) {
    if (error instanceof SpecloopError && error.code === "unknown_document") return null;
    throw error;
  }
}

function lesson({ title, text }: Extract<Action, { kind: "lesson" }>, { proposalId, day }: PlanContext): string {
  const matter = writeYaml({
    id: lessonPath(title).split("/").at(-1)!.replace(/\.md$/, ""),
    source: proposalId,
    created: day,
    status: "approved",
  });
  return `---\n${matter}---\n# ${title.replaceAll(/\s+/g, " ").trim()}\n\n${text.trim()}\n`;
}
