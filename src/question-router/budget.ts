import type { Budget, Cost } from "./types.ts";

/** What may still be spent on one question. */
export class Purse {
  readonly #budget: Budget | undefined;
  #tokens = 0;
  #usd = 0;

  constructor(budget: Budget | undefined) {
    this.#budget = budget;
  }

  spend(cost: Cost | undefined): void {
    if (!cost) return;
    this.#tokens += cost.tokensIn + cost.tokensOut;
    this.#usd += cost.usd ?? 0;
  }

  /** Why something that usually costs this cannot be paid; null when it can. Unknown prices are not taken for nothing. */
  objection(usual: Cost): string | null {
    const { tokens, usd } = this.#budget ?? {};
    const needed = Math.round(usual.tokensIn + usual.tokensOut);
    if (tokens !== undefined && needed > 0 && this.#tokens + needed > tokens) {
      return `it takes about ${needed} tokens, and ${Math.max(0, tokens - this.#tokens)} of ${tokens} are left`;
    }
    if (usd === undefined) return null;
    if (usual.usd === null) return `its price is not known, and ${usd} USD may be spent`;
    if (usual.usd === 0 || this.#usd + usual.usd <= usd) return null;
    return `it costs about ${usual.usd.toFixed(4)} USD, and ${Math.max(0, usd - this.#usd).toFixed(4)} of ${usd} are left`;
  }
}
