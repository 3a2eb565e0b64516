import { Approvers, isTrusted, personFiles } from "../access/approvals/index.ts";
import { findPlaces } from "../places.ts";
import type { CliContext } from "./context.ts";

/** The approvers of the account, kept outside of where agents write. */
export async function approversOf(context: CliContext): Promise<Approvers> {
  const places = await findPlaces(context.path).catch(() => null);
  const outside = places === null ? [] : [places.worktree, places.repository];
  const files = personFiles(context.env);
  isTrusted(files.approvers, outside, true);
  return new Approvers({ files, outside });
}
