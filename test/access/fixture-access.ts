import { Access, weightOf } from "../../src/access/index.ts";
import type { AnchorChain } from "../../src/access/anchor.ts";
import { type AccessOptions, options } from "../../src/access/options.ts";
import { openGit, RefChain } from "../../src/adapters/git/index.ts";
import type { Clock } from "../../src/foundation/clock.ts";
import { EventBus } from "../../src/foundation/events.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import type { Tool } from "../../src/foundation/tool.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { accessStore, type AccessFixture } from "./fixture.ts";

export const person = { kind: "person", name: "ada@example.org" } as const;

export interface OpenAccess extends AsyncDisposable {
  access: Access;
  events: EventBus;
  fixture: AccessFixture;
  repository: TemporaryRepository;
  chain: AnchorChain;
  clock: Clock & { move(ms: number): void };
  /** What the section `access` says; replaced as a reload of the file does. */
  options: { current: AccessOptions };
  /** Stops it and starts it again over the same files. */
  restart(): Promise<void>;
  /** Entries as `action target`. */
  entries(): Promise<{ seq: number; actor: string; action: string; target: string; detail: string }[]>;
}

/** The whole of access over a real database and a real repository. */
export async function openAccess(
  files: Record<string, string> = { "openspec/a.md": "# A\n" },
  tools: readonly Tool[] = [],
): Promise<OpenAccess> {
  const fixture = await accessStore();
  const repository = await temporaryRepository(files);
  const clock = handClock(1_800_000_000_000);
  const events = new EventBus(silentLogger);
  const git = await openGit(repository.path);
  const chain = new RefChain({ places: git.places, ref: "refs/specloop/audit" });
  const live = { current: options.schema.parse({}) };
  const weigh = (name: string) => weightOf(tools.find((tool) => tool.name === name));
  const build = () =>
    new Access({
      store: fixture.store,
      repository: repository.path,
      logger: silentLogger,
      options: live,
      chain,
      weigh,
      events,
      clock,
    });
  const opened: OpenAccess = {
    access: build(),
    events,
    fixture,
    repository,
    chain,
    clock,
    options: live,
    restart: async () => {
      await opened.access[Symbol.asyncDispose]();
      await fixture.restart();
      opened.access = build();
      await opened.access.start(new AbortController().signal);
    },
    entries: () =>
      fixture.store.read
        .selectFrom("audit")
        .select(["seq", "actor", "action", "target", "detail"])
        .orderBy("seq")
        .execute(),
    [Symbol.asyncDispose]: async () => {
      await opened.access[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    },
  };
  await opened.access.start(new AbortController().signal);
  return opened;
}

/** A clock of which every hand is moved by the test, and whose sleepers wake when it is. */
function handClock(start: number): Clock & { move(ms: number): void } {
  let passed = 0;
  const sleepers = new Set<() => void>();
  return {
    now: () => start + passed,
    monotonic: () => passed,
    sleep: (ms, signal) => {
      const until = passed + ms;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = () => {
        if (passed >= until) resolve();
      };
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      if (signal?.aborted) reject(signal.reason);
      sleepers.add(look);
      return promise.finally(() => sleepers.delete(look));
    },
    move: (ms) => {
      passed += ms;
      for (const look of sleepers) look();
    },
  };
}
