import type { ChangeFiles } from "./change-files.ts";
import type { Overlap } from "./state.ts";

/** Who touches which requirement, over all changes of a root. */
export interface Touched {
  /** Requirements that this change and another one both touch. */
  overlaps(id: string): Overlap[];
  /** Changes that add this requirement, or rename one to it. */
  adding(capability: string, requirement: string): string[];
  /** A text that is the same as long as the same changes touch, in the same way, what this change touches. */
  around(id: string): string;
}

interface Touch {
  key: string;
  /** The requirement is new by this change. */
  adds: boolean;
  /** As another change is told of it. */
  shown: Overlap;
}

export function touchedRequirements(changes: Iterable<ChangeFiles>): Touched {
  const byRequirement = new Map<string, Touch[]>();
  const byChange = new Map<string, Touch[]>();
  for (const files of changes) {
    for (const touch of touchesOf(files)) {
      push(byRequirement, touch.key, touch);
      push(byChange, files.id, touch);
    }
  }
  const of = (id: string) => byChange.get(id) ?? [];
  const touching = new Map<string, string>();
  const describe = (key: string) => {
    const known = touching.get(key) ?? describeAll(byRequirement.get(key) ?? []);
    touching.set(key, known);
    return known;
  };
  return {
    overlaps: (id) => of(id).flatMap(({ key }) => othersOf(id, byRequirement.get(key) ?? [])),
    adding: (capability, requirement) =>
      (byRequirement.get(keyOf(capability, requirement)) ?? []).flatMap(({ adds, shown }) =>
        adds ? [shown.change] : [],
      ),
    around: (id) =>
      of(id)
        .map(({ key }) => describe(key))
        .join("\n"),
  };
}

/** What one change touches follows from it alone, and most changes are the same from look to look. */
const known = new WeakMap<ChangeFiles, Touch[]>();

function touchesOf(files: ChangeFiles): Touch[] {
  const touches = known.get(files) ?? files.deltaFiles.flatMap((deltaFile) => touchesOfDelta(files.id, deltaFile));
  known.set(files, touches);
  return touches;
}

function touchesOfDelta(change: string, { capability, delta }: ChangeFiles["deltaFiles"][number]): Touch[] {
  const { added, modified, removed, renamed } = delta;
  const news = new Set([...added.map(({ name }) => name), ...renamed.map(({ to }) => to)]);
  const old = [...[...modified, ...removed].map(({ name }) => name), ...renamed.map(({ from }) => from)];
  return [...new Set([...news, ...old])].map((requirement) => ({
    key: keyOf(capability, requirement),
    adds: news.has(requirement),
    shown: { change, capability, requirement },
  }));
}

function othersOf(id: string, all: Touch[]): Overlap[] {
  const others = all.flatMap(({ shown }) => (shown.change === id ? [] : [shown]));
  return others.sort((a, b) => (a.change < b.change ? -1 : 1));
}

function describeAll(touches: Touch[]): string {
  return touches.map(({ adds, shown }) => `${adds ? "+" : ""}${shown.change}`).join(",");
}

function keyOf(capability: string, requirement: string): string {
  return `${capability}\0${requirement}`;
}

function push<Value>(map: Map<string, Value[]>, name: string, value: Value): void {
  const values = map.get(name);
  if (values) values.push(value);
  else map.set(name, [value]);
}
