import { SpecloopError } from "../foundation/errors.ts";
import { newId } from "../foundation/ids.ts";
import type { Principal } from "../foundation/principal.ts";
import type { Edit } from "./edit-rows.ts";
import { messageFrom, trailersFor } from "./message.ts";
import type { PreparedFile } from "./prepare.ts";
import type { UpdateRequest } from "./types.ts";

const MAX_FILES = 50;
const MAX_EDITS = 200;

/** Throws `bad_input` for an update that cannot mean anything. */
export function checkRequest({ files, reason }: UpdateRequest): void {
  const edits = files.reduce((sum, file) => sum + file.edits.length, 0);
  const empty = files.length === 0 || files.some((file) => file.edits.length === 0);
  if (empty || files.length > MAX_FILES || edits > MAX_EDITS) {
    const limits = `1 to ${MAX_FILES} files with at least one edit each, and ${MAX_EDITS} edits at most`;
    throw new SpecloopError("bad_input", `An update has ${limits}.`);
  }
  if (messageFrom(reason) === "")
    throw new SpecloopError("bad_input", "An update needs a reason.", { target: "reason" });
}

type Source = Pick<UpdateRequest, "origin" | "idempotencyKey"> & {
  principal: Principal;
  reason: string;
  message: string;
  inputHash: string;
  createdAt: number;
};

/** An edit with an id of its own, that nothing knows of yet. */
export function newEdit({ principal, reason, message, inputHash, createdAt, origin, idempotencyKey }: Source): Edit {
  const id = newId("e");
  const trailers = trailersFor({ id, principal, reason, origin });
  const none = { request: null, commit: null, branch: null, result: null, note: null, group: null };
  return {
    id,
    state: "intent",
    createdAt,
    files: [],
    message,
    trailers,
    reason,
    principal,
    idempotencyKey: idempotencyKey ?? null,
    inputHash,
    ...none,
  };
}

export function withFiles(edit: Edit, files: PreparedFile[]): Edit {
  return { ...edit, files: files.map(({ path, base, next, edits }) => ({ path, base, next, edits })) };
}
