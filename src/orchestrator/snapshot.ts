import type { ChangeSchema, PlanningConfig } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import type { ArchiveFacts } from "./archive-facts.ts";
import type { ChangeFiles } from "./change-files.ts";
import type { Document } from "./document.ts";

/** One planning root as it was read: the whole input of `derive`. */
export interface Snapshot {
  root: string;
  config: PlanningConfig;
  /** Schemas of the project by folder name; a broken one is its problem. */
  schemas: Map<string, ChangeSchema | Diagnostic>;
  /** Main specs by capability. */
  specs: Map<string, Document>;
  changes: Map<string, ChangeFiles>;
  /** Names of the folders below changes/archive. */
  archived: string[];
  archive: ArchiveFacts;
  /** Plan hashes that a person approved, by change. */
  approvals: Map<string, Set<string>>;
  /** Changes that lie elsewhere, under names that say where: only what overlaps with them depends on them. */
  beside?: ChangeFiles[];
}
