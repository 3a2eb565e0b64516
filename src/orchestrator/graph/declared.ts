import { isChangeId } from "../../adapters/openspec/index.ts";
import { readYaml } from "../../adapters/yaml/index.ts";

/** Keys of `.openspec.yaml` under which changes name what they need; OpenSpec passes over keys that it does not know. */
const KEYS = ["depends_on", "dependsOn", "depends-on", "requires"];
const LINE = /\bdepends[ _-]?on\b\s*:?\s*(.+)$/i;

/** Ids that a change's own documents name as needed. Never throws: what cannot be read names nothing. */
export function declaredIn(metadata: string | null, proposal: string | null): { id: string; where: string }[] {
  return [
    ...idsIn(metadata).map((id) => ({ id, where: ".openspec.yaml" })),
    ...namedIn(proposal).map((id) => ({ id, where: "proposal.md" })),
  ];
}

function idsIn(metadata: string | null): string[] {
  if (metadata === null) return [];
  try {
    const values = readYaml(metadata, ".openspec.yaml");
    if (typeof values !== "object" || values === null) return [];
    return KEYS.flatMap((key) => (key in values ? ids((values as Record<string, unknown>)[key]) : []));
  } catch {
    return [];
  }
}

function ids(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((id): id is string => typeof id === "string");
}

/** `Depends on: add-login, \`add-logout\``: words that look like ids; whether such a change exists is for the caller. */
function namedIn(proposal: string | null): string[] {
  if (proposal === null) return [];
  return proposal.split(/\r\n|\r|\n/).flatMap((line) => {
    const rest = LINE.exec(line)?.[1];
    return rest === undefined
      ? []
      : rest
          .split(/[\s,;()[\]`"'*]+/)
          .map((word) => word.replace(/\.$/, ""))
          .filter(isChangeId);
  });
}
