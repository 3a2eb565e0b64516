import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Git } from "../adapters/git/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { capabilitiesIn } from "./archive/scratch.ts";
import { readTree } from "./archive/tree.ts";
import { changeGraph, type ChangeGraph } from "./graph/graph.ts";
import { declaredIn } from "./graph/declared.ts";
import { requirementHistory, type RequirementHistory } from "./history/requirement-history.ts";
import type { Orchestrator } from "./orchestrator.ts";
import type { ChangeState, RootState } from "./state.ts";

interface LineageParts {
  changes: Pick<Orchestrator, "states">;
  git: Git;
}

/** A change under way that touches a requirement. */
export interface PendingTouch {
  change: string;
  operation: string;
}

/** Where requirements come from, and what changes have to do with each other. */
export class Lineage {
  readonly #parts: LineageParts;

  constructor(parts: LineageParts) {
    this.#parts = parts;
  }

  /**
   * What happened to a requirement, named `<capability>/<name>`. Throws `bad_input` for a name without capability,
   * `unknown_requirement`.
   */
  async requirement(named: string, root?: string): Promise<RequirementHistory & { pending: PendingTouch[] }> {
    const { git } = this.#parts;
    const state = this.#rootState(root);
    const { capability, requirement } = await splitName(named, join(git.places.worktree, state.root));
    const history = await requirementHistory({ git, root: state.root, capability, requirement }).catch(
      (error: unknown) => this.#onlyPending(error, state, { capability, requirement }),
    );
    return { ...history, pending: pendingOf(state, capability, history.requirement) };
  }

  /** Changes under way, what needs what, what overlaps, and which changes touch which capability. */
  async graph(root?: string): Promise<ChangeGraph> {
    const state = this.#rootState(root);
    const changes = [...state.changes.values()];
    const directory = join(this.#parts.git.places.worktree, state.root);
    const archived = await Promise.all(
      state.archived.map(async (name) => {
        const specs = await readTree(join(directory, "changes/archive", name, "specs"));
        return { name, capabilities: capabilitiesIn([...specs.keys()].map((path) => `specs/${path}`)) };
      }),
    );
    const declared = new Map(
      await Promise.all(changes.map(async (change) => [change.id, await this.#declared(change)] as const)),
    );
    return changeGraph({ root: state.root, changes, declared, archived });
  }

  /** A requirement that only a change under way has is no unknown one: its history begins there. */
  #onlyPending(
    error: unknown,
    state: RootState,
    { capability, requirement }: { capability: string; requirement: string },
  ): RequirementHistory {
    if (pendingOf(state, capability, requirement).length === 0) throw error;
    return { capability, requirement, exists: false, events: [], truncated: false };
  }

  #rootState(root: string | undefined): RootState {
    const states = this.#parts.changes.states();
    const state =
      states.find((one) => one.root === (root ?? "openspec")) ?? (root === undefined ? states[0] : undefined);
    if (state) return state;
    if (root === undefined) throw new SpecloopError("no_openspec", "The repository has no openspec/ folder.");
    throw new SpecloopError("bad_input", `"${root}" is no planning root.`, { target: "root" });
  }

  async #declared({ path, branch }: ChangeState): Promise<{ id: string; where: string }[]> {
    const texts = [".openspec.yaml", "proposal.md"].map((name) => this.#read(`${path}/${name}`, branch));
    const [metadata, proposal] = await Promise.all(texts);
    return declaredIn(metadata ?? null, proposal ?? null);
  }

  async #read(path: string, branch: string | null): Promise<string | null> {
    const { git } = this.#parts;
    const bytes = await (branch === null ? readFile(join(git.places.worktree, path)) : git.read(branch, path)).catch(
      () => null,
    );
    return bytes?.toString("utf8") ?? null;
  }
}

/** Capabilities may be nested, and names may hold slashes: the longest beginning that is a capability counts. */
async function splitName(named: string, root: string): Promise<{ capability: string; requirement: string }> {
  const parts = named.split("/");
  const specs = new Set((await readTree(join(root, "specs"))).keys());
  for (let length = parts.length - 1; length >= 1; length -= 1) {
    const capability = parts.slice(0, length).join("/");
    if (specs.has(`${capability}/spec.md`)) return { capability, requirement: parts.slice(length).join("/").trim() };
  }
  const [capability = "", ...rest] = parts;
  if (capability !== "" && rest.length > 0) return { capability, requirement: rest.join("/").trim() };
  throw new SpecloopError("bad_input", `"${named}" names no requirement.`, {
    target: "requirement",
    fix: "Name it as <capability>/<name of the requirement>.",
  });
}

function pendingOf({ changes }: RootState, capability: string, requirement: string): PendingTouch[] {
  return [...changes.values()].flatMap(({ id, deltas }) =>
    deltas
      .filter(
        (delta) => delta.capability === capability && (delta.requirement === requirement || delta.to === requirement),
      )
      .map(({ operation }) => ({ change: id, operation })),
  );
}
