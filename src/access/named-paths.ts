import { resolveInside, toRepositoryPath } from "../foundation/paths.ts";
import { realpathSync } from "node:fs";

/** Inputs are flat; deeper there are only values that a tool takes as they are. */
const MAX_DEPTH = 4;

/** The paths of documents that a tool's input names: the texts under `path` and `paths`; `cited` are only pointed at. */
export function namedPaths(input: unknown, cited = false, depth = 0): { path: string; cited: boolean }[] {
  if (typeof input !== "object" || input === null || depth > MAX_DEPTH) return [];
  if (Array.isArray(input)) return input.flatMap((item: unknown) => namedPaths(item, cited, depth + 1));
  return Object.entries(input).flatMap(([key, value]: [string, unknown]) => {
    if (key === "path" || key === "paths") return textsOf(value).map((path) => ({ path, cited }));
    return namedPaths(value, cited || key === "citations", depth + 1);
  });
}

/** Where a path leads, with its links resolved; null for one that no tool takes either. */
export function leadsTo(root: string, path: string): string | null {
  try {
    const place = toRepositoryPath(realpathSync(root), resolveInside(root, path));
    return place === "" ? "." : place;
  } catch {
    return null;
  }
}

function textsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((item): item is string => typeof item === "string");
}
