import { z } from "zod";
import type { NodeType } from "../node-type.ts";
import type { DocumentDesk } from "../ports.ts";

const config = z.strictObject({
  path: z.string().min(1).max(1000).describe("The document, relative to the repository"),
  edits: z.array(z.record(z.string(), z.unknown())).min(1).max(100).describe("Edits as the tool doc_update takes them"),
  reason: z.string().min(1).max(500).describe("Why: the subject of the commit"),
  base_revision: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .optional()
    .describe("What the edit was made against"),
});

/** Edits a document under git; what policy wants a person for goes to a branch and waits there. */
export function document(documents: DocumentDesk): NodeType<z.output<typeof config>> {
  return {
    type: "document",
    place: "clone",
    description: "Edits a document under git, with history; sensitive ones wait for a person's approval.",
    config,
    expressions: [],
    output: () => ({
      type: "object",
      properties: {
        status: { type: "string" },
        commit: { type: ["string", "null"] },
        branch: { type: ["string", "null"] },
        approval: { type: ["string", "null"] },
        revision: { type: ["string", "null"] },
      },
      required: ["status", "commit", "branch", "approval", "revision"],
    }),
    // An edit has an idempotency key: made again it is the same edit.
    onCrash: "retry",
    execute: async ({ config: given, principal, idempotencyKey, round, log }) => {
      const { path, edits, reason, base_revision: baseRevision } = given;
      const file = { path, edits, ...(baseRevision !== undefined && { baseRevision }) };
      const key = `${idempotencyKey}/${round}`;
      const done = await documents.update({ files: [file], reason, principal, idempotencyKey: key });
      log(done.message);
      const { status, commit, branch, approval = null, files } = done;
      return { outcome: "done", output: { status, commit, branch, approval, revision: files[0]?.revision ?? null } };
    },
  };
}
