import type { Notices } from "../adapters/store/index.ts";
import type { EventBus } from "../foundation/events.ts";
import type { AnswerCache } from "./cache.ts";
import type { Ledger } from "./ledger.ts";
import type { Waiters } from "./waiters.ts";

interface Dependencies {
  ledger: Ledger;
  cache: AnswerCache;
  waiters: Waiters;
  events: EventBus;
  notices: Notices;
}

/** What of a question the daemons of a team tell each other: that one is open, and that its answer changed. */
const TOPICS = { opened: "question.opened", changed: "question.changed" };

/**
 * Daemons that share a store share questions: an answer that is given at one wakes those who wait at another. Only ids
 * travel; the rows say the rest.
 */
export function followNeighbours({ ledger, cache, waiters, events, notices }: Dependencies): Disposable {
  const stack = new DisposableStack();
  const changed = (id: string) => notices.post(TOPICS.changed, id);
  stack.use(events.on("question.left_pending", ({ questionId }) => notices.post(TOPICS.opened, questionId)));
  stack.use(events.on("question.answered", ({ questionId, cached }) => void (cached || changed(questionId))));
  stack.use(events.on("question.expired", ({ questionId }) => changed(questionId)));
  stack.use(events.on("answer.judged", ({ questionId }) => changed(questionId)));
  const tell = (questionId: string) => events.emit("question.changed_elsewhere", { questionId });
  stack.use(notices.on(TOPICS.opened, tell));
  stack.use(
    notices.on(TOPICS.changed, (questionId) => {
      void forget(ledger, cache, questionId).finally(() => {
        waiters.wake(questionId);
        tell(questionId);
      });
    }),
  );
  // Whatever was told meanwhile was missed: whoever waits looks again.
  stack.use(
    notices.onGap(() => {
      cache.forgetAll();
      waiters.wakeAll();
    }),
  );
  return stack;
}

/** The next lookup reads the rows; of a question that is not in them there is nothing to forget. */
async function forget(ledger: Ledger, cache: AnswerCache, questionId: string): Promise<void> {
  const key = await ledger.keyOf(questionId).catch(() => null);
  if (key !== null) cache.forget(key);
}
