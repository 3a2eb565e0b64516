import type { Diagnostic } from "../foundation/errors.ts";
import type { ArchiveFacts } from "./archive-facts.ts";
import type { ArchivedTasks } from "./archive-tasks.ts";
import { documentFindings } from "./document-findings.ts";
import type { Snapshot } from "./snapshot.ts";

/** Problems of a planning root itself: its configuration, schemas, main specs and its archive's lock. */
export function rootFindings(snapshot: Snapshot): Diagnostic[] {
  const used = new Set([snapshot.config.schema, ...[...snapshot.changes.values()].map(({ schema }) => schema)]);
  const isOwn = ({ target = "" }: Diagnostic) => target.startsWith(`${snapshot.root}/`);
  // A broken schema of the person's own is no problem of this repository unless it is used here.
  const schemas = [...snapshot.schemas].flatMap(([name, schema]) =>
    "severity" in schema && (isOwn(schema) || used.has(name)) ? [schema] : [],
  );
  const { root, config, specs, archive } = snapshot;
  return [...config.problems, ...schemas, ...documentFindings(specs.values()), ...leftLock(root, archive)];
}

function leftLock(root: string, { deadLock }: ArchiveFacts): Diagnostic[] {
  if (!deadLock) return [];
  const target = `${root}/changes/archive/.openspec-archive.lock`;
  const holder =
    deadLock.pid === null ? "It does not say who took it" : `Process ${deadLock.pid}, which took it, is gone`;
  return [
    {
      severity: "error",
      code: "archive_lock_left",
      message: `An archive was interrupted and left its lock. ${holder}; OpenSpec refuses every archive while it is there.`,
      target,
      fix: `Look with git status whether a spec was half written, then remove ${target}.`,
    },
  ];
}

/** What an archived change left undone; `path` is its folder. */
export function archivedFindings(path: string, tasks: ArchivedTasks | undefined): Diagnostic[] {
  if (!tasks || tasks.firstOpen === null) return [];
  const open = tasks.total - tasks.done;
  return [
    {
      severity: "info",
      code: "archived_open_tasks",
      message: `It was archived with ${open} of ${tasks.total} tasks open.`,
      target: `${path}/${tasks.firstOpen}`,
      fix: "Tick what was done, or propose a change for the rest.",
    },
  ];
}
