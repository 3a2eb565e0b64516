import { z } from "zod";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import type { DocumentManager } from "../manager.ts";
import type { Backup } from "./backups.ts";

const backup = z.object({
  id: z.string(),
  at: z.number().describe("Epoch milliseconds"),
  why: z.string(),
  by: z.string(),
  paths: z.array(z.string()),
});

/** Tools around backups of documents. */
export function tools(manager: DocumentManager): Tool[] {
  return [listTool(manager), takeTool(manager), restoreTool(manager)];
}

function listTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "backup_list",
    title: "List backups",
    description: "Copies of documents that were kept before risky edits or on request, newest first.",
    input: z.object({ limit: z.int().min(1).max(500).default(20) }),
    output: z.object({ backups: z.array(backup), total: z.int() }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ limit }) => {
      const backups = await manager.backups.list();
      return { backups: backups.slice(0, limit).map(shown), total: backups.length };
    },
    render: ({ backups }) => {
      const lines = backups.map(
        ({ id, at, why, paths }) => `- ${id} ${new Date(at).toISOString()} ${why} (${paths.join(", ")})`,
      );
      return lines.length > 0 ? lines.join("\n") : "There is no backup.";
    },
  });
}

function takeTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "backup_create",
    title: "Back documents up",
    description: "Keeps documents as they are in the working tree, beside the branch, until the backup expires.",
    input: z.object({ paths: z.array(z.string()).min(1).max(200), reason: z.string().min(1).max(500) }),
    output: z.object({ backup: backup.nullable().describe("Null: none of them exists, or there is no commit yet") }),
    effect: "add",
    toolset: "full",
  }).handle({
    run: async ({ paths, reason }, { principal }) => {
      const made = await manager.backups.take(paths, { why: reason, principal });
      return { backup: made && shown(made) };
    },
    render: ({ backup: made }) =>
      made ? `Backup ${made.id} holds ${made.paths.join(", ")}.` : "There was nothing to keep.",
  });
}

function restoreTool(manager: DocumentManager): Tool {
  return defineTool({
    name: "backup_restore",
    title: "Restore a backup",
    description: "Puts documents back as a backup has them, by an ordinary edit; what they say now is backed up first.",
    input: z.object({
      id: z.string(),
      paths: z.array(z.string()).min(1).max(200).optional().describe("Some of its documents"),
      reason: z.string().max(500).optional(),
    }),
    output: z.object({
      status: z.enum(["committed", "commit_pending", "proposed", "unchanged", "written"]),
      commit: z.string().optional(),
      branch: z.string().optional(),
      files: z.array(z.object({ path: z.string(), diff: z.string() })),
      message: z.string(),
    }),
    effect: "write",
    toolset: "full",
  }).handle({
    run: async ({ id, paths, reason }, { principal }) => {
      const result = await manager.backups.restore({ id, paths, reason, principal });
      const { status, commit, branch, files, message } = result;
      const changed = files.map(({ path, diff }) => ({ path, diff }));
      return { status, ...(commit && { commit }), ...(branch && { branch }), files: changed, message };
    },
    render: ({ status, message }) => `${status}: ${message}`,
  });
}

function shown({ id, at, why, by, paths }: Backup) {
  return { id, at, why, by, paths };
}
