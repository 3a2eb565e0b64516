import { z } from "zod";
import type { Verdict } from "../adapters/openspec/index.ts";
import type { Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type { Remembered } from "./compare.ts";
import { STAGES, type TrackedFinding } from "./state.ts";
import type { OrchestratorTables } from "./tables.ts";

/** Rows per statement: SQLite takes at most 32,766 values in one. */
const ROWS = 500;

export interface Approval {
  change: string;
  planHash: string;
  commit: string;
}

/** What the orchestrator remembers over restarts. */
export class Memory {
  readonly #store: Store<OrchestratorTables>;
  readonly #clock: Clock;

  constructor(store: Store<OrchestratorTables>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Changes by root and id. A row that cannot be read counts as not there: it is derived again. */
  async changes(): Promise<Map<string, Map<string, Remembered>>> {
    const rows = await this.#store.read.selectFrom("change_states").selectAll().execute();
    const roots = new Map<string, Map<string, Remembered>>();
    for (const { root, change_id, ...row } of rows) {
      const parsed = rowSchema.safeParse({ ...row, findings: json(row.findings), verdict: json(row.verdict) });
      if (!parsed.success) continue;
      const { verdict_hash: verdictHash, ...rest } = parsed.data;
      const changes = roots.get(root) ?? new Map<string, Remembered>();
      roots.set(root, changes.set(change_id, { ...rest, verdictHash }));
    }
    return roots;
  }

  /** Replaces what is remembered of these changes; null forgets one. */
  async remember(root: string, changes: Map<string, Remembered | null>): Promise<void> {
    const gone = [...changes].filter(([, value]) => value === null).map(([id]) => id);
    const seen_at = this.#clock.now();
    const rows = [...changes].flatMap(([change_id, value]) => {
      if (value === null) return [];
      const verdict = value.verdict === null ? null : JSON.stringify(value.verdict);
      const { stage, place, verdictHash: verdict_hash } = value;
      return [
        { root, change_id, stage, place, findings: JSON.stringify(value.findings), verdict, verdict_hash, seen_at },
      ];
    });
    await this.#store.write(async (tx) => {
      for (let at = 0; at < gone.length; at += ROWS) {
        const ids = gone.slice(at, at + ROWS);
        await tx.deleteFrom("change_states").where("root", "=", root).where("change_id", "in", ids).execute();
      }
      for (let at = 0; at < rows.length; at += ROWS) {
        await tx
          .insertInto("change_states")
          .values(rows.slice(at, at + ROWS))
          .onConflict((conflict) =>
            conflict.columns(["root", "change_id"]).doUpdateSet((eb) => ({
              stage: eb.ref("excluded.stage"),
              place: eb.ref("excluded.place"),
              findings: eb.ref("excluded.findings"),
              verdict: eb.ref("excluded.verdict"),
              verdict_hash: eb.ref("excluded.verdict_hash"),
              seen_at: eb.ref("excluded.seen_at"),
            })),
          )
          .execute();
      }
    });
  }

  /** Plan hashes that a merge approved, by root and change. */
  async approvals(): Promise<Map<string, Map<string, Set<string>>>> {
    const rows = await this.#store.read.selectFrom("change_approvals").selectAll().execute();
    const roots = new Map<string, Map<string, Set<string>>>();
    for (const { root, change_id, plan_hash } of rows) {
      const changes = roots.get(root) ?? new Map<string, Set<string>>();
      roots.set(root, changes.set(change_id, (changes.get(change_id) ?? new Set()).add(plan_hash)));
    }
    return roots;
  }

  async approve(root: string, { change, planHash, commit }: Approval): Promise<void> {
    const row = { root, change_id: change, plan_hash: planHash, commit_id: commit, noticed_at: this.#clock.now() };
    await this.#store.write((tx) =>
      tx
        .insertInto("change_approvals")
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .execute(),
    );
  }

  async mark(name: string): Promise<string | null> {
    const rows = this.#store.read.selectFrom("orchestrator_marks").select("value").where("name", "=", name);
    return (await rows.executeTakeFirst())?.value ?? null;
  }

  async setMark(name: string, value: string): Promise<void> {
    await this.#store.write((tx) =>
      tx
        .insertInto("orchestrator_marks")
        .values({ name, value })
        .onConflict((conflict) => conflict.column("name").doUpdateSet({ value }))
        .execute(),
    );
  }
}

const rowSchema = z.object({
  stage: z.enum(STAGES),
  place: z.enum(["untracked", "modified", "committed", "branch"]),
  findings: z.array(
    z
      .object({
        severity: z.enum(["error", "warning", "info"]),
        code: z.string(),
        message: z.string(),
        target: z.string().optional(),
        fix: z.string().optional(),
        // Rows of older versions do not say it.
        status: z.enum(["new", "standing", "resolved"]).default("standing"),
      })
      .transform(({ target, fix, ...rest }): TrackedFinding => ({
        ...rest,
        ...(target === undefined ? {} : { target }),
        ...(fix === undefined ? {} : { fix }),
      })),
  ),
  verdict: z
    .custom<Verdict>((value) => z.object({ valid: z.boolean(), version: z.string() }).safeParse(value).success)
    .nullable(),
  verdict_hash: z.string().nullable(),
});

function json(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
