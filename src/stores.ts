import { join } from "node:path";
import { migrations as access, readOrCreateToken } from "./access/index.ts";
import { openPgBoss, type SharedJobs } from "./adapters/engine/index.ts";
import type { Git } from "./adapters/git/index.ts";
import {
  DatabaseClock,
  listenOnPostgres,
  migrate,
  noNotices,
  type Notices,
  openPostgresStore,
  openSqliteStore,
  type RoomMigrations,
  type Store,
  storeAddress,
} from "./adapters/store/index.ts";
import { migrations as documents } from "./document-manager/index.ts";
import { migrations as loop, telemetryMigrations as loopTelemetry } from "./feedback-loop/index.ts";
import type { Clock } from "./foundation/clock.ts";
import { SpecloopError } from "./foundation/errors.ts";
import { sha256 } from "./foundation/hash.ts";
import type { Logger } from "./foundation/logger.ts";
import type { StatePaths } from "./foundation/paths.ts";
import { archiveMigrations, migrations as changes, processingMigrations } from "./orchestrator/index.ts";
import { migrations as questions, telemetryMigrations as questionTelemetry } from "./question-router/index.ts";
import { migrations as workflows } from "./workflow-engine/index.ts";

export interface Stores {
  /** What belongs to this clone: edits, bases, approvals, audit. Never lost once acknowledged. */
  core: Store<unknown>;
  /** Statistics of this clone. */
  telemetry: Store<unknown>;
  /** Questions, answers and runs: the team's where there is a team, else the same as `core`. */
  team: Store<unknown>;
  /** What the daemons of a team tell each other. */
  notices: Notices;
  /** What else the processes of a team need to carry on each other's runs; null where nobody shares. */
  sharing: Sharing | null;
}

export interface Sharing {
  jobs: SharedJobs;
  /** The database's time: the clocks of hosts differ. */
  clock: Clock;
  /** Name of this clone among those of the team. */
  home: string;
}

interface Surroundings {
  paths: StatePaths;
  /** Address of the team's PostgreSQL. */
  url: string | undefined;
  git: Git;
  clock: Clock;
  logger: Logger;
}

/** What every clone keeps for itself. */
const OWN: RoomMigrations[] = [access, changes, archiveMigrations, processingMigrations, documents, loop];
/** What a team shares, with the idempotency records that are committed with it. */
const SHARED: RoomMigrations[] = [access, questions, workflows];

/**
 * Opens the databases and brings their tables up to date; `stack` closes them. Rejects `store_unreachable`,
 * `store_newer`, `bad_config` for a schema that belongs to another repository.
 */
export async function openStores(surroundings: Surroundings, stack: AsyncDisposableStack): Promise<Stores> {
  const { paths, url, clock } = surroundings;
  const core = stack.use(openSqliteStore(paths.coreDb, "full"));
  const telemetry = stack.use(openSqliteStore(paths.telemetryDb, "normal"));
  await migrate(telemetry, [questionTelemetry, loopTelemetry], clock.now());
  // One `migrate` per database: steps that it does not know would be those of a newer version.
  await migrate(core, [...new Set([...OWN, ...SHARED])], clock.now());
  if (url === undefined) return { core, telemetry, team: core, notices: stack.use(noNotices()), sharing: null };
  return { core, telemetry, ...(await openTeam(url, surroundings, stack)) };
}

async function openTeam(
  url: string,
  { git, clock, logger: all, paths }: Surroundings,
  stack: AsyncDisposableStack,
): Promise<Pick<Stores, "team" | "notices" | "sharing">> {
  const address = storeAddress(url);
  const team = stack.use(await openPostgresStore(address, "full"));
  await migrate(team, [...SHARED, ownership], clock.now());
  await checkOwner(team.as<OwnershipTables>(), await git.rootCommits(), address.schema);
  const logger = all.child({ room: "team" });
  const notices = stack.use(await listenOnPostgres(address, logger));
  const time = stack.use(new DatabaseClock(team.read, clock, logger));
  await time.start();
  const jobs = stack.use(await openPgBoss({ address, read: team.read, logger }));
  const home = sha256(readOrCreateToken(join(paths.directory, "clone.id"))).slice(0, 16);
  return { team, notices, sharing: { jobs, clock: time, home } };
}

interface OwnershipTables {
  repository_roots: { commit_id: string };
}

const ownership: RoomMigrations = {
  room: "team",
  migrations: [
    {
      name: "0001-repository",
      up: (db) =>
        db.schema
          .createTable("repository_roots")
          .addColumn("commit_id", "text", (column) => column.notNull().primaryKey())
          .execute(),
    },
  ],
};

/**
 * A schema belongs to the repository that used it first, known by its first commits: answers about another one would be
 * wrong here. A shallow clone and one without commits cannot tell and are let in.
 */
async function checkOwner(store: Store<OwnershipTables>, roots: string[], schema: string): Promise<void> {
  const known = await store.write(async (tx) => {
    const rows = await tx.selectFrom("repository_roots").select("commit_id").execute();
    const shared = rows.length === 0 || rows.some((row) => roots.includes(row.commit_id));
    if (roots.length > 0 && shared) {
      const values = roots.map((commit_id) => ({ commit_id }));
      await tx
        .insertInto("repository_roots")
        .values(values)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
    return rows.map((row) => row.commit_id);
  });
  if (roots.length === 0 || known.length === 0 || known.some((commit) => roots.includes(commit))) return;
  throw new SpecloopError("bad_config", `The schema "${schema}" of the team's store belongs to another repository.`, {
    target: "store.url",
    fix: "Give this repository a schema of its own: add ?schema=name to SPECLOOP_STORE.",
  });
}
