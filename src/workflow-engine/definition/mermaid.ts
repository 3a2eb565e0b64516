import type { Plan, PlanNode } from "../plan.ts";

const MAX_LABEL = 60;

/** The graph as Mermaid's text (https://mermaid.js.org/syntax/flowchart.html), which pull requests and READMEs draw. */
export function toMermaid({ nodes }: Plan): string {
  const ids = new Map(nodes.map(({ key }, index) => [key, `n${index}`]));
  const lines = nodes.flatMap((node) => {
    const id = ids.get(node.key)!;
    return [`  ${id}${shape(node)}`, ...node.needs.map((need) => `  ${ids.get(need)} --> ${id}`), ...aside(node, id)];
  });
  return `${["flowchart TD", ...lines].join("\n")}\n`;
}

/** Decisions are rhombi, questions to people stand out. */
function shape({ key, type, when, body }: PlanNode): string {
  const inside = body ? `: ${body.nodes.map((node) => node.key).join(", ")}` : "";
  const text = label(`${key} (${type}${inside})${when === null ? "" : ` when ${when}`}`);
  if (type === "condition") return `{"${text}"}`;
  if (type === "approval" || type === "wait") return `(["${text}"])`;
  return `["${text}"]`;
}

/** What happens instead, and what takes it back. */
function aside({ fallback, undo }: PlanNode, id: string): string[] {
  const instead = fallback && "node" in fallback ? [[fallback.node, "instead"] as const] : [];
  const back = undo ? [[undo, "undo"] as const] : [];
  return [...instead, ...back].map(
    ([node, word]) => `  ${id} -. ${word} .-> ${id}_${word}${shape({ ...node, when: null })}`,
  );
}

/** Entities for all that Mermaid or HTML could take for its own. */
function label(text: string): string {
  const short = text.length > MAX_LABEL ? `${text.slice(0, MAX_LABEL)}…` : text;
  return Array.from(short.replaceAll(/\s+/g, " "), (character) =>
    /[\p{L}\p{N} ().,:…_/-]/u.test(character) ? character : `#${character.codePointAt(0)};`,
  ).join("");
}
