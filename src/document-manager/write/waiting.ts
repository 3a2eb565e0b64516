import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Git } from "../../adapters/git/index.ts";
import type { HealthCheck } from "../../foundation/health.ts";
import type { Emitter } from "../../foundation/events.ts";
import { toSpecloopError } from "../../foundation/errors.ts";
import { heldRequest, type Edit, type EditRows } from "../edit-rows.ts";
import type { Editor } from "../editor.ts";
import type { Recovery } from "../recover.ts";
import type { UpdateRequest } from "../types.ts";

interface Dependencies {
  git: Git;
  rows: EditRows;
  events: Emitter;
  editor: Editor;
  recovery: Recovery;
}

/** The edits that are durable and wait for git. Called in a turn of the room only. */
export class Waiting {
  readonly #deps: Dependencies;
  #count = 0;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** How many may wait; the next try tells exactly. */
  get count(): number {
    return this.#count;
  }

  more(): void {
    this.#count += 1;
  }

  /** Tries everything again. An intent that is met here was left by a crash or by a full disk. */
  async retry(): Promise<void> {
    const { git, rows, recovery } = this.#deps;
    await git.removeOwnLocks();
    await recovery.interrupted(await rows.inState("intent"));
    await recovery.pending(await rows.inState("pending"));
    await this.#takeUp(await rows.inState("held"));
    await this.#recount();
  }

  /** Tries first what waits for the documents of these requests, so that no edit overtakes an earlier one. */
  async before(requests: UpdateRequest[]): Promise<void> {
    if (this.#count === 0) return;
    const paths = new Set(requests.flatMap(({ files }) => files.map(({ path }) => path)));
    const concerns = ({ files }: Edit) => files.some(({ path }) => paths.has(path));
    const pending = (await this.#deps.rows.inState("pending")).filter(concerns);
    if (pending.length > 0) await this.#deps.recovery.pending(pending);
    await this.#takeUp((await this.#deps.rows.inState("held")).filter(concerns));
    await this.#recount();
  }

  healthCheck(): HealthCheck {
    return {
      name: "documents",
      summary: "No edit waits for its commit.",
      run: async () => {
        const waiting = await this.#deps.rows.inState("pending", "held");
        const [first] = waiting;
        if (!first) return { status: "ok", message: "no edit waits" };
        return {
          status: "warning",
          message: `${waiting.length} edits wait for their commit: ${first.note ?? first.id}`,
          fix: first.note?.includes(".lock")
            ? "If no git runs there, remove that lock by hand; specloop removes only its own."
            : "Finish what git is in the middle of, or commit the named document.",
        };
      },
    };
  }

  /** Does held edits as if they were asked for now. */
  async #takeUp(held: Edit[]): Promise<void> {
    if (held.length === 0) return;
    const { git, editor, events } = this.#deps;
    const { kind } = await git.state();
    if ((kind !== "clean" && kind !== "unborn") || existsSync(join(git.places.gitDirectory, "index.lock"))) return;
    const outcomes = await editor.update(held.map((edit) => ({ request: heldRequest(edit), edit })));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === "fulfilled") continue;
      const { code } = toSpecloopError(outcome.reason);
      const { files = [], principal } = held[index] ?? {};
      for (const { path } of files) if (principal) events.emit("document.refused", { path, code, principal });
    }
  }

  async #recount(): Promise<void> {
    const { rows } = this.#deps;
    const counts = await Promise.all((["intent", "pending", "held"] as const).map((state) => rows.count(state)));
    this.#count = counts.reduce((sum, count) => sum + count, 0);
  }
}
