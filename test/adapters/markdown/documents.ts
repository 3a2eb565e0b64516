import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { REAL_REPOSITORIES, realRepositoriesMissing, realFiles } from "../../helpers/repository.ts";

/** Markdown files that people and agents wrote. */
export interface RealDocument {
  path: string;
  text: string;
}

const projectRoot = resolve(import.meta.dirname, "../../..");

export function ownDocuments(): RealDocument[] {
  return documentsBelow(projectRoot, ["openspec/**/*.md", "docs/**/*.md", "*.md"]);
}

/** Documents of the real repositories; none, loudly, where they are not beside this clone. */
export async function realDocuments(): Promise<RealDocument[]> {
  if (realRepositoriesMissing !== null) {
    console.warn(realRepositoriesMissing);
    return [];
  }
  const all: RealDocument[] = [];
  for (const name of REAL_REPOSITORIES) {
    await using repository = await realFiles(name);
    all.push(
      ...documentsBelow(repository.path, ["**/*.md"]).map(({ path, text }) => ({ path: `${name}/${path}`, text })),
    );
  }
  return all;
}

function documentsBelow(root: string, globs: string[]): RealDocument[] {
  return globs
    .flatMap((glob) => globSync(glob, { cwd: root }))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
    .filter(({ text }) => text.length < 200_000);
}
