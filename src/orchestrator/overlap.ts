import type { ChangeFiles } from "./change-files.ts";
import type { Overlap } from "./state.ts";

/** Who touches which requirement, over all changes of a root. */
export interface Touched {
  /** Requirements that this change and another one both touch. */
  overlaps(id: string): Overlap[];
  /** Changes that add this requirement, or rename one to it. */
  adding(capability: string, requirement: string): string[];
}

interface Touch {
  change: string;
  capability: string;
  requirement: string;
}

export function touchedRequirements(changes: Iterable<ChangeFiles>): Touched {
  const byRequirement = new Map<string, Touch[]>();
  const byChange = new Map<string, Touch[]>();
  const added = new Map<string, string[]>();
  for (const files of changes) {
    for (const { capability, delta } of files.deltaFiles) {
      const { added: additions, modified, removed, renamed } = delta;
      const news = [...additions.map(({ name }) => name), ...renamed.map(({ to }) => to)];
      const old = [
        ...modified.map(({ name }) => name),
        ...removed.map(({ name }) => name),
        ...renamed.map(({ from }) => from),
      ];
      for (const requirement of new Set(news)) push(added, key(capability, requirement), files.id);
      for (const requirement of new Set([...news, ...old])) {
        const touch = { change: files.id, capability, requirement };
        push(byRequirement, key(capability, requirement), touch);
        push(byChange, files.id, touch);
      }
    }
  }
  return {
    overlaps: (id) => (byChange.get(id) ?? []).flatMap((touch) => othersOf(byRequirement, touch)),
    adding: (capability, requirement) => added.get(key(capability, requirement)) ?? [],
  };
}

function othersOf(byRequirement: Map<string, Touch[]>, { change, capability, requirement }: Touch): Overlap[] {
  const all = byRequirement.get(key(capability, requirement)) ?? [];
  return all.filter((other) => other.change !== change).sort((a, b) => (a.change < b.change ? -1 : 1));
}

function key(capability: string, requirement: string): string {
  return `${capability}\0${requirement}`;
}

function push<Value>(map: Map<string, Value[]>, name: string, value: Value): void {
  const values = map.get(name);
  if (values) values.push(value);
  else map.set(name, [value]);
}
