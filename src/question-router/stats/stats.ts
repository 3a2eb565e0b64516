import { type Kysely, sql } from "kysely";
import type { Store } from "../../adapters/store/index.ts";
import type { QuestionTables, QuestionTelemetryTables } from "../tables.ts";

/** How often and how fast asks of one way were answered; times in milliseconds. */
export interface RouteStatistics {
  /** `cache`, a responder, `person`, or `none` for asks that nobody answered while they were waited for. */
  route: string;
  asks: number;
  p50: number;
  p95: number;
}

export interface DayStatistics {
  /** UTC, `2026-01-31`. */
  day: string;
  asks: number;
  /** Answered by the exact cache, and from a similar question. */
  exact: number;
  similar: number;
  /** Answers of similar questions that were judged wrong on that day. */
  falseHits: number;
}

export interface QuestionStatistics {
  days: number;
  asks: number;
  exactHits: number;
  similarHits: number;
  misses: number;
  /** Of all asks, 0..1; null when nothing was asked. */
  hitRate: number | null;
  /** Answers that were taken from similar questions in this time, and what was said of them. */
  similar: { given: number; useful: number; wrong: number; falseHitRate: number | null };
  routes: RouteStatistics[];
  byDay: DayStatistics[];
}

interface Stores {
  core: Store<QuestionTables>;
  telemetry: Store<QuestionTelemetryTables>;
}

const DAY = 86_400_000;

/** What was asked in the last `days` days up to `now` (epoch milliseconds). */
export async function questionStatistics(
  { core, telemetry }: Stores,
  days: number,
  now: number,
): Promise<QuestionStatistics> {
  const since = now - days * DAY;
  const [routes, perDay, similar, wrongs] = await Promise.all([
    routesOf(telemetry.read, since),
    daysOf(telemetry.read, since),
    similarOf(core.read, since),
    wrongsByDay(core.read, since),
  ]);
  const count = (name: string) => routes.find(({ route }) => route === name)?.asks ?? 0;
  const asks = routes.reduce((sum, { asks }) => sum + asks, 0);
  const [exactHits, similarHits] = [count("cache"), count("similar")];
  const byDay = new Map(perDay.map((day) => [day.day, day]));
  for (const [day, falseHits] of wrongs)
    byDay.set(day, { ...(byDay.get(day) ?? { day, asks: 0, exact: 0, similar: 0 }), falseHits });
  return {
    days,
    asks,
    exactHits,
    similarHits,
    misses: asks - exactHits - similarHits,
    hitRate: asks === 0 ? null : (exactHits + similarHits) / asks,
    similar,
    routes,
    byDay: [...byDay.values()].sort((a, b) => (a.day < b.day ? 1 : -1)),
  };
}

async function routesOf(db: Kysely<QuestionTelemetryTables>, since: number): Promise<RouteStatistics[]> {
  const rows = await db
    .selectFrom("question_asks")
    .select(["route", (row) => row.fn.countAll<number>().as("asks")])
    .where("at", ">=", since)
    .groupBy("route")
    .execute();
  const routes = rows.map(async ({ route, asks }) => {
    const at = (share: number) => nth(db, { since, route }, Math.min(asks - 1, Math.floor(asks * share)));
    return { route: route ?? "none", asks: asks, p50: await at(0.5), p95: await at(0.95) };
  });
  return (await Promise.all(routes)).sort((a, b) => b.asks - a.asks || (a.route < b.route ? -1 : 1));
}

/** The time at this place among those of a route, shortest first. */
async function nth(
  db: Kysely<QuestionTelemetryTables>,
  { since, route }: { since: number; route: string | null },
  place: number,
): Promise<number> {
  const all = db.selectFrom("question_asks").select("ms").where("at", ">=", since);
  const own = route === null ? all.where("route", "is", null) : all.where("route", "=", route);
  const row = await own.orderBy("ms").limit(1).offset(place).executeTakeFirst();
  return row?.ms ?? 0;
}

async function daysOf(db: Kysely<QuestionTelemetryTables>, since: number): Promise<DayStatistics[]> {
  const rows = await db
    .selectFrom("question_asks")
    .select([dayOf("at"), "route", (row) => row.fn.countAll<number>().as("asks")])
    .where("at", ">=", since)
    .groupBy([sql`${sql.ref("at")} / ${sql.lit(DAY)}`, "route"])
    .execute();
  const days = new Map<number, DayStatistics>();
  for (const { day, route, asks } of rows) {
    const known = days.get(day) ?? { day: isoDay(day), asks: 0, exact: 0, similar: 0, falseHits: 0 };
    known.asks += asks;
    if (route === "cache") known.exact += asks;
    if (route === "similar") known.similar += asks;
    days.set(day, known);
  }
  return [...days.values()];
}

async function similarOf(db: Kysely<QuestionTables>, since: number): Promise<QuestionStatistics["similar"]> {
  const rows = await db
    .selectFrom("similar_hits")
    .innerJoin("answers", "answers.id", "similar_hits.answer_id")
    .select(["answers.verdict", (row) => row.fn.countAll<number>().as("count")])
    .where("similar_hits.at", ">=", since)
    .groupBy("answers.verdict")
    .execute();
  const count = (verdict: string) => rows.find((row) => row.verdict === verdict)?.count ?? 0;
  const given = rows.reduce((sum, row) => sum + row.count, 0);
  const [useful, wrong] = [count("useful"), count("wrong")];
  return { given, useful, wrong, falseHitRate: given === 0 ? null : wrong / given };
}

async function wrongsByDay(db: Kysely<QuestionTables>, since: number): Promise<[day: string, count: number][]> {
  const rows = await db
    .selectFrom("similar_hits")
    .innerJoin("answers", "answers.id", "similar_hits.answer_id")
    .select("answers.judged_at")
    .where("answers.verdict", "=", "wrong")
    .where("answers.judged_at", ">=", since)
    .execute();
  const days = new Map<string, number>();
  for (const { judged_at } of rows) {
    const day = isoDay(Math.floor((judged_at ?? 0) / DAY));
    days.set(day, (days.get(day) ?? 0) + 1);
  }
  return [...days];
}

/** Whole days since 1970: integers divide to integers in SQLite and PostgreSQL. */
function dayOf(column: string) {
  return sql<number>`${sql.ref(column)} / ${sql.lit(DAY)}`.as("day");
}

function isoDay(day: number): string {
  return new Date(day * DAY).toISOString().slice(0, 10);
}
