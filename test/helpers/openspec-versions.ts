import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const folder = resolve(import.meta.dirname, "../openspec-versions");

/** Versions that lie side by side in test/openspec-versions, oldest first: the names behind `openspec-`. */
export const OPENSPEC_VERSIONS = ["0.23", "1.0", "1.3", "1.6", "1.10", "1.13"] as const;

/** Why comparisons with them cannot run here, or null when they can. */
export const openspecVersionsMissing: string | null = OPENSPEC_VERSIONS.every((name) => existsSync(packageOf(name)))
  ? null
  : "SKIPPED: the OpenSpec versions to compare with are not installed (npm test does it when the registry answers)";

interface Block {
  name: string;
  raw: string;
}
interface Issue {
  level: "ERROR" | "WARNING" | "INFO";
  message: string;
}

/** The inner parts of one version that read and judge, loaded by their files: the package does not export them. */
export interface OpenspecVersion {
  version: string;
  parseDeltaSpec(text: string): {
    added: Block[];
    modified: Block[];
    removed: string[];
    renamed: { from: string; to: string }[];
  };
  extractRequirementsSection(text: string): { bodyBlocks: Block[] };
  countTasksFromContent(text: string): { total: number; completed: number };
  Validator: new (strict: boolean) => {
    validateChangeDeltaSpecs(
      directory: string,
      options: { mainSpecsDir: string; projectRoot: string },
    ): Promise<{ issues: Issue[] }>;
    validateSpec(file: string): Promise<{ issues: Issue[] }>;
  };
}

export async function loadOpenspec(name: (typeof OPENSPEC_VERSIONS)[number]): Promise<OpenspecVersion> {
  const load = async (path: string): Promise<unknown> =>
    import(pathToFileURL(join(packageOf(name), "dist", path)).href);
  const manifest = JSON.parse(readFileSync(join(packageOf(name), "package.json"), "utf8")) as { version: string };
  const blocks = (await load("core/parsers/requirement-blocks.js")) as OpenspecVersion;
  const tasks = (await load("utils/task-progress.js")) as OpenspecVersion;
  const judging = (await load("core/validation/validator.js")) as OpenspecVersion;
  return { ...blocks, ...tasks, ...judging, version: manifest.version };
}

function packageOf(name: string): string {
  return join(folder, "node_modules", `openspec-${name}`);
}
