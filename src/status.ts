import type { Llm } from "./adapters/llm/index.ts";
import type { Rooms } from "./mcp-tools.ts";

/** What `up` and `status` show of a running daemon. */
export interface AppStatus {
  pid: number;
  version: string;
  repository: string;
  /** `http://127.0.0.1:<port>`. */
  url: string;
  port: number;
  socket: string;
  /** Epoch milliseconds. */
  startedAt: number;
  /** How the program is started again: an MCP client's configuration adds `mcp`. */
  command: string[];
  /** Planning roots, relative to the repository. */
  roots: string[];
  changes: { total: number; byStage: Record<string, number>; findings: number };
  questions: { pending: number };
  loop: { open: number; measuring: number };
  llm: { reachable: boolean; model: string | null; message: string };
}

type Fixed = Pick<AppStatus, "version" | "repository" | "url" | "port" | "socket" | "startedAt" | "command">;

/** How long the model server may take to be asked how it is. */
const MODEL_TIMEOUT_MS = 2500;

/** Reads the figures of now from the rooms. */
export async function readStatus(fixed: Fixed, { rooms, llm }: { rooms: Rooms; llm: Llm }): Promise<AppStatus> {
  const [pending, loop, model] = await Promise.all([
    rooms.questions.list({ status: "pending", limit: 1 }),
    rooms.loop.status(),
    llm.status(AbortSignal.timeout(MODEL_TIMEOUT_MS)),
  ]);
  const measuring = loop.open.filter(({ state }) => state === "measuring").length;
  const { reachable, message } = model;
  return {
    pid: process.pid,
    ...fixed,
    roots: rooms.changes.roots(),
    changes: await countChanges(rooms),
    questions: { pending: pending.total },
    loop: { open: loop.open.length - measuring, measuring },
    llm: { reachable, model: model.model, message },
  };
}

async function countChanges({ changes }: Rooms): Promise<AppStatus["changes"]> {
  const byStage: Record<string, number> = {};
  let findings = 0;
  let cursor: string | undefined;
  for (;;) {
    const page = await changes.list({ limit: 100, cursor });
    for (const change of page.changes) {
      byStage[change.stage] = (byStage[change.stage] ?? 0) + 1;
      findings += change.findings.errors + change.findings.warnings;
    }
    if (page.cursor === null) return { total: page.total, byStage, findings };
    cursor = page.cursor;
  }
}
