import { createRequire } from "node:module";
import { z } from "zod";
import { defineOptions, type Live } from "../../foundation/options.ts";

const price = z.strictObject({
  input: z.number().min(0).describe("US dollars per million tokens of the prompt."),
  output: z.number().min(0).describe("US dollars per million tokens of the answer."),
});

/** The `prices` section of specloop.yaml. */
export const options = defineOptions({
  section: "prices",
  schema: z.object({
    models: z
      .record(z.string().min(1).max(200), price)
      .default({})
      .describe("What a model costs, by its name; stands before the built-in table."),
    useBuiltIn: z
      .boolean()
      .default(true)
      .describe("Take prices of known models from the built-in table, which is as old as the installed version."),
  }),
  env: {},
  tunable: {},
});

export type PriceOptions = z.output<typeof options.schema>;

export interface PricedCall {
  /** `lmstudio`, `openai`: what served the call. */
  backend: string;
  model: string;
  tokensIn: number;
  tokensOut: number;
}

const MILLION = 1_000_000;

type PriceTable = typeof import("@pydantic/genai-prices");

/** The table is 3 MB of text, which a daemon without priced calls never needs to hold; asked for at the first such call. */
let table: PriceTable | null = null;

function builtIn(): PriceTable {
  return (table ??= createRequire(import.meta.url)("@pydantic/genai-prices") as PriceTable);
}

/**
 * Dollars that a call cost: the user's own price, 0 for what LM Studio serves on this machine, the built-in table
 * (`@pydantic/genai-prices`, which is not updated over the network), else null: unknown, never 0.
 */
export function priceOf(
  { backend, model, tokensIn, tokensOut }: PricedCall,
  { current }: Live<PriceOptions>,
): number | null {
  const own = current.models[model];
  if (own) return (own.input * tokensIn + own.output * tokensOut) / MILLION;
  if (backend === "lmstudio" || (tokensIn === 0 && tokensOut === 0)) return 0;
  if (!current.useBuiltIn) return null;
  return builtIn().calcPrice({ input_tokens: tokensIn, output_tokens: tokensOut }, model)?.total_price ?? null;
}

/** What so many tokens cost at most: all of them at the dearer of both prices. Null where the price is not known. */
export function mostFor(model: string | null, tokens: number, options: Live<PriceOptions>): number | null {
  if (tokens === 0) return 0;
  if (model === null) return null;
  const read = priceOf({ backend: "", model, tokensIn: tokens, tokensOut: 0 }, options);
  const written = priceOf({ backend: "", model, tokensIn: 0, tokensOut: tokens }, options);
  return read === null || written === null ? null : Math.max(read, written);
}
