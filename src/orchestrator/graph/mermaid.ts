import type { ChangeGraph } from "./graph.ts";

/**
 * The graph as Mermaid draws it: an arrow to what is needed, a dotted line between changes that overlap. Changes that have
 * to do with no other one are left out, unless that is all of them.
 */
export function mermaidOf({ nodes, edges }: ChangeGraph): string {
  const joined = new Set(edges.flatMap(({ from, to }) => [from, to]));
  const names = new Map(nodes.map(({ id }, index) => [id, `c${index}`]));
  const shown = joined.size === 0 ? nodes : nodes.filter(({ id }) => joined.has(id));
  const lines = shown.map(({ id, stage }) => `  ${names.get(id)}["${escaped(id)}<br/>${escaped(stage)}"]`);
  const arrows = edges.map(({ from, to, kind, why }) => {
    const label = escaped(why.length > 1 ? `${why[0]} and ${why.length - 1} more` : (why[0] ?? ""));
    const arrow = kind === "depends" ? `-->|"${label}"|` : `-.-|"${label}"|`;
    return `  ${names.get(from)} ${arrow} ${names.get(to)}`;
  });
  return ["flowchart LR", ...lines, ...arrows].join("\n");
}

/** Names come from folders and documents: nothing in them may end the label. */
function escaped(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} _./-]/gu, (character) => `#${character.codePointAt(0)};`);
}
