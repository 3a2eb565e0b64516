import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sharedDataFile } from "./repository.ts";

/** A small change or spec with the verdict that OpenSpec 1.13.2 gave, null where it did not list it. */
export interface RuleCase {
  kind: "change" | "spec";
  name: string;
  files: Record<string, string>;
  openspec_1_13_2: { valid: boolean; issues: { level: string; path: string; message: string }[] } | null;
}

export interface RuleCases {
  cases: RuleCase[];
  config: string;
}

export function readRuleCases(): RuleCases {
  return JSON.parse(readFileSync(sharedDataFile("openspec-rule-cases.json"), "utf8")) as RuleCases;
}

/** Writes every change of them beside the main spec that they refer to, and the specs below `others/`. */
export async function writeRuleCases(project: string, { cases, config }: RuleCases): Promise<void> {
  const put = async (path: string, content: string) => {
    await mkdir(dirname(join(project, path)), { recursive: true });
    await writeFile(join(project, path), content);
  };
  await put("openspec/config.yaml", config);
  for (const { kind, name, files } of cases) {
    const folders = kind === "change" ? [`openspec/changes/${name}`] : [`others/${name}`];
    if (kind === "spec" && name === "auth") folders.push("openspec/specs/auth");
    for (const folder of folders) {
      await mkdir(join(project, folder), { recursive: true });
      for (const [path, content] of Object.entries(files)) await put(`${folder}/${path}`, content);
    }
  }
}
