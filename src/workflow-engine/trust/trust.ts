import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Emitter } from "../../foundation/events.ts";
import { type Principal, principalLabel } from "../../foundation/principal.ts";
import type { NodeType } from "../node-type.ts";
import type { Plan } from "../plan.ts";
import { WorkflowApprovals } from "./approvals.ts";
import { childrenOf, differences, partsOf, type ReachingNode, reachOf } from "./reach.ts";

interface TrustParts {
  /** Top of the worktree that is served. */
  repository: string;
  env: Record<string, string | undefined>;
  /** What is checked: which of them reach out, and how they say so. */
  types: readonly NodeType[];
  /** Plans that the program brings along, as they are shipped. */
  builtin(): Promise<ReadonlySet<string>>;
  /** The checked workflow of this name; throws `unknown_workflow`, `bad_workflow`. */
  find(name: string): Promise<Plan>;
  events: Emitter;
  clock: Clock;
}

/** `free`: it starts and contacts nothing. `shipped`: it came with the program. */
export type Standing = "free" | "shipped" | "approved" | "changed" | "unapproved";

/** What a person looks at before saying yes. */
export type WorkflowTrust = {
  name: string;
  hash: string;
  standing: Standing;
  reach: ReachingNode[];
  secrets: string[];
  /** Against what was approved last, where that is another content. */
  differences: string[];
  approvedBy: string | null;
  /** Epoch milliseconds. */
  approvedAt: number | null;
  /** Workflows that it runs, each of which needs its own yes where it reaches out. */
  children: string[];
};

/**
 * Keeps what a repository contains from starting programs and contacting hosts: a workflow that does so runs only when a
 * person approved exactly its content.
 */
export class WorkflowTrusts {
  readonly #parts: TrustParts;
  readonly #approvals: WorkflowApprovals;

  constructor(parts: TrustParts) {
    this.#parts = parts;
    this.#approvals = new WorkflowApprovals(parts);
  }

  /** Throws `workflow_unapproved` unless the plan may reach what it reaches. */
  async admit(plan: Plan): Promise<void> {
    const { standing, name, differences: changed } = await this.#viewOf(plan);
    if (standing !== "unapproved" && standing !== "changed") return;
    const what =
      standing === "changed"
        ? `The workflow ${name} is not the one that was approved: ${shortened(changed)}`
        : `The workflow ${name} starts programs or contacts hosts, which no person has approved.`;
    throw new SpecloopError("workflow_unapproved", what, {
      target: name,
      fix: `Look at it and approve it in a terminal: \`specloop workflow approve ${name}\`.`,
      details: { hash: plan.hash, differences: changed },
    });
  }

  /** The same for the workflows below it as well, so that a run is refused before anything was done. */
  async admitAll(plan: Plan): Promise<void> {
    const seen = new Set<string>();
    const look = async (one: Plan): Promise<void> => {
      if (seen.has(one.hash)) return;
      seen.add(one.hash);
      await this.admit(one);
      for (const name of childrenOf(one.nodes)) {
        const child = await this.#parts.find(name).catch(() => null);
        if (child) await look(child);
      }
    };
    await look(plan);
  }

  async view(name: string): Promise<WorkflowTrust> {
    return this.#viewOf(await this.#parts.find(name));
  }

  /** A person's yes to the content with this hash. `forbidden` for an agent, `bad_input` when it is another one by now. */
  async approve(name: string, hash: string, by: Principal): Promise<WorkflowTrust> {
    if (by.kind !== "person") {
      throw new SpecloopError("forbidden", "Only a person can approve a workflow.", { target: name });
    }
    const plan = await this.#parts.find(name);
    if (plan.hash !== hash) {
      throw new SpecloopError("bad_input", `The workflow ${name} is not the one that was looked at.`, {
        target: name,
        fix: `Look at it again: \`specloop workflow approve ${name}\`.`,
      });
    }
    const { events, clock, types } = this.#parts;
    const who = principalLabel(by);
    const reach = reachOf(plan, types);
    this.#approvals.add(plan.name, { hash, reach, parts: partsOf(plan), by: who, at: clock.now() });
    events.emit("workflow.approved", { workflow: plan.name, hash, by: who });
    return this.#viewOf(plan);
  }

  /** Takes back every yes to workflows of this name; whether there was one. */
  revoke(name: string): boolean {
    return this.#approvals.revoke(name);
  }

  async #viewOf(plan: Plan): Promise<WorkflowTrust> {
    const reach = reachOf(plan, this.#parts.types);
    const approvals = reach.length === 0 ? [] : this.#approvals.of(plan.name);
    const exact = approvals.find(({ hash }) => hash === plan.hash);
    const last = exact ?? approvals[0];
    const standing =
      reach.length === 0 ? "free" : exact ? "approved" : await this.#withoutYes(plan, last !== undefined);
    const changed = standing === "changed" && last ? differences(last, { reach, parts: partsOf(plan) }) : [];
    return {
      name: plan.name,
      hash: plan.hash,
      standing,
      reach,
      secrets: plan.secrets,
      differences: changed,
      approvedBy: exact?.by ?? null,
      approvedAt: exact?.at ?? null,
      children: childrenOf(plan.nodes),
    };
  }

  async #withoutYes({ hash }: Plan, hadOne: boolean): Promise<Standing> {
    if ((await this.#parts.builtin()).has(hash)) return "shipped";
    return hadOne ? "changed" : "unapproved";
  }
}

const MAX_TOLD = 600;

function shortened(lines: string[]): string {
  const text = lines.join("; ");
  return text.length > MAX_TOLD ? `${text.slice(0, MAX_TOLD)} …` : text;
}
