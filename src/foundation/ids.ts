import { randomBytes } from "node:crypto";

declare const brand: unique symbol;
/** A string that only the function that made or checked it may name so. */
export type Branded<Name extends string> = string & { readonly [brand]: Name };

export type QuestionId = Branded<"QuestionId">;
export type AnswerId = Branded<"AnswerId">;
export type CycleId = Branded<"CycleId">;
export type ProposalId = Branded<"ProposalId">;
export type ExperimentId = Branded<"ExperimentId">;
export type EditId = Branded<"EditId">;
export type BackupId = Branded<"BackupId">;
export type ArchiveId = Branded<"ArchiveId">;
export type ApprovalId = Branded<"ApprovalId">;
export type RunId = Branded<"RunId">;
export type OfferId = Branded<"OfferId">;
export type WorkId = Branded<"WorkId">;

/** Every kind of id, by the prefix that a person sees: `q-7k2m9x4t1c8r`. */
interface IdKinds {
  q: QuestionId;
  a: AnswerId;
  cy: CycleId;
  p: ProposalId;
  x: ExperimentId;
  e: EditId;
  b: BackupId;
  ar: ArchiveId;
  ap: ApprovalId;
  r: RunId;
  of: OfferId;
  w: WorkId;
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * A new id of one kind: its prefix and 16 characters of Crockford base 32 (80 random bits), so that a handle that is
 * shown to one client cannot be guessed by another. Order is kept by sequence columns, never by ids.
 */
export function newId<Kind extends keyof IdKinds>(kind: Kind): IdKinds[Kind] {
  const characters = Array.from(randomBytes(16), (byte) => ALPHABET[byte % 32]).join("");
  return `${kind}-${characters}` as IdKinds[Kind];
}

/** Takes a string that came through a door as an id; whether it exists is for the room to say. */
export function asId<Kind extends keyof IdKinds>(_kind: Kind, text: string): IdKinds[Kind] {
  return text as IdKinds[Kind];
}
