/** Amounts as people read them. */
export function seconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

export function dollars(usd: number): string {
  return `$${usd !== 0 && Math.abs(usd) < 0.1 ? usd.toFixed(4) : usd.toFixed(2)}`;
}

/** `1 234 567` */
export function grouped(count: number): string {
  return Math.round(count)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, " ");
}

interface Cost {
  usd: number | null;
  tokensIn: number;
  tokensOut: number;
}

/** Empty where nothing was used. */
export function costText({ usd, tokensIn, tokensOut }: Cost): string {
  const tokens = tokensIn + tokensOut;
  if (tokens === 0 && usd === 0) return "";
  return `${grouped(tokens)} tokens, ${usd === null ? "price unknown" : dollars(usd)}`;
}
