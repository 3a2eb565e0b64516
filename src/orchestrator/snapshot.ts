import type { ChangeSchema, PlanningConfig } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import type { Document } from "./document.ts";
import type { Place } from "./state.ts";

/** The files of one change and what git says about them. */
export interface ChangeFiles {
  id: string;
  /** By path inside the change folder. */
  documents: Map<string, Document>;
  /** There are more files than are looked at. */
  truncated: boolean;
  git: Place;
  branch: string | null;
}

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
  /** Plan hashes that a person approved, by change. */
  approvals: Map<string, Set<string>>;
}
