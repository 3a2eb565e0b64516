import type { Llm } from "./adapters/llm/index.ts";
import { checkStoreHonest } from "./adapters/store/index.ts";
import type { HealthCheck } from "./foundation/health.ts";
import type { Rooms } from "./mcp-tools.ts";
import { STAGES } from "./orchestrator/index.ts";

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
  questions: {
    pending: number;
    /** Of these, waiting longer than until the first reminder, or expiring within the hour. */
    overdue: number;
  };
  loop: { open: number; measuring: number };
  workflows: {
    /** Runs that have not ended, by state. */
    runs: Record<string, number>;
    /** Budgets of days and months of which half or more is used, the fullest first. */
    budgets: { scope: string; per: string; unit: "usd" | "tokens"; limit: number; used: number }[];
  };
  llm: { reachable: boolean; model: string | null; message: string };
  approvals: {
    /** Wait for a person. */
    open: number;
    /** Reached the branch without the approval that the policy asks for. */
    bypassed: number;
    /** The rules of specloop.yaml against the accepted ones; while they are weaker the accepted ones hold. */
    policy: "same" | "as_strict" | "weaker";
  };
  access: {
    /** Registered agents that are active. */
    agents: number;
    /** Calls a minute that a client without an agent token may make; null when only agents with a token are served. */
    rate: number | null;
    /** Last entry of the audit log. */
    audit: number;
    /** Last entry that is anchored in git, and since when (epoch milliseconds). */
    anchor: { seq: number; at: number } | null;
  };
}

type Fixed = Pick<AppStatus, "version" | "repository" | "url" | "port" | "socket" | "startedAt" | "command">;

/** How long the model server may take to be asked how it is. */
const MODEL_TIMEOUT_MS = 2500;

/** Reads the figures of now from the rooms. */
export async function readStatus(fixed: Fixed, { rooms, llm }: { rooms: Rooms; llm: Llm }): Promise<AppStatus> {
  const [pending, overdue, loop, model, access, approvals, workflows] = await Promise.all([
    rooms.questions.list({ status: "pending", limit: 1 }),
    rooms.questions.people.overdue(),
    rooms.loop.status(),
    llm.status(AbortSignal.timeout(MODEL_TIMEOUT_MS)),
    rooms.access.status(),
    rooms.approvals.summary(),
    rooms.books.status(),
  ]);
  const measuring = loop.open.filter(({ state }) => state === "measuring").length;
  const { reachable, message } = model;
  return {
    pid: process.pid,
    ...fixed,
    roots: rooms.changes.roots(),
    changes: countChanges(rooms),
    questions: { pending: pending.total, overdue },
    loop: { open: loop.open.length - measuring, measuring },
    workflows,
    llm: { reachable, model: model.model, message },
    access,
    approvals,
  };
}

function countChanges({ changes }: Rooms): AppStatus["changes"] {
  const all = changes.states().flatMap((root) => [...root.changes.values()]);
  const told = all.flatMap(({ findings }) => findings).filter(({ severity }) => severity !== "info");
  const byStage = STAGES.map((stage) => [stage, all.filter((change) => change.stage === stage).length] as const);
  return {
    total: all.length,
    byStage: Object.fromEntries(byStage.filter(([, count]) => count > 0)),
    findings: told.length,
  };
}

/** What `doctor` and `/ready` ask the running daemon. */
export function healthChecks(rooms: Rooms, llm: Llm): HealthCheck[] {
  return [
    { name: "store", summary: "What the store acknowledges is committed.", run: () => checkStoreHonest() },
    ...rooms.approvals.healthChecks(),
    ...rooms.documents.healthChecks(),
    ...rooms.questions.healthChecks(),
    ...rooms.servers.healthChecks(),
    {
      name: "model",
      summary: "A model server answers; everything but model steps works without.",
      run: async (signal) => {
        const { reachable, model, message } = await llm.status(signal);
        if (reachable && model) return { status: "ok", message };
        return {
          status: "warning",
          message,
          fix: "Start LM Studio's server and load a model, or leave it: models are optional.",
        };
      },
    },
  ];
}
