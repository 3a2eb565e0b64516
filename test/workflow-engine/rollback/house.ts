import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { DocumentEdit } from "../../../src/adapters/markdown/index.ts";
import type { NodeType } from "../../../src/workflow-engine/node-type.ts";
import { document } from "../../../src/workflow-engine/nodes/document.ts";
import type { Plan, PlanNode } from "../../../src/workflow-engine/plan.ts";
import { openRoom, type Room, type RoomOptions } from "../../document-manager/room.ts";
import { type House, openHouse } from "../engine/house.ts";
import { node } from "../engine/plans.ts";

/** An engine and a document manager over the same repository, as the daemon puts them together. */
export interface RollbackHouse extends House {
  room: Room;
}

const scribble = z.object({ write: z.record(z.string(), z.string().nullable()), fail: z.boolean().default(false) });

/** Writes files behind everybody's back, as a command does. Null removes one. */
function scribbleType(repository: string): NodeType<z.output<typeof scribble>> {
  return {
    type: "scribble",
    description: "Writes files.",
    config: scribble,
    expressions: [],
    output: () => ({}),
    onCrash: "ask",
    execute: async ({ config: { write, fail } }) => {
      for (const [path, text] of Object.entries(write)) put(join(repository, path), text);
      return fail
        ? { outcome: "failed", kind: "failed", message: "as told" }
        : { outcome: "done", output: Object.keys(write) };
    },
  };
}

function put(path: string, text: string | null): void {
  if (text === null) return rmSync(path);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

export async function openRollbackHouse(
  repository: string,
  { plans = [], room: roomOptions = {}, types = [] }: { plans?: Plan[]; room?: RoomOptions; types?: NodeType[] } = {},
): Promise<RollbackHouse> {
  const room = await openRoom(repository, roomOptions);
  const { manager } = room;
  const desk = document({
    update: ({ files, ...rest }) =>
      manager.update({ ...rest, files: files.map((file) => ({ ...file, edits: file.edits as DocumentEdit[] })) }),
  });
  const directory = join(repository, ".specloop", "engine");
  mkdirSync(directory, { recursive: true });
  const house = await openHouse({
    directory,
    plans,
    types: [desk as NodeType, scribbleType(repository) as NodeType, ...types],
    rollback: manager.rollback,
  });
  const close = async () => {
    await house[Symbol.asyncDispose]();
    await room[Symbol.asyncDispose]();
  };
  return { ...house, room, [Symbol.asyncDispose]: close };
}

/** Replaces a text of a document by another one, in an edit of its own. */
export function says(
  key: string,
  path: string,
  [find, replace]: [string, string],
  more: Partial<PlanNode> = {},
): PlanNode {
  const edits = [{ kind: "replace_text", find, replace }];
  return node(key, "document", { config: { path, edits, reason: `Say ${replace}` }, ...more });
}

export function scribbles(key: string, write: Record<string, string | null>, more: Partial<PlanNode> = {}): PlanNode {
  return node(key, "scribble", { config: { write }, snapshot: true, onCrash: "ask", ...more });
}
