import { options as priceOptions } from "../../src/adapters/prices/index.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { createLogger } from "../../src/foundation/logger.ts";
import { WorkflowBooks } from "../../src/workflow-engine/books.ts";
import { options } from "../../src/workflow-engine/options.ts";
import type { Plan } from "../../src/workflow-engine/plan.ts";
import type { House } from "./engine/house.ts";

interface BookSettings {
  plans?: Plan[];
  budgets?: object;
  prices?: object;
  now?: () => number;
  /** Counts what ends; else only reads what others counted. */
  counting?: boolean;
}

/** The books of a house, as the daemon keeps them. */
export async function openBooks(house: House, settings: BookSettings = {}): Promise<WorkflowBooks> {
  const { plans = [], budgets = {}, prices = {}, now, counting = true } = settings;
  const books = new WorkflowBooks({
    store: house.store,
    options: { current: options.schema.parse({ budgets }) },
    prices: { current: priceOptions.schema.parse(prices) },
    find: async (name) => {
      const found = plans.find((plan) => plan.name === name);
      if (found) return found;
      throw new SpecloopError("unknown_workflow", `There is no workflow "${name}".`);
    },
    events: house.events,
    clock: now ? { ...systemClock, now } : systemClock,
    logger: createLogger("warn", (line) => house.logged.push(line)),
  });
  if (counting) await books.start(new AbortController().signal);
  return books;
}
