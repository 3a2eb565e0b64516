import { priceOf, type PriceOptions } from "../adapters/prices/index.ts";
import type { Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type { EventBus } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import type { Principal } from "../foundation/principal.ts";
import type { Service } from "../foundation/service.ts";
import { dayOf } from "./cost/period.ts";
import { PeriodBudgets, type Standing } from "./cost/period-budgets.ts";
import { forecastOf } from "./forecast/forecast.ts";
import { pastOf } from "./forecast/past.ts";
import type { Forecast } from "./forecast/shapes.ts";
import type { WorkflowOptions } from "./options.ts";
import type { Budget, Plan } from "./plan.ts";
import { checkInput } from "./run/input.ts";
import { Counting } from "./statistics/counting.ts";
import { Statistics } from "./statistics/statistics.ts";
import type { WorkflowTables } from "./tables.ts";

/** How far back a forecast looks. */
const FORECAST_MS = 90 * 86_400_000;

interface BookParts {
  store: Store<WorkflowTables>;
  options: Live<WorkflowOptions>;
  prices: Live<PriceOptions>;
  /** The checked workflow of this name; throws `unknown_workflow`, `bad_workflow`. */
  find(name: string): Promise<Plan>;
  events: EventBus;
  clock: Clock;
  logger: Logger;
}

/** What runs cost and cost before, what they may still cost, and what the next one will: budgets, statistics, forecasts. */
export class WorkflowBooks implements Service {
  readonly name = "workflow-books";
  readonly budgets: PeriodBudgets;
  readonly statistics: Statistics;
  readonly #parts: BookParts;
  readonly #counting: Counting;

  constructor(parts: BookParts) {
    this.#parts = parts;
    const { store, options, clock, events, logger } = parts;
    const live = {
      get current() {
        return options.current.budgets;
      },
    };
    const now = () => clock.now();
    this.budgets = new PeriodBudgets({ options: live, now });
    const dayAt = (at: number) => dayOf(at, this.budgets.timeZone);
    this.#counting = new Counting({ store, events, logger, dayAt });
    const settled = () => this.#counting.settled();
    this.statistics = new Statistics({ db: store.read, budgets: this.budgets, now, settled });
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#counting.start(signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#counting[Symbol.asyncDispose]();
  }

  /** Every budget that is written down by name, with what is left of it. */
  standings(): Promise<Standing[]> {
    return this.budgets.all(this.#parts.store.read);
  }

  /** For the status: runs that have not ended, by state, and budgets of which half or more is used, the fullest first. */
  async status(): Promise<{ runs: Record<string, number>; budgets: Standing[] }> {
    const rows = await this.#parts.store.read
      .selectFrom("workflow_runs")
      .select(["state", (row) => row.fn.countAll().as("count")])
      .where("state", "in", ["running", "waiting", "paused", "cancelling", "undoing"])
      .groupBy("state")
      .execute();
    const share = ({ used, limit }: Standing) => used / limit;
    const budgets = (await this.standings()).filter((standing) => share(standing) >= 0.5);
    return {
      runs: Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)])),
      budgets: budgets.toSorted((a, b) => share(b) - share(a)),
    };
  }

  /**
   * What a run would probably use, before it begins. Throws `unknown_workflow`, `bad_workflow`, and `bad_input` where an
   * input is given that does not fit.
   */
  async forecast(
    { name, input, budget }: { name: string; input?: unknown; budget?: Partial<Budget> | undefined },
    principal: Principal,
  ): Promise<{ plan: Plan; forecast: Forecast }> {
    const { store, clock, prices } = this.#parts;
    const plan = await this.#parts.find(name);
    if (input !== undefined) checkInput(plan, input);
    await this.#counting.settled();
    const from = dayOf(clock.now() - FORECAST_MS, this.budgets.timeZone);
    const past = await pastOf(store.read, { workflow: plan.name, hash: plan.hash, from });
    const standings = await this.budgets.standings(store.read, { id: "", workflow: plan.name, principal });
    const models = [...new Set([...Object.keys(prices.current.models), ...past.calls.map(({ model }) => model)])];
    const price = (call: { model: string; tokensIn: number; tokensOut: number }) =>
      priceOf({ backend: "", ...call }, prices);
    const asked = { plan, past, standings, models, price, budget: { ...plan.budget, ...budget } };
    return { plan, forecast: forecastOf(asked) };
  }
}
