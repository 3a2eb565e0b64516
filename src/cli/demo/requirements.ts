import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSpec } from "../../adapters/openspec/index.ts";

/** A requirement of the repository's main specs: what questions can be asked about. */
export interface KnownRequirement {
  path: string;
  capability: string;
  name: string;
  /** Its first sentence. */
  text: string;
}

/** Requirements in the order of their files; the story needs some forty. */
export function knownRequirements(repository: string): KnownRequirement[] {
  const files = globSync("openspec/specs/**/spec.md", { cwd: repository }).toSorted();
  return files.flatMap((path) => {
    const capability = path.split("/").slice(2, -1).join("/");
    const { requirements } = parseSpec(readFileSync(join(repository, path), "utf8"));
    return requirements.map(({ name, text }) => ({ path, capability, name, text: firstParagraph(text) }));
  });
}

function firstParagraph(text: string): string {
  const [paragraph = ""] = text
    .split(/\n\s*\n|\n#{1,6} /)
    .filter((part) => part.trim() !== "" && !part.startsWith("#"));
  return paragraph.trim().slice(0, 600);
}
