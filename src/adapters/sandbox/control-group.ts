import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SandboxLimits } from "./port.ts";

/** Limits over all processes of a command together; null where this process may not make a control group. */
export interface ControlGroup extends Disposable {
  /** Files that a process writes its id into to belong to it. */
  joins: string[];
}

const ROOT = "/sys/fs/cgroup";
/** Unified (v2), or one tree per controller (v1): the folder and what each limit is called there. */
const TREES = [
  { folder: ROOT, marker: "cgroup.controllers", limits: { "pids.max": "processes", "memory.max": "memoryBytes" } },
  { folder: join(ROOT, "pids"), marker: "cgroup.procs", limits: { "pids.max": "processes" } },
  {
    folder: join(ROOT, "memory"),
    marker: "cgroup.procs",
    limits: { "memory.limit_in_bytes": "memoryBytes" },
  },
] as const;

export function makeControlGroup(limits: SandboxLimits): ControlGroup | null {
  const folders: string[] = [];
  const leave = () => {
    for (const folder of folders) if (existsSync(folder)) tryTo(() => rmdirSync(folder));
  };
  let counted = false;
  for (const tree of TREES) {
    if (!existsSync(join(tree.folder, tree.marker))) continue;
    const folder = join(parentOf(tree.folder), `specloop-${randomUUID()}`);
    const made = tryTo(() => {
      mkdirSync(folder);
      folders.push(folder);
      for (const [file, limit] of Object.entries(tree.limits)) writeFileSync(join(folder, file), String(limits[limit]));
    });
    counted ||= made && "pids.max" in tree.limits;
  }
  if (!counted) {
    leave();
    return null;
  }
  return { joins: folders.map((folder) => join(folder, "cgroup.procs")), [Symbol.dispose]: leave };
}

/** Where in a tree this process stands itself: only there may it make groups, if anywhere. */
function parentOf(tree: string): string {
  if (tree !== ROOT) return tree;
  const own = /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  return join(tree, own);
}

function tryTo(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
