import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AuditLog, type AccessTables, migrations as access } from "../../src/access/index.ts";
import { ApprovalService, options as approvalOptions, personFiles } from "../../src/access/approvals/index.ts";
import { Arrivals, openGit, remoteBranch, Signatures } from "../../src/adapters/git/index.ts";
import { migrate, openSqliteStore } from "../../src/adapters/store/index.ts";
import { DocumentManager, migrations, options, type EditStep } from "../../src/document-manager/index.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { EventBus } from "../../src/foundation/events.ts";
import { silentLogger } from "../../src/foundation/logger.ts";

/** The document manager with the approvals that it asks, over one database. */
export async function openApprovedRoom(repository: string, home: string, onStep: (step: EditStep) => void = () => {}) {
  const state = join(repository, ".specloop");
  mkdirSync(state, { recursive: true });
  const store = openSqliteStore(join(state, "core.db"), "full");
  await migrate(store, [access, migrations], Date.now());
  const git = await openGit(repository, { lockWaitMs: 300 });
  const events = new EventBus(silentLogger);
  const base = { git, events, clock: systemClock, logger: silentLogger };
  const current = options.schema.parse({});
  const service = new ApprovalService({
    ...base,
    store: store.as<AccessTables>(),
    audit: new AuditLog({ store: store.as(), clock: systemClock, logger: silentLogger }),
    arrivals: new Arrivals({ places: git.places }),
    signatures: new Signatures({ places: git.places }),
    remote: (url, branch) => remoteBranch({ url, branch }),
    files: personFiles({ XDG_CONFIG_HOME: home }),
    policy: () => {
      const { rules, protectedBranch } = approvalOptions.schema.parse({});
      return { rules, protectedUrl: null, protectedBranch, sensitive: current.sensitive };
    },
  });
  const recovery = join(state, "recovery");
  const manager = new DocumentManager({
    ...base,
    store: store.as(),
    options: { current },
    recovery,
    approvals: service,
    onStep,
  });
  await service.start(new AbortController().signal);
  return {
    git,
    events,
    service,
    manager,
    /** Takes up what is granted. */
    start: () => manager.start(new AbortController().signal),
    [Symbol.asyncDispose]: async () => {
      await manager[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}
