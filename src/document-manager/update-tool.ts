import { z } from "zod";
import type { DocumentEdit } from "../adapters/markdown/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { defineTool, type Tool } from "../foundation/tool.ts";
import { EDIT_KINDS, editOf } from "./edit-kinds.ts";
import type { DocumentManager } from "./manager.ts";
import type { UpdateRequest } from "./types.ts";

const field = z.string().optional();

/** Flat instead of a union of thirty shapes: a tenth of the tokens, and small models fill it in more surely. */
const editSchema = z.object({
  kind: z.enum(EDIT_KINDS),
  section: field,
  occurrence: z.number().optional(),
  target: z.string().optional().describe("Item, row, requirement, scenario, code"),
  task: z.string().optional().describe("Number or text"),
  content: field,
  to: field,
  before: field,
  after: field,
  done: z.boolean().optional(),
  key: field,
  value: z.unknown().optional(),
  find: field,
  replace: field,
});

const input = z.object({
  path: field,
  edits: z.array(editSchema).optional(),
  files: z.array(z.looseObject({})).optional().describe("{path, edits, baseRevision}"),
  reason: z.string().describe("Commit message"),
  baseRevision: field,
  change: field,
  dryRun: z.boolean().optional(),
  idempotencyKey: field,
});

const file = z.object({ path: z.string(), edits: z.array(editSchema), baseRevision: field });

export function updateTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "doc_update",
    title: "Edit a document",
    description:
      "Edits documents in place and commits only them; sensitive paths are proposed on a branch for a person. find must occur once; write makes a file or replaces all.",
    input,
    output: z.object({
      status: z.enum(["committed", "commit_pending", "proposed", "written", "unchanged", "preview"]),
      commit: z.string().optional(),
      branch: z.string().optional(),
      approval: z.string().optional().describe("What approval_get waits for"),
      revision: z.string(),
      diff: z.string(),
      files: z.array(z.object({ path: z.string(), revision: z.string() })).optional(),
      message: z.string(),
    }),
    effect: "write",
    tellsItself: true,
    changed: ({ status }) => status !== "preview" && status !== "unchanged",
    toolset: "default",
  }).handle({
    run: async (call, { principal }) => {
      const { reason, change, idempotencyKey } = call;
      const request: UpdateRequest = {
        files: filesOf(call),
        reason,
        principal,
        ...(change === undefined ? {} : { origin: { change } }),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      };
      if (call.dryRun === true) {
        const { files, message } = await manager.preview(request);
        return { status: "preview" as const, ...shown(files), message };
      }
      const { status, commit, branch, approval, files, message } = await manager.update(request);
      const waits = { ...(branch && { branch }), ...(approval && { approval }) };
      return { status, ...(commit && { commit }), ...waits, ...shown(files), message };
    },
    render: ({ status, revision, diff, files = [], message }) => {
      const changes = diff === "" ? "" : `\n\n\`\`\`diff\n${diff}\n\`\`\``;
      const revisions = files.length > 1 ? files.map((one) => `${one.path} ${one.revision}`).join("\n") : revision;
      return `${status}: ${message}\nrevision ${revisions}${changes}`;
    },
  });
}

/** Of one document its revision, of several all of them; the diffs follow each other. */
function shown(files: { path: string; revision: string; diff: string }[]) {
  const diff = files.flatMap((one) => (one.diff === "" ? [] : [one.diff])).join("\n");
  const revisions = files.map(({ path, revision }) => ({ path, revision }));
  return { revision: files[0]?.revision ?? "", diff, ...(files.length > 1 ? { files: revisions } : {}) };
}

type Call = z.output<typeof input>;

function filesOf({ path, edits, files, baseRevision }: Call): UpdateRequest["files"] {
  const single = path !== undefined || edits !== undefined || baseRevision !== undefined;
  if (files !== undefined && !single) return files.map((one, index) => fileOf(one, `files.${index}`));
  if (files === undefined && path !== undefined && edits !== undefined)
    return [fileOf({ path, edits, baseRevision }, "")];
  const missing = path === undefined ? "path" : "edits";
  const why = files === undefined ? `An update needs "${missing}".` : 'An update has "path" and "edits", or "files".';
  throw new SpecloopError("bad_input", why, {
    target: files === undefined ? missing : "files",
    fix: 'For example {"path":"openspec/changes/x/tasks.md","edits":[{"kind":"set_task","task":"1.2"}],"reason":"Done"}.',
  });
}

function fileOf(given: unknown, at: string): UpdateRequest["files"][number] {
  const parsed = file.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const target = [at, ...(issue?.path ?? [])].filter((part) => part !== "").join(".");
    throw new SpecloopError(
      "bad_input",
      `A file of an update cannot be used at "${target}": ${issue?.message ?? ""}.`,
      {
        target,
        fix: "Give each as {path, edits, baseRevision}, with edits as for one document.",
      },
    );
  }
  const { path, edits, baseRevision } = parsed.data;
  return { path, edits: edits.map(asEdit), ...(baseRevision === undefined ? {} : { baseRevision }) };
}

function asEdit({ kind, ...fields }: z.output<typeof editSchema>): DocumentEdit {
  return editOf(kind, fields);
}
