import type { Git } from "../src/adapters/git/index.ts";
import { Validator } from "../src/adapters/openspec/index.ts";
import type { Store } from "../src/adapters/store/index.ts";
import { createWatcher } from "../src/adapters/watcher/index.ts";
import { systemClock as clock } from "../src/foundation/clock.ts";
import type { EventBus } from "../src/foundation/events.ts";
import { silentLogger as logger } from "../src/foundation/logger.ts";
import { options, Orchestrator, type OpenspecOptions } from "../src/orchestrator/index.ts";

interface Parts {
  git: Git;
  store: Store<unknown>;
  events: EventBus;
  worktree: string;
  /** Folders in which an OpenSpec is looked for; without one there are no verdicts. */
  searchFrom: string[];
}

/** An orchestrator as the daemon builds it, not started, with what has to be closed after it. */
export function makeOrchestrator({ git, store, events, worktree, searchFrom }: Parts): {
  orchestrator: Orchestrator;
  validator: Validator;
} {
  const validator = new Validator({ worktree, searchFrom, trustProjectInstallation: false, env: {}, logger });
  const current: OpenspecOptions = options.schema.parse(searchFrom.length === 0 ? { validator: "off" } : {});
  const orchestrator = new Orchestrator({
    git,
    store: store.as(),
    events,
    clock,
    logger,
    options: { current },
    validator,
    watcher: (request) => createWatcher(request, { clock, logger }),
    env: process.env,
  });
  return { orchestrator, validator };
}
