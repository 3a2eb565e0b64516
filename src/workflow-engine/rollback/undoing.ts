import { SpecloopError } from "../../foundation/errors.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { NodeType } from "../node-type.ts";
import type { Plan } from "../plan.ts";
import type { RunEvent } from "../run/messages.ts";
import type { Message, Reply } from "../run/messages.ts";
import type { RunSnapshot } from "../run/draft.ts";
import { locate } from "../run/places.ts";
import { isEnded } from "../run/state.ts";
import type { Values } from "../run/values.ts";
import type { RollbackDesk } from "./port.ts";
import { reportOf } from "./report.ts";
import { restore } from "./restore.ts";
import type { UndoReport } from "./shapes.ts";

/** What undoing needs of the engine. */
export interface UndoingParts {
  desk: RollbackDesk | null;
  values: Values;
  types: () => ReadonlyMap<string, NodeType>;
  look(runId: string): Promise<{ snapshot: RunSnapshot; plan: Plan }>;
  send: (runId: string, message: Message) => Promise<Reply>;
  events: (runId: string, afterSeq: number, limit: number) => Promise<RunEvent[]>;
  children: (runId: string) => Promise<{ id: string }[]>;
  /** Resolves when the run does not go on by itself, or after so many milliseconds, with its state. */
  waitFor(runId: string, ms: number, signal: AbortSignal): Promise<{ state: string; reason: string | null }>;
}

const PAGE = 1000;
const LOOK_MS = 60_000;

/** Takes runs back: what they did is undone in reverse order, and what was not is listed. */
export class Undoing {
  /** The engine's own node type that puts things back. */
  readonly type: ReturnType<typeof restore>;
  readonly #parts: UndoingParts;

  constructor(parts: UndoingParts) {
    this.#parts = parts;
    this.type = restore({
      desk: parts.desk,
      values: parts.values,
      look: (runId) => parts.look(runId),
      childrenOf: (runId, key) => this.#childrenOf(runId, key),
      undoRun: (runId, principal, signal) => this.#undoRun(runId, principal, signal),
    });
  }

  /** Throws `bad_input` for a node that has not begun, `run_ended` and `bad_input` for a run that cannot be undone. */
  async undo(runId: string, principal: Principal, key: string | null): Promise<Reply> {
    const to = key === null ? null : { key, seq: await this.#begun(runId, key) };
    return this.#parts.send(runId, { type: "undo", by: principal.name, to });
  }

  /** What became of each thing that a run did; null while nobody asked for an undo. */
  report({ snapshot, plan }: { snapshot: RunSnapshot; plan: Plan }): Promise<UndoReport | null> {
    return reportOf({ snapshot, plan, types: this.#parts.types(), values: this.#parts.values });
  }

  /** Number of the event with which a node was begun for the first time. */
  async #begun(runId: string, key: string): Promise<number> {
    const { plan } = await this.#parts.look(runId);
    locate(plan, key);
    for (let after = 0; ;) {
      const events = await this.#parts.events(runId, after, PAGE);
      const first = events.find((event) => event.key === key && event.type === "node.queued");
      if (first) return first.seq;
      if (events.length < PAGE) break;
      after = events.at(-1)?.seq ?? after;
    }
    throw new SpecloopError("bad_input", `The node "${key}" has not begun in this run.`, {
      target: key,
      fix: "Look at the run with `specloop run show ID`.",
    });
  }

  async #childrenOf(runId: string, key: string): Promise<string[]> {
    const found: { id: string; createdAt: number }[] = [];
    for (const { id } of await this.#parts.children(runId)) {
      const { run } = (await this.#parts.look(id)).snapshot;
      if (run.parentKey === key) found.push({ id, createdAt: run.createdAt });
    }
    return found.toSorted((a, b) => b.createdAt - a.createdAt).map(({ id }) => id);
  }

  async #undoRun(runId: string, principal: Principal, signal: AbortSignal): Promise<{ state: string; why: string }> {
    const { run } = (await this.#parts.look(runId)).snapshot;
    if (!isEnded(run.state) && run.state !== "undoing") return { state: run.state, why: "It has not ended." };
    if (run.state !== "undoing") await this.undo(runId, principal, null);
    for (;;) {
      const { state, reason } = await this.#parts.waitFor(runId, LOOK_MS, signal);
      signal.throwIfAborted();
      if (state !== "undoing") return { state, why: reason ?? "" };
    }
  }
}
