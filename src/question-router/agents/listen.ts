import type { EventBus } from "../../foundation/events.ts";
import { type Principal, principalLabel } from "../../foundation/principal.ts";
import type { Verdict } from "../types.ts";

/** What of all events agents' work hangs on. */
interface Listener {
  heard(principal: Principal): void;
  offered(item: string): void;
  left(principal: Principal): void;
  /** Somebody answered (`by`), or its time is over. */
  closed(item: string, why: { by: string | null; reason: string }): void;
  kept(item: string): void;
  judged(answerId: string, verdict: Verdict): void;
}

export function followEvents(events: EventBus, to: Listener): Disposable {
  const stack = new DisposableStack();
  stack.use(events.on("tool.called", ({ principal }) => to.heard(principal)));
  stack.use(events.on("client.left", ({ principal }) => to.left(principal)));
  stack.use(events.on("question.offered", ({ questionId }) => to.offered(questionId)));
  stack.use(events.on("question.left_pending", ({ questionId }) => to.kept(questionId)));
  stack.use(
    events.on("question.answered", ({ questionId, cached, principal }) => {
      if (!cached) to.closed(questionId, closedBy(principal));
    }),
  );
  const expired = { by: null, reason: "the question expired" };
  stack.use(events.on("question.expired", ({ questionId }) => to.closed(questionId, expired)));
  stack.use(events.on("answer.judged", ({ answerId, verdict }) => to.judged(answerId, verdict)));
  return stack;
}

/** What the other offers of a question say when somebody answered it. */
function closedBy(principal: Principal): { by: string | null; reason: string } {
  const by = principalLabel(principal);
  return { by, reason: principal.kind === "system" ? `${principal.name} answered it` : `${by} answered it` };
}
