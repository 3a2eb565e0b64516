import type { ServerEventBus } from "@modelcontextprotocol/server";
import type { EventBus } from "../foundation/events.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import { resourceUris } from "./resources.ts";

/** A server instance that stays connected: a socket, or a 2025-era HTTP session. */
export interface LiveInstance {
  /** Who is at the other end, as far as it has said; absent where nobody asks. */
  principal?(): Principal;
  /** Sends `notifications/resources/updated` if this client wants it for this address. */
  resourceUpdated(uri: string): void;
  resourceListChanged(): void;
  close(): Promise<void>;
}

/** In a burst, telling every client of every question took an eighth of the daemon's time. */
const APART_MS = 25;

/**
 * Turns facts into resource notifications for every client of both eras. Instances on sockets and in HTTP sessions are
 * told one by one; 2026-era HTTP clients listen on `bus`. What happens at about the same time is told once.
 */
export class Notifier implements Disposable {
  readonly #live = new Set<LiveInstance>();
  readonly #bus: ServerEventBus;
  readonly #subscriptions = new DisposableStack();
  readonly #updated = new Set<string>();
  /** Labels of agents that were offered something. */
  readonly #offered = new Set<string>();
  #listChanged = false;
  #scheduled: NodeJS.Timeout | null = null;
  #flushedAt = Number.NEGATIVE_INFINITY;

  constructor(events: EventBus, bus: ServerEventBus) {
    this.#bus = bus;
    this.#listenToChanges(events);
    this.#listenToQuestions(events);
    this.#listenToApprovals(events);
    this.#listenToRuns(events);
  }

  add(instance: LiveInstance): void {
    this.#live.add(instance);
  }

  remove(instance: LiveInstance): void {
    this.#live.delete(instance);
  }

  get live(): readonly LiveInstance[] {
    return [...this.#live];
  }

  [Symbol.dispose](): void {
    this.#subscriptions.dispose();
    if (this.#scheduled) clearTimeout(this.#scheduled);
    this.#scheduled = null;
  }

  #listenToChanges(events: EventBus): void {
    const { changes, change } = resourceUris;
    this.#subscriptions.use(
      events.on("change.state_changed", ({ changeId, from, to }) => {
        this.#update(changes, change(changeId));
        if (from === null || to === null || to === "archived") this.#announceList();
      }),
    );
    this.#subscriptions.use(
      events.on("change.findings_changed", ({ changeId }) => this.#update(changes, change(changeId))),
    );
    this.#subscriptions.use(events.on("planning.findings_changed", () => this.#update(changes)));
    this.#subscriptions.use(events.on("change.validated", ({ changeId }) => this.#update(change(changeId))));
  }

  #listenToQuestions(events: EventBus): void {
    const { pendingQuestions, question } = resourceUris;
    const settled = (questionId: string) => {
      this.#update(pendingQuestions, question(questionId));
      this.#announceList();
    };
    this.#subscriptions.use(events.on("question.left_pending", ({ questionId }) => settled(questionId)));
    this.#subscriptions.use(events.on("question.changed_elsewhere", ({ questionId }) => settled(questionId)));
    this.#subscriptions.use(events.on("question.expired", ({ questionId }) => settled(questionId)));
    const told = ({ questionId }: { questionId: string }) => this.#update(pendingQuestions, question(questionId));
    for (const name of ["question.offered", "question.escalated"] as const)
      this.#subscriptions.use(events.on(name, told));
    this.#subscriptions.use(
      events.on("question.answered", ({ questionId, cached }) => {
        // An answer out of the cache was never pending: the list of pending questions is as it was.
        if (cached) this.#update(question(questionId));
        else settled(questionId);
      }),
    );
    const offered = (label: string) => {
      this.#offered.add(label);
      this.#update();
    };
    this.#subscriptions.use(events.on("question.offered", ({ to }) => offered(to)));
    this.#subscriptions.use(events.on("question.returned", ({ from }) => offered(from)));
    this.#subscriptions.use(events.on("answer.judged", ({ questionId }) => this.#update(question(questionId))));
  }

  #listenToApprovals(events: EventBus): void {
    const names = [
      "approval.decided",
      "approval.granted",
      "approval.carried_out",
      "approval.ended",
      "approval.bypassed",
    ] as const;
    for (const name of names)
      this.#subscriptions.use(events.on(name, ({ approvalId }) => this.#update(resourceUris.approval(approvalId))));
  }

  #listenToRuns(events: EventBus): void {
    const { run, workflowStats } = resourceUris;
    for (const name of ["run.state_changed", "node.state_changed", "run.changed_elsewhere"] as const)
      this.#subscriptions.use(events.on(name, ({ runId }) => this.#update(run(runId))));
    this.#subscriptions.use(
      events.on("budget.reached", ({ runId }) => this.#update(workflowStats, ...(runId === null ? [] : [run(runId)]))),
    );
  }

  #update(...uris: string[]): void {
    for (const uri of uris) this.#updated.add(uri);
    const since = performance.now() - this.#flushedAt;
    this.#scheduled ??= setTimeout(() => this.#flush(), Math.max(0, APART_MS - since));
  }

  #announceList(): void {
    this.#listChanged = true;
  }

  #flush(): void {
    const uris = [...this.#updated];
    const listChanged = this.#listChanged;
    const offered = new Set(this.#offered);
    this.#updated.clear();
    this.#offered.clear();
    this.#listChanged = false;
    this.#scheduled = null;
    this.#flushedAt = performance.now();
    for (const uri of uris) {
      this.#bus.publish({ kind: "resource_updated", uri });
      for (const instance of this.#live) instance.resourceUpdated(uri);
    }
    this.#tellOffered(offered);
    if (!listChanged) return;
    this.#bus.publish({ kind: "resources_list_changed" });
    for (const instance of this.#live) instance.resourceListChanged();
  }

  /** Only who was offered something is told; 2026-era HTTP clients have no instance of their own and all look. */
  #tellOffered(labels: Set<string>): void {
    if (labels.size === 0) return;
    const uri = resourceUris.questionsForMe;
    this.#bus.publish({ kind: "resource_updated", uri });
    for (const instance of this.#live) {
      const principal = instance.principal?.();
      if (!principal || labels.has(principalLabel(principal))) instance.resourceUpdated(uri);
    }
  }
}
