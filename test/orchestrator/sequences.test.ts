import { setTimeout as wait } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import { openGit } from "../../src/adapters/git/index.ts";
import { Validator } from "../../src/adapters/openspec/index.ts";
import { migrate, openSqliteStore } from "../../src/adapters/store/index.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { EventBus } from "../../src/foundation/events.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { migrations, options, Orchestrator } from "../../src/orchestrator/index.ts";
import { join } from "node:path";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { fingerprint, random, takeSteps } from "./sequences.ts";
import { change, delta, PLANNING, startOrchestrator, stateFolder } from "./setup.ts";

/** More with SPECLOOP_SEQUENCES, the same again with SPECLOOP_SEED. */
const BATCHES = Number(process.env["SPECLOOP_SEQUENCES"] ?? 15);
const SEED = Number(process.env["SPECLOOP_SEED"] ?? Date.now() % 2 ** 31);
/** Longer than everything that a watcher waits for after the last event. */
const QUIET_MS = 500;

/** The state as one look at everything gives it, without a watcher and without a memory. */
async function fromScratch(repository: TemporaryRepository): Promise<unknown[]> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(openSqliteStore(join(await stateFolder(), "core.db"), "normal"));
  await migrate(store, [migrations], Date.now());
  const parts = {
    worktree: repository.path,
    searchFrom: [],
    trustProjectInstallation: false,
    env: {},
    logger: silentLogger,
  };
  const orchestrator = stack.use(
    new Orchestrator({
      git: await openGit(repository.path),
      store: store.as(),
      events: new EventBus(silentLogger),
      clock: systemClock,
      logger: silentLogger,
      options: { current: options.schema.parse({ validator: "off" }) },
      validator: stack.use(new Validator(parts)),
      watcher: () => {
        throw new Error("nothing is watched");
      },
    }),
  );
  await orchestrator.refresh();
  return statesOf(orchestrator);
}

/** Everything that follows from files and git. */
async function statesOf(orchestrator: Orchestrator): Promise<unknown[]> {
  const { changes } = await orchestrator.list({ limit: 100 });
  const active = await Promise.all(
    changes.map(async ({ id, root }) => {
      const { validity: _validity, findings, ...state } = await orchestrator.get(id, root);
      const plain = findings.map(({ code, message, target }) => ({ code, message, target }));
      return { ...state, resolved: [], findings: plain };
    }),
  );
  const archived = await orchestrator.list({ stage: "archived", limit: 100 });
  return [...active, ...archived.changes.map(({ id }) => id)];
}

scenario(
  "changes",
  "Whatever happens in whatever order, the state is the one of the files",
  async () => {
    const repository = await temporaryRepository({
      ...PLANNING,
      ...change("change-0", delta("ADDED", "New 0")),
      ...change("change-1", delta("ADDED", "New 1")),
    });
    onTestFinished(() => repository[Symbol.asyncDispose]());
    await repository.git("branch", "branch-0");
    const { orchestrator, told } = await startOrchestrator(repository, { options: { validator: "off" } });
    const pick = random(SEED);
    for (let batch = 0; batch < BATCHES; batch += 1) {
      const from = told.length;
      const before = await fingerprint(repository).catch(() => "");
      const steps = await takeSteps(repository, pick);
      const what = `seed ${SEED}, batch ${batch}: ${steps.join(", ")}`;
      const left = await fingerprint(repository);
      await orchestrator.settled();
      expect(await statesOf(orchestrator), what).toEqual(await fromScratch(repository));
      const quietFrom = told.length;
      await wait(QUIET_MS);
      // Nothing was written by us, and what was told brought nothing forth that would have to be told.
      expect(await fingerprint(repository), what).toBe(left);
      expect(
        told.slice(quietFrom).map(({ name }) => name),
        what,
      ).toEqual([]);
      const settled = told.slice(from).filter(({ name }) => name === "watch.settled");
      expect(settled.length, what).toBeLessThanOrEqual(3 * steps.length);
      const changed = told.slice(from).filter(({ name }) => name.startsWith("change."));
      if (before === left) expect(changed, what).toEqual([]);
    }
  },
  300_000,
);
